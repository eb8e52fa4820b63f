// Judges exported samples in a process of its own: `node pytorch-child.js OPSET FOLDER RESULTS JOURNAL …`. A line of JSON for each
// sample, written before and after it, because a model may end the process of the runtime (an integer divided by zero does).
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { convert, ConvertError, MissingOperatorsError, type RunTensor } from '../../convert'
import { archivedSample } from '../../convert/samples'
import { compareTensors, toRun } from '../../convert/verify'
import { writeModel } from '../../onnx'
import { Session } from '../../runtime'
import type { Exported, Judged } from './pytorch'

/** Of floating point numbers, relative to the largest; where all are zero, of the numbers themselves. */
const RELATIVE = 1e-4
const ABSOLUTE = 1e-6
/** float16 has three digits, and how many are kept between two operators is PyTorch's own affair: so many times as much. */
const HALF = 100

/** What the sample's archive gives; throws what is no answer of the converter's. */
function judge(archive: Uint8Array, opset: number): Pick<Judged, 'outcome' | 'detail'> {
  const { inputs, outputs } = archivedSample(archive)
  const { model } = convert(archive, { nonFinite: 'keep', opset })
  // An input that the program does not read may be missing from the archive's own list, never out of order.
  const given: Record<string, RunTensor> = {}
  model.graph.inputs.filter((value) => value.tensor === undefined).forEach(({ name }, i) => {
    const tensor = inputs[i]
    if (tensor !== undefined) given[name] = toRun(name, tensor)
  })
  let got: Readonly<Record<string, RunTensor>>
  try {
    const session = Session.create(writeModel(model), { threads: 1 })
    try {
      got = session.runSync(given)
    } finally {
      session.dispose()
    }
  } catch (error) {
    return { outcome: 'does not run', detail: line(error) }
  }
  const names = model.graph.outputs.map(({ name }) => name)
  if (names.length !== outputs.length) return { outcome: 'differs', detail: `${names.length} outputs instead of ${outputs.length}` }
  const half = [...inputs, ...outputs].some(({ dtype }) => dtype === 'float16')
  for (const [i, expected] of outputs.entries()) {
    const name = names[i] ?? ''
    const { largest, relative } = compareTensors(name, got[name], expected)
    const close = /float/.test(expected.dtype) ? relative <= (half ? HALF : 1) * RELATIVE || largest <= (half ? HALF : 1) * ABSOLUTE : largest === 0
    if (!close) return { outcome: 'differs', detail: `output ${i}, ${expected.dtype}: ${largest.toPrecision(3)} off, ${relative.toPrecision(3)} of the largest` }
  }
  return { outcome: 'equal' }
}

/** Errors that blame the archive: PyTorch wrote it, so the fault is the converter's. */
const OURS: readonly string[] = ['CONVERT_DIFFERS', 'CONVERT_SHAPE', 'CONVERT_MALFORMED']

const line = (error: unknown): string => (error as Error).message.trim().replaceAll(/\s*\n\s*/g, ' | ').slice(0, 600)

function judged(archive: Uint8Array, opset: number): Pick<Judged, 'outcome' | 'detail' | 'code' | 'missing'> {
  try {
    return judge(archive, opset)
  } catch (error) {
    if (error instanceof MissingOperatorsError) return { outcome: 'refused', code: error.code, missing: error.operators.map(({ operator }) => operator) }
    if (!(error instanceof ConvertError)) return { outcome: 'error', detail: `${(error as Error).name}: ${line(error)}` }
    return { outcome: OURS.includes(error.code) ? 'differs' : 'refused', code: error.code, detail: line(error) }
  }
}

/** Objects of a file with one a line; a last line that was cut off is left out. */
function lines<T>(file: string): T[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map((text) => JSON.parse(text) as T)
}

function main(opset: number, folder: string, results: string, shards: readonly string[]): void {
  const before = lines<Judged & { readonly begin?: string }>(results)
  const known = new Set(before.flatMap(({ case: name, begin }) => (begin === undefined ? [name] : [])))
  const write = (entry: object): void => { appendFileSync(results, JSON.stringify(entry) + '\n') }
  const last = before.at(-1)?.begin
  for (const { case: name, operator, dtype, file } of shards.flatMap((shard) => lines<Exported>(shard))) {
    if (file === undefined || known.has(name)) continue
    if (name === last) {
      write({ case: name, operator, dtype, outcome: 'crash', detail: 'the process of the runtime ended' })
      continue
    }
    write({ begin: name })
    write({ case: name, operator, dtype, ...judged(new Uint8Array(readFileSync(path.join(folder, file))), opset) })
  }
}

const [opset = '', folder = '', results = '', ...shards] = process.argv.slice(2)
main(Number(opset), folder, results, shards)
