// The entry: a file of any framework in, a model and a report out. Which formats there are is the table in formats.ts.
import { statSync } from 'node:fs'
import path from 'node:path'
import { formatCount, type FunctionDefinition, type Model } from '../onnx'
import { ConvertError } from './errors'
import { FORMATS } from './formats'
import { guardPads } from './runtime-faults'
import { ConversionReport, countParameters, type ConversionFacts, type SimplifiedSummary } from './report'
import { isSafetensors } from './safetensors'
import { byteSource, type ByteSource } from './source'
import { isCheckpoint } from './torch/checkpoint'
import { DEFAULT_TOLERANCE, verifyConversion, type Run, type Sample } from './verify'

/** The part of the optimization room's `simplify` that is used here. */
export type Simplify = (model: Model) => {
  readonly model: Model
  readonly report: { readonly changesByPass: ReadonlyMap<string, number> }
}

/** What converters of all formats understand. */
export interface FormatOptions {
  /** Version of the ONNX operator set. Default 21. */
  readonly opset?: number
  /** Which of several models or signatures in the file. */
  readonly name?: string
  /** What to do with weights that are not finite numbers. Default `refuse`. */
  readonly nonFinite?: 'refuse' | 'keep'
  /** Functions for custom operators: a node of an operator without a lowering calls the function of its name. */
  readonly functions?: readonly FunctionDefinition[]
  /** `false` does not compare the checksums of a zip archive. Default true. */
  readonly checksums?: boolean
}

export interface ConvertOptions extends FormatOptions {
  /** Makes the graph smaller afterwards: `optimization.simplify`. */
  readonly simplify?: Simplify
  /** Inputs with the outputs of the source; the result is compared with them. Needs `run`. */
  readonly samples?: readonly Sample[]
  /** How models are run. */
  readonly run?: Run
  /** Largest max |a − b| / max |b| that is accepted. Default 1e-4. */
  readonly tolerance?: number
}

/** A converted model and what was done. */
export interface Conversion {
  readonly model: Model
  readonly report: ConversionReport
}

/** What is to be converted: bytes, or a folder (TensorFlow's SavedModel). */
export interface Input {
  readonly name: string
  /** The path, when it is a file or a folder. */
  readonly path: string | undefined
  /** Undefined for a folder. */
  readonly bytes: ByteSource | undefined
}

/** One format that can be read. */
export interface Format {
  /** As reports call it. */
  readonly name: string
  /** Endings of its files, for messages. */
  readonly endings: readonly string[]
  /** Whether the input is of this format, by its content. Reads little; throws for a damaged file that must be of it. */
  readonly matches: (input: Input) => boolean
  readonly convert: (input: Input, options: FormatOptions) => { readonly model: Model; readonly facts: ConversionFacts; readonly samples?: readonly Sample[] }
}

/**
 * A file of another framework as an ONNX model, with a report. The format is found by the content of the file.
 *
 * @param from path of a file or folder, or the bytes of a file
 * @throws ConvertError, with a code that says what is wrong with the file; `MissingOperatorsError` when operators have no
 * mapping, all of them at once; `CONVERT_DIFFERS` when samples are given and the result differs
 * @example
 * const { model, report } = convert('model.pt2', { simplify: optimization.simplify })
 * console.log(String(report))
 */
export function convert(from: string | Uint8Array, options: ConvertOptions = {}): Conversion {
  if (options.samples !== undefined && options.run === undefined) {
    throw new ConvertError('CONVERT_OPTION', 'Samples are given, but no way to run the model', { fix: 'give run: (bytes, inputs) => outputs' })
  }
  const start = performance.now()
  const input = inputOf(from)
  try {
    const format = formatOf(input)
    const made = format.convert(input, options)
    guardPads(made.model)
    const { model, summary } = simplified(made.model, options.simplify)
    const milliseconds = performance.now() - start
    const samples = options.samples ?? made.samples
    const errors = options.run === undefined || samples === undefined || samples.length === 0 ? undefined
      : verifyConversion(model, samples, options.run, options.tolerance ?? DEFAULT_TOLERANCE)
    const report = new ConversionReport({
      ...made.facts, source: input.path === undefined ? input.name : path.basename(input.path), opset: model.opset,
      nodes: [...model.graph.allNodes()].length, parameters: countParameters(model), milliseconds, simplified: summary, errors,
    })
    return { model, report }
  } finally {
    input.bytes?.close()
  }
}

function simplified(model: Model, simplify: Simplify | undefined): { model: Model; summary: SimplifiedSummary | undefined } {
  if (simplify === undefined) return { model, summary: undefined }
  const count = (of: Model): number => [...of.graph.allNodes()].length
  const { model: small, report } = simplify(model)
  return { model: small, summary: { before: count(model), after: count(small), changes: Object.fromEntries(report.changesByPass) } }
}

function inputOf(from: string | Uint8Array): Input {
  if (typeof from !== 'string') return { name: `${formatCount(from.byteLength)} bytes`, path: undefined, bytes: byteSource(from) }
  const found = statSync(from, { throwIfNoEntry: false })
  return { name: from, path: from, bytes: found?.isDirectory() === true ? undefined : byteSource(from) }
}

/** The format of an input, by its content. */
function formatOf(input: Input): Format {
  const found = FORMATS.find((format) => format.matches(input))
  if (found !== undefined) return found
  if (input.bytes !== undefined && (isCheckpoint(input.bytes) || isSafetensors(input.bytes))) {
    throw new ConvertError('CONVERT_FORMAT', 'The file holds weights only, and no graph to convert', {
      expected: FORMATS.map(({ name, endings }) => `${name} (${endings.join(', ')})`).join('; '), where: input.name,
      fix: 'export the module in PyTorch: torch.export.save(torch.export.export(module, inputs), "model.pt2"); weights are read by readCheckpoint and readSafetensors',
    })
  }
  throw new ConvertError('CONVERT_FORMAT', 'The file is of no format that can be converted', {
    expected: FORMATS.map(({ name, endings }) => `${name} (${endings.join(', ')})`).join('; '),
    got: input.bytes === undefined ? 'a folder' : `a file that begins with ${Buffer.from(input.bytes.read(0, Math.min(8, input.bytes.size))).toString('hex') || 'nothing'}`,
    where: input.name, fix: 'check that it is the file you meant',
  })
}
