// Training steps: ours beside PyTorch eager, TensorFlow.js's own backends and jax-js, alternating in one run.
import { createRequire } from 'node:module'
import path from 'node:path'
import { compare } from '../../benchmarks'
import type { BenchContext, BenchSuite, Row, Target } from '../../benchmarks'
import { WhetstoneError } from '../../core'
import { defaultThreads } from '../../runtime'
import { contestant, pythonWith } from '../peers'
import { node } from '../training/contestants'
import { jaxCases } from '../training/jax'
import { cases } from '../training/models'

const TORCH = 'PyTorch eager'
const ORDINARY = 'whetstone'
const COMPILED = 'whetstone, compiled'
const BATCH = 'whetstone, trainOnBatch'
const STEPS: Readonly<Record<string, number>> = { mlp: 40, cnn: 10, resnet8: 5, lstm: 20, transformer: 16 }

const load = createRequire(__filename)
const absent = (name: string): string | undefined => {
  try {
    load.resolve(name)
    return undefined
  } catch {
    return `${name} is not installed`
  }
}

const THREADS = 'threads='

/** How many threads every contestant gets: `threads=1`, or as many as the engine takes by itself. */
function threadsOf(args: readonly string[]): number {
  const asked = args.find((name) => name.startsWith(THREADS))
  const threads = asked === undefined ? defaultThreads() : Number(asked.slice(THREADS.length))
  if (Number.isInteger(threads) && threads > 0) return threads
  throw new WhetstoneError('BENCH_OPTION', 'A number of threads is a whole number above 0', { got: asked ?? '', fix: 'training threads=1' })
}

async function run(context: BenchContext): Promise<void> {
  const threads = threadsOf(context.args)
  const models = context.args.filter((name) => !name.startsWith(THREADS))
  const python = pythonWith('torch')
  const wanted = models.length > 0 ? models.filter((name) => name in cases) : Object.keys(cases)
  for (const model of wanted) {
    const one = cases[model]
    const steps = STEPS[model] ?? 5
    if (!one) continue
    const script = path.join(context.root, 'src', 'cli', 'training', 'peer.py')
    context.add(await compare({
      name: one.name, unit: 'ms', rounds: 9, warmup: 4,
      contestants: [
        contestant(TORCH, steps, python ?? 'python3', [script, model, String(threads)],
          python === undefined ? 'PyTorch is not installed: set WHETSTONE_PYTHON to a Python that has it' : undefined),
        node(ORDINARY, 'onnx', model, threads, steps),
        node(COMPILED, 'compiled', model, threads, steps),
        node(BATCH, 'batch', model, threads, steps, one.layers ? undefined : 'no layers model'),
        // Seconds a step where it convolves: one step a round.
        node('jax-js (wasm)', 'jax', model, threads, model === 'mlp' ? steps : 1,
          absent('@jax-js/jax') ?? (jaxCases.includes(model) ? undefined : 'the step is not written for it')),
      ],
    }, context))
  }
  // The other backends take up to 15 s a step: a case of their own, with few steps.
  if (wanted.includes('cnn')) {
    context.add(await compare({
      name: 'CNN, beside the other backends', unit: 'ms', rounds: 3, warmup: 0,
      contestants: [
        node(ORDINARY, 'onnx', 'cnn', threads, 10),
        node('TensorFlow.js cpu', 'cpu', 'cnn', 1, 1),
        node('TensorFlow.js wasm', 'wasm', 'cnn', threads, 1, absent('@tensorflow/tfjs-backend-wasm')),
      ],
    }, context))
  }
}

/** PyTorch's time divided by ours, case by case. */
function speeds(rows: readonly Row[], name: string): { case: string; speed: number }[] {
  return rows.flatMap((row) => row.contestant === name && row.ratio !== undefined && !row.case.startsWith('CNN, beside')
    ? [{ case: row.case, speed: 1 / row.ratio }] : [])
}

function targets(rows: readonly Row[]): Target[] {
  const against = (name: string): Target => {
    const all = rows.some((row) => row.contestant === TORCH && row.median !== undefined) ? speeds(rows, name) : []
    const mean = Math.exp(all.reduce((sum, s) => sum + Math.log(s.speed), 0) / Math.max(1, all.length))
    const slowest = all.reduce((a, b) => (b.speed < a.speed ? b : a), { case: '', speed: Infinity })
    return {
      name: `${name}: speed relative to PyTorch`, wanted: 'geometric mean ≥ 1.0, none < 0.8',
      reached: all.length === 0 ? '' : `${mean.toFixed(2)}, slowest ${slowest.speed.toFixed(2)} (${slowest.case})`,
      met: all.length === 0 ? null : mean >= 1 && slowest.speed >= 0.8,
    }
  }
  const cpu = rows.find((row) => row.contestant === 'TensorFlow.js cpu' && row.ratio !== undefined)
  return [
    against(ORDINARY), against(BATCH), against(COMPILED),
    { name: 'CNN: times faster than TensorFlow.js cpu', wanted: '≥ 300', reached: (cpu?.ratio ?? 0).toFixed(0), met: cpu?.ratio === undefined ? null : cpu.ratio >= 300 },
  ]
}

export const suite: BenchSuite = {
  name: 'training', description: 'a training step of five models: ours, PyTorch, TensorFlow.js cpu and wasm, jax-js', run, targets,
}
