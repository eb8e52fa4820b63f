// `npm run bench -- convert [NAME …]`: architectures of torchvision, timm and transformers with random weights, converted here
// and by torch.onnx.export: success, equality with PyTorch, time to convert, nodes, latency of the result.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { compare, median, type BenchContext, type BenchSuite, type Case, type Contestant, type Row, type Target } from '../../benchmarks'
import { convert, readSafetensors, verifyConversion, type RunTensor, type Sample } from '../../convert'
import { readModel, writeModel, type Model, type Tensor } from '../../onnx'
import { simplify } from '../../optimization'
import { Session } from '../../runtime'
import { torchPython } from '../training/contestants'

/** What peer.py notes of an architecture. */
interface Facts {
  readonly name: string
  readonly export_seconds?: number
  readonly onnx_seconds?: number
  readonly onnx_failure?: string
  readonly fixed?: string
}

/** PyTorch's numbers must be met by this, relative to the largest. */
const TOLERANCE = 1e-4

const run = (bytes: Uint8Array, inputs: Readonly<Record<string, RunTensor>>): Readonly<Record<string, RunTensor>> => {
  const session = Session.create(bytes)
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

function samplesOf(folder: string): Sample[] {
  const file = readSafetensors(path.join(folder, 'samples.safetensors'))
  try {
    return [2, 3].filter((batch) => file.info(`${batch}/output/0`) !== undefined).map((batch) => {
      const list = (kind: string): Tensor[] => {
        const found: Tensor[] = []
        while (file.info(`${batch}/${kind}/${found.length}`) !== undefined) found.push(file.tensor(`${batch}/${kind}/${found.length}`))
        return found
      }
      return { inputs: list('input'), outputs: list('output') }
    })
  } finally {
    file.close()
  }
}

/** Milliseconds of one run. */
function timed(bytes: Uint8Array, sample: Sample): Pick<Contestant, 'prepare' | 'measure' | 'close'> {
  let session: Session | undefined
  let inputs: Record<string, RunTensor> = {}
  return {
    prepare: () => {
      session = Session.create(bytes)
      const names = readModel(bytes).graph.inputs.map(({ name }) => name)
      inputs = Object.fromEntries((sample.inputs as readonly Tensor[]).map((tensor, i) =>
        [names[i] ?? '', { dtype: tensor.dtype, shape: tensor.shape, data: tensor.toArray() } as RunTensor]))
      session.runSync(inputs)
    },
    measure: () => {
      const start = performance.now()
      session?.runSync(inputs)
      return performance.now() - start
    },
    close: () => session?.dispose(),
  }
}

interface Outcome {
  readonly rows: Row[]
  readonly name: string
  readonly equal: boolean
  /** Theirs ÷ ours, both from the exported program to a file's bytes. */
  readonly speed: number | undefined
  readonly latency: Row | undefined
}

const nodes = (model: Model): number => [...model.graph.allNodes()].length

async function measure(folder: string, context: BenchContext): Promise<Outcome> {
  const facts = JSON.parse(readFileSync(path.join(folder, 'facts.json'), 'utf8')) as Facts
  const { name } = facts
  const fail = (reason: string): Outcome => ({ name, equal: false, speed: undefined, latency: undefined, rows: [{ case: name, contestant: 'whetstone', unit: 'ms', missing: reason }] })
  try {
    const archive = path.join(folder, 'model.pt2')
    const times: number[] = []
    let bytes: Uint8Array = new Uint8Array()
    let model: Model | undefined
    for (let round = 0; round < (context.quick ? 1 : 3); round++) {
      const start = performance.now()
      model = convert(archive, { simplify }).model
      bytes = writeModel(model)
      times.push(performance.now() - start)
    }
    if (model === undefined) return fail('not converted')
    const samples = samplesOf(folder)
    const errors = verifyConversion(model, samples, run, Infinity)
    const worst = errors.reduce((most, { relative }) => Math.max(most, relative), 0)
    const rows: Row[] = [{ case: `${name}: relative error, two batch sizes`, contestant: 'whetstone', unit: '', median: worst }]
    const ours = median(times)
    const theirs = path.join(folder, 'model.onnx')
    const other = existsSync(theirs) ? new Uint8Array(readFileSync(theirs)) : undefined
    const missing = facts.onnx_failure ?? (other === undefined ? 'not exported' : undefined)
    const peer = (unit: string, what: string, value: number | undefined, own: number): void => {
      rows.push({ case: `${name}: ${what}`, contestant: 'torch.onnx.export', unit, ...(missing === undefined && value !== undefined ? { median: value } : { missing: missing ?? 'not measured' }) })
      rows.push({ case: `${name}: ${what}`, contestant: 'whetstone', unit, median: own, ...(value === undefined ? {} : { ratio: own / value }) })
    }
    const seconds = facts.onnx_seconds
    peer('ms', 'convert', seconds === undefined ? undefined : seconds * 1000, ours)
    peer('nodes', 'nodes', other === undefined ? undefined : nodes(readModel(other, { folder })), nodes(model))
    let latency: Row | undefined
    const [sample] = samples
    if (sample !== undefined && other !== undefined && missing === undefined) {
      const one: Case = {
        name: `${name}: latency, batch 2`, unit: 'ms', rounds: 15, warmup: 2,
        contestants: [{ name: 'torch.onnx.export', ...timed(other, sample) }, { name: 'whetstone', ...timed(bytes, sample) }],
      }
      const measured = await compare(one, context)
      rows.push(...measured)
      latency = measured.find((row) => row.contestant === 'whetstone')
    }
    return { name, rows, equal: worst <= TOLERANCE && samples.length === 2, speed: seconds === undefined ? undefined : (seconds * 1000) / ours, latency }
  } catch (error) {
    return fail((error as Error).message.split('\n').slice(0, 3).join(' '))
  }
}

const folderOf = (name: string): string => name.replace('/', '-').replaceAll(' ', '-')

function targets(outcomes: readonly Outcome[]): Target[] {
  const speeds = outcomes.flatMap(({ speed, name }) => (speed === undefined ? [] : [{ speed, name }])).sort((a, b) => a.speed - b.speed)
  const slower = outcomes.filter(({ latency }) => (latency?.interval?.[0] ?? 0) > 1)
  const measured = outcomes.filter(({ latency }) => latency?.interval !== undefined)
  const wrong = outcomes.filter(({ equal }) => !equal)
  const [slowest] = speeds
  return [
    { name: 'converted and equal to PyTorch at two batch sizes', wanted: 'all', met: outcomes.length === 0 ? null : wrong.length === 0,
      reached: `${outcomes.length - wrong.length} of ${outcomes.length}${wrong.length === 0 ? '' : `; not ${wrong.map(({ name }) => name).join(', ')}`}` },
    { name: 'times faster to convert than torch.onnx.export of the exported program', wanted: '≥ 5 for each',
      met: slowest === undefined ? null : slowest.speed >= 5,
      reached: slowest === undefined ? 'nothing measured' : `median ${median(speeds.map(({ speed }) => speed)).toFixed(0)}, least ${slowest.speed.toFixed(1)} (${slowest.name}), ${speeds.length} models` },
    { name: 'results no slower in ONNX Runtime', wanted: 'no model slower', met: measured.length === 0 ? null : slower.length === 0,
      reached: measured.length === 0 ? 'nothing measured' : `${slower.length} of ${measured.length} slower${slower.length === 0 ? '' : `: ${slower.map(({ name, latency }) => `${name} × ${(latency?.ratio ?? 0).toFixed(2)}`).join(', ')}`}` },
  ]
}

export const suite: BenchSuite = {
  name: 'convert',
  description: 'PyTorch models to ONNX, beside torch.onnx.export',
  run: async (context): Promise<void> => {
    // WHETSTONE_CONVERT_CACHE: a folder of archives that were exported before.
    const cache = process.env['WHETSTONE_CONVERT_CACHE'] ?? path.join(context.root, '.whetstone', 'cache', 'convert')
    const python = torchPython()
    const list = path.join(context.root, 'src', 'cli', 'convert')
    const names = context.args.length > 0 ? context.args : modelNames(path.join(list, 'models.txt'))
    const outcomes: Outcome[] = []
    for (const name of names) {
      const folder = path.join(cache, folderOf(name))
      if (!existsSync(path.join(folder, 'facts.json'))) {
        if (python === undefined) {
          context.add([{ case: name, contestant: 'all', unit: 'ms', missing: 'PyTorch is not installed: set WHETSTONE_PYTHON to a Python that has torch, torchvision, timm, transformers, onnxscript and safetensors' }], targets(outcomes))
          continue
        }
        context.note(`${name}: exported by PyTorch`)
        mkdirSync(cache, { recursive: true })
        spawnSync(python, [path.join(list, 'peer.py'), cache, '--onnx', name], { stdio: 'ignore', timeout: 900_000 })
      }
      if (!existsSync(path.join(folder, 'facts.json'))) {
        context.add([{ case: name, contestant: 'all', unit: 'ms', missing: 'PyTorch could not export it' }], targets(outcomes))
        continue
      }
      context.note(name)
      const outcome = await measure(folder, context)
      outcomes.push(outcome)
      context.add(outcome.rows, targets(outcomes))
    }
  },
}

/** A name a line; models.py says how each is made. */
function modelNames(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '')
}
