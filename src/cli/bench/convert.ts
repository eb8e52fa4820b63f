// `npm run bench -- convert [NAME …]`: architectures of torchvision, timm and transformers with random weights, converted here
// and by torch.onnx.export: success, equality with PyTorch, time to convert, nodes, latency of the result.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Row } from '../../benchmarks'
import { readModel } from '../../onnx'
import {
  beside, converted, equalTarget, failed, isEqual, latencyTarget, measureAll, nodeCount, samplesOf, speedTarget, timed, worst, type Outcome,
} from '../convert/measured'
import { pythonWith } from '../peers'

/** What peer.py notes of an architecture. */
interface Facts {
  readonly name: string
  readonly onnx_seconds?: number
  readonly onnx_failure?: string
}

const PEER = 'torch.onnx.export'

async function measure(folder: string, context: BenchContext): Promise<Outcome> {
  const { name, onnx_seconds: seconds, onnx_failure: failure } = JSON.parse(readFileSync(path.join(folder, 'facts.json'), 'utf8')) as Facts
  try {
    const ours = converted(path.join(folder, 'model.pt2'), context.quick ? 1 : 3)
    const samples = samplesOf(path.join(folder, 'samples.safetensors'))
    const error = worst(ours.model, samples)
    const file = path.join(folder, 'model.onnx')
    const theirs = existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined
    const missing = failure ?? (theirs === undefined ? 'not exported' : undefined)
    const rows: Row[] = [
      { case: `${name}: relative error, two batch sizes`, contestant: 'whetstone', unit: '', median: error },
      ...beside(`${name}: convert`, 'ms', [{ name: PEER, value: seconds === undefined ? undefined : seconds * 1000, missing }], ours.milliseconds),
      ...beside(`${name}: nodes`, 'nodes', [{ name: PEER, value: theirs === undefined ? undefined : nodeCount(readModel(theirs, { folder })), missing }], nodeCount(ours.model)),
    ]
    let latency: Row | undefined
    const [sample] = samples
    if (sample !== undefined && theirs !== undefined && missing === undefined) {
      const { inputs } = sample
      const measured = await compare({
        name: `${name}: latency, batch 2`, unit: 'ms', rounds: 15, warmup: 2,
        contestants: [{ name: PEER, ...timed(theirs, inputs) }, { name: 'whetstone', ...timed(ours.bytes, inputs) }],
      }, context)
      rows.push(...measured)
      latency = measured.find((row) => row.contestant === 'whetstone')
    }
    return { name, rows, equal: isEqual(error, samples), speed: seconds === undefined ? undefined : (seconds * 1000) / ours.milliseconds, latency }
  } catch (error) {
    return failed(name, error)
  }
}

export const suite: BenchSuite = {
  name: 'convert',
  description: 'PyTorch models to ONNX, beside torch.onnx.export',
  run: async (context): Promise<void> => {
    // WHETSTONE_CONVERT_CACHE: a folder of archives that were exported before.
    const cache = process.env['WHETSTONE_CONVERT_CACHE'] ?? path.join(context.root, '.whetstone', 'cache', 'convert')
    const python = pythonWith('torch')
    const list = path.join(context.root, 'src', 'cli', 'convert')
    await measureAll(context.args.length > 0 ? context.args : modelNames(path.join(list, 'models.txt')), {
      cache, measure: (folder) => measure(folder, context),
      make: python === undefined ? undefined : (name) => spawnSync(python, [path.join(list, 'peer.py'), cache, '--onnx', name], { stdio: 'ignore', timeout: 900_000 }),
      absent: 'PyTorch is not installed: set WHETSTONE_PYTHON to a Python that has torch, torchvision, timm, transformers, onnxscript and safetensors',
      refused: 'PyTorch could not export it',
    }, context, (outcomes) => [
      equalTarget(outcomes, 'converted and equal to PyTorch at two batch sizes'),
      speedTarget(outcomes, `times faster to convert than ${PEER} of the exported program`),
      latencyTarget(outcomes, 'results no slower in ONNX Runtime'),
    ])
  },
}

/** A name a line; models.py says how each is made. */
function modelNames(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '')
}
