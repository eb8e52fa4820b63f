// A model ready for TensorRT, before and without TensorRT: precision put into the graph by our own passes, what the
// parser will refuse, and whether quantize and dequantize nodes are where they let layers run in 8 bits.
import { writeModel, type Model, type Node, type Value } from '../../onnx'
import { constantOf } from '../constants'
import { OptimizationError } from '../errors'
import { typedClone } from '../pass'
import { convertPrecision, type PrecisionOptions } from '../precision'
import { quantizeStatic, type CalibrationData, type StaticOptions } from '../quantize'
import type { QuantizationReport } from '../quantize'
import type { RunFunction } from '../run'
import { ensureTypes } from '../structure'
import { previewFusion, type FusionPreview } from './fusion'

/** The type that layers compute in. */
export type TensorrtPrecision = 'float32' | 'float16' | 'bfloat16' | 'int8'

/** How a model is prepared. */
export interface TensorrtOptions {
  readonly precision: TensorrtPrecision
  /** Runs the model for calibration and comparison; every precision but float32 needs it. */
  readonly run?: RunFunction
  /** int8 needs it; the 16-bit types use it to find what overflows. */
  readonly data?: CalibrationData
  /** Further options of the pass: `exclude`, `calibration`, … */
  readonly pass?: Partial<Omit<StaticOptions, 'run' | 'data'>> & Partial<Omit<PrecisionOptions, 'run' | 'data'>>
}

/** Something that TensorRT refuses (`error`) or that costs speed (`warning`). */
export interface TensorrtProblem {
  readonly kind: 'type' | 'zero-point' | 'quantized-type' | 'scale' | 'half-quantized' | 'blocked-fusion' | 'rank'
  readonly severity: 'error' | 'warning'
  /** The node, or the input. */
  readonly where: string
  readonly what: string
}

/** Everything up to the engine. */
export interface PreparedModel {
  readonly model: Model
  /** The model's file, for `runtime.buildEngine`. */
  readonly bytes: Uint8Array
  /** Inputs with names for sizes that vary, for profiles. */
  readonly inputs: readonly { readonly name: string, readonly dtype: string | undefined, readonly shape: readonly (number | string)[] }[]
  readonly precision: TensorrtPrecision
  readonly problems: readonly TensorrtProblem[]
  readonly fusion: FusionPreview
  /** What the change of precision cost; undefined for float32. */
  readonly report: QuantizationReport | undefined
}

/**
 * Puts the precision into the graph and looks at the result as TensorRT will.
 *
 * float16, bfloat16: casts by `convertPrecision`. int8: quantize and dequantize nodes by `quantizeStatic`, in the form that
 * TensorRT takes: int8, zero points 0, weights with a scale for each channel. Nothing is decided by flags of the builder,
 * which TensorRT 11 no longer has.
 *
 * @throws OptimizationError `OPTIMIZATION_OPTION` without a run function or data where they are needed; what the passes throw
 */
export function prepareForTensorrt(model: Model, options: TensorrtOptions): PreparedModel {
  const { precision, run, data, pass } = options
  let prepared = typedClone(model), report: QuantizationReport | undefined
  if (precision !== 'float32') {
    if (run === undefined || (precision === 'int8' && data === undefined)) {
      throw new OptimizationError('OPTIMIZATION_OPTION', `${precision} needs ${run === undefined ? 'a function that runs the model' : 'calibration data'}`, { fix: 'prepareForTensorrt(model, { precision, run: runner(), data: samples })' })
    }
    const done = precision === 'int8'
      ? quantizeStatic(model, { ...pass, run, data: data ?? [], activations: 'int8', weights: 'int8', symmetricActivations: true, symmetricWeights: true, reduceRange: false })
      : convertPrecision(model, { ...pass, run, ...data === undefined ? {} : { data }, type: precision })
    prepared = done.model
    report = done.report
  }
  ensureTypes(prepared)
  return {
    model: prepared, bytes: writeModel(prepared), precision, report, problems: tensorrtProblems(prepared), fusion: previewFusion(prepared),
    inputs: prepared.graph.inputs.filter((input) => input.tensor === undefined).map((input) => ({
      name: input.name, dtype: input.dtype, shape: (input.shape ?? []).map((size, axis) => (typeof size === 'number' || typeof size === 'string' ? size : `?${axis}`)),
    })),
  }
}

