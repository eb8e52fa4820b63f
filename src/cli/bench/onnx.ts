// `npm run bench -- onnx`: loading, inferring and saving large models, ours beside the onnx package of Python, each
// measurement in a fresh process that reports its time and its peak memory.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Case, type Contestant, type Row, type Target } from '../../benchmarks'
import { GraphBuilder, saveModel } from '../../onnx'

const SIZES = [{ name: '100 MB', megabytes: 100 }, { name: '1 GB', megabytes: 1000 }]
/** Megabytes of one weight matrix. */
const LAYER_MEGABYTES = 4

export const suite: BenchSuite = {
  name: 'onnx',
  description: 'load, infer and save models of 100 MB and 1 GB, time and peak memory, beside the onnx package of Python',
  run: (context) => measure(context),
  targets,
}

interface Measurement {
  readonly load: number
  readonly infer: number
  readonly save: number
  readonly peak: number
}

type Step = keyof Measurement

/** Our side, in a fresh process. Prints milliseconds and megabytes as JSON. */
const OURS = `
const onnx = require(process.argv[1])
const time = (work) => { const start = performance.now(); const result = work(); return [performance.now() - start, result] }
const [load, model] = time(() => onnx.loadModel(process.argv[2]))
const [infer] = time(() => onnx.inferShapes(model))
const [save] = time(() => onnx.saveModel(model, process.argv[3]))
console.log(JSON.stringify({ load, infer, save, peak: process.resourceUsage().maxRSS / 1000 }))
`

const THEIRS = `
import json, resource, sys, time
import onnx
from onnx import shape_inference
start = time.perf_counter(); model = onnx.load(sys.argv[1]); load = time.perf_counter() - start
start = time.perf_counter(); model = shape_inference.infer_shapes(model, data_prop=True); infer = time.perf_counter() - start
start = time.perf_counter(); onnx.save(model, sys.argv[2]); save = time.perf_counter() - start
print(json.dumps({'load': load * 1e3, 'infer': infer * 1e3, 'save': save * 1e3, 'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))
`

async function measure(context: BenchContext): Promise<void> {
  const folder = path.join(context.root, '.whetstone', 'bench', 'onnx')
  mkdirSync(folder, { recursive: true })
  const python = findPython(context.root)
  const compiled = path.join(context.root, 'dist', 'onnx', 'index.js')
  try {
    for (const { name, megabytes } of SIZES) {
      const file = path.join(folder, `${megabytes}.onnx`)
      context.note(`${name}: writing the model`)
      writeLayers(file, megabytes)
      const out = path.join(folder, 'saved.onnx')
      const contestants: Contestant[] = [
        run('onnx (Python)', python === undefined ? 'no Python with onnx: pip install onnx, or set WHETSTONE_PYTHON' : undefined, () => execFileSync(python ?? '', ['-c', THEIRS, file, out], { encoding: 'utf8' })),
        run('whetstone', existsSync(compiled) ? undefined : 'the library is not built: npm run build', () => execFileSync(process.execPath, ['-e', OURS, compiled, file, out], { encoding: 'utf8' })),
      ]
      for (const step of ['load', 'infer', 'save', 'peak'] as const) {
        const one: Case = {
          name: `${name}: ${step === 'peak' ? 'peak memory' : step}`, unit: step === 'peak' ? 'MB' : 'ms', rounds: 5, warmup: 1,
          contestants: contestants.map((contestant) => ({ ...contestant, measure: () => (contestant as Measured).step(step) })),
        }
        context.add(await compare(one, context))
      }
      rmSync(file, { force: true })
      rmSync(out, { force: true })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Measured extends Contestant {
  readonly step: (step: Step) => number
}

/** One process measures every step; the first case runs the processes, the other cases report of the same ones. */
function run(name: string, missing: string | undefined, work: () => string): Measured {
  const done: Measurement[] = []
  const reported = new Map<Step, number>()
  const step = (wanted: Step): number => {
    const round = reported.get(wanted) ?? 0
    reported.set(wanted, round + 1)
    return (done[round] ??= JSON.parse(work()) as Measurement)[wanted]
  }
  return { name, ...(missing === undefined ? {} : { missing }), step, measure: () => step('load') }
}

/** No slower, and less memory: the promise of the project. */
function targets(rows: readonly Row[]): Target[] {
  return rows.filter((row) => row.contestant === 'whetstone').map((row) => {
    const memory = row.unit === 'MB'
    return {
      name: row.case, wanted: memory ? 'less than onnx (Python)' : 'no slower than onnx (Python)',
      reached: row.ratio === undefined ? 'not measured' : `${row.ratio.toFixed(2)} times theirs`,
      met: row.ratio === undefined ? null : memory ? row.ratio < 1 : (row.interval?.[0] ?? row.ratio) <= 1,
    }
  })
}

/** A chain of square matrix products whose weights fill the file. */
function writeLayers(file: string, megabytes: number): void {
  const width = Math.round(Math.sqrt((LAYER_MEGABYTES * 1e6) / 4))
  const weights = Float32Array.from({ length: width * width }, (_, i) => Math.sin(i) / width)
  const g = new GraphBuilder('layers')
  let x = g.input('x', 'float32', ['N', width])
  for (let i = 0; i < megabytes / LAYER_MEGABYTES; i++) x = g.op('Relu', [g.op('MatMul', [x, g.constant(weights, 'w', 'float32', [width, width])])])
  g.output(x, 'y')
  saveModel(g.model(), file)
}

function findPython(root: string): string | undefined {
  return [process.env['WHETSTONE_PYTHON'], path.join(root, '.venv', 'bin', 'python')].find((python) => {
    if (python === undefined || !existsSync(python)) return false
    try {
      execFileSync(python, ['-c', 'import onnx'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}