/** Types that TensorRT has no tensors of. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['float64', 'string', 'complex64', 'complex128', 'uint16', 'int16', 'uint32', 'uint64'])
const WEIGHTED: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])
const FUSED_BEHIND: ReadonlySet<string> = new Set(['Relu', 'BatchNormalization', 'Clip', 'LeakyRelu'])

/**
 * What TensorRT refuses in a model, and quantize nodes in places that keep a layer out of 8 bits (its guide's "Q/DQ Layer-Placement
 * Recommendations": quantize all inputs of weighted operators, not their outputs before what is fused behind them).
 */
export function tensorrtProblems(model: Model): TensorrtProblem[] {
  const problems: TensorrtProblem[] = []
  const tell = (kind: TensorrtProblem['kind'], severity: TensorrtProblem['severity'], where: string, what: string): void => { problems.push({ kind, severity, where, what }) }
  const types = (value: Value | undefined, where: string): void => {
    if (value?.dtype !== undefined && UNSUPPORTED.has(value.dtype)) tell('type', 'error', where, `"${value.name}" is ${value.dtype}, which TensorRT does not have`)
  }
  for (const input of model.graph.inputs) {
    types(input, `input ${input.name}`)
    if ((input.shape?.length ?? 0) > 8) tell('rank', 'error', `input ${input.name}`, 'TensorRT has at most 8 axes')
    if (input.shape === undefined && input.tensor === undefined) tell('rank', 'error', `input ${input.name}`, 'its rank is not known')
  }
  for (const node of model.graph.allNodes()) {
    if (node.opType !== 'Constant') for (const output of node.outputs) types(output, node.label)
    if (node.opType === 'QuantizeLinear' || node.opType === 'DequantizeLinear') checkQuantization(node, tell)
    else if (WEIGHTED.has(node.opType)) checkWeighted(node, tell)
  }
  return problems
}

type Tell = (kind: TensorrtProblem['kind'], severity: TensorrtProblem['severity'], where: string, what: string) => void

function checkQuantization(node: Node, tell: Tell): void {
  const low = node.opType === 'QuantizeLinear' ? node.outputs[0]?.dtype : node.inputs[0]?.dtype
  const zero = node.inputs[2] === undefined ? undefined : constantOf(node.inputs[2])
  if (low === 'int32') return // a bias, which the parser takes apart
  if (low !== undefined && !['int8', 'int4', 'float8e4m3fn'].includes(low)) {
    tell('quantized-type', 'error', node.label, `${low} is not a type that TensorRT quantizes to: int8, int4 weights, float8`)
  }
  if (zero !== undefined && [...zero.toArray()].some((value) => Number(value) !== 0)) tell('zero-point', 'error', node.label, 'TensorRT quantizes symmetrically: the zero point must be 0')
  if (node.inputs[1] !== undefined && constantOf(node.inputs[1]) === undefined) tell('scale', 'error', node.label, 'the scale must be a constant')
  const scale = node.inputs[1] === undefined ? undefined : constantOf(node.inputs[1])
  if (node.opType === 'QuantizeLinear' && scale !== undefined && scale.size > 1 && constantOf(node.inputs[0]) === undefined) {
    tell('scale', 'error', node.label, 'an activation has one scale; a scale for each channel is for weights')
  }
}

function checkWeighted(node: Node, tell: Tell): void {
  const dequantized = (value: Value | undefined): boolean => value?.producer?.opType === 'DequantizeLinear'
  const [a, b] = [dequantized(node.inputs[0]), dequantized(node.inputs[1])]
  if (a !== b) tell('half-quantized', 'warning', node.label, `only its ${a ? 'first' : 'second'} input is quantized: the layer computes in floating point`)
  const [output] = node.outputs
  const users = output === undefined ? [] : [...output.consumers]
  const [quantize] = users
  if (users.length !== 1 || quantize?.opType !== 'QuantizeLinear') return
  const after = [...quantize.outputs[0]?.consumers ?? []].flatMap((dequantize) => [...dequantize.outputs[0]?.consumers ?? []])
  const blocked = after.find((next) => FUSED_BEHIND.has(next.opType))
  if (blocked !== undefined) tell('blocked-fusion', 'warning', node.label, `its output is quantized before ${blocked.opType}, which is then not fused into it: quantize behind it`)
}
