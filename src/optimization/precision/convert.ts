// float16 and bfloat16: a model in half the bytes, where nodes whose numbers do not fit stay in float32, with the reason.
import { assertValid, Node, schemaOf, Tensor, tensorType, type Graph, type Model, type Value } from '../../onnx'
import { constantOf, floats } from '../constants'
import { opsetOf } from '../pass'
import { ensureTypes } from '../structure'
import { QuantizeError } from '../quantize/errors'
import { observe, type CalibrationData, type Observer } from '../quantize/calibrate'
import { keyOf } from '../quantize/layers'
import type { Decision, Selection } from '../quantize/plan'
import { prepare, proofSamples, type CommonOptions } from '../quantize/prepare'
import { reportOn, type Quantized } from '../quantize/report'
import { HALF, unsafeConstant, type HalfType } from './range'

/** How a model is converted. */
export interface PrecisionOptions extends CommonOptions, Selection {
  /** Default `float16`. */
  readonly type?: HalfType
  /** Runs over which the range of every value is observed; without data only the constants are looked at. */
  readonly data?: CalibrationData
  /** Inputs and outputs keep their types; default true. */
  readonly keepIoTypes?: boolean
  /** How far below the largest number of the type the observed numbers must stay; default 2: half of it. */
  readonly headroom?: number
  /**
   * `compute` (default): nodes compute in 16 bits. `storage`: only constants are stored so and cast back when the model is loaded,
   * for runtimes without 16-bit kernels. `auto`: `compute`, and for operators that the run function refuses float32.
   */
  readonly mode?: 'compute' | 'storage' | 'auto'
}

/** Operators whose own arithmetic leaves the range of what goes in and out: squares and exponentials summed up inside. */
const WIDE: ReadonlySet<string> = new Set([
  'LayerNormalization', 'InstanceNormalization', 'GroupNormalization', 'RMSNormalization', 'BatchNormalization', 'ReduceL2', 'ReduceSumSquare',
  'ReduceLogSumExp', 'LpNormalization', 'LRN', 'MeanVarianceNormalization', 'ReduceMean', 'ReduceSum', 'CumSum',
])
/** Of those, the ones that square: x² must fit. */
const SQUARING = /Norm|ReduceL2|SumSquare|LRN/

class Largest implements Observer {
  largest = 0

  see(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) {
      const x = Math.abs(values[i] ?? 0)
      if (!(x <= this.largest)) this.largest = x
    }
  }
}

/**
 * Converts a float32 model to 16-bit floats. A node stays in float32 when an observed number exceeds the type's largest one less the
 * headroom, when the squares that it sums inside do, when one of its constants overflows or a constant that keeps a divisor from zero
 * becomes zero, when its operator does not take the type (its schema), when it is excluded, or, with `auto`, when the run function refuses it.
 *
 * @throws QuantizeError `QUANTIZE_ALREADY`, `QUANTIZE_DATA`, `QUANTIZE_NOT_FINITE`, `QUANTIZE_NOTHING`, `QUANTIZE_OPTION`, `QUANTIZE_RUN`,
 * `QUANTIZE_QUALITY`
 * @example
 * const { model: half, report } = convertPrecision(model, { run: runtime.runner(), data: samples })
 */
export function convertPrecision(model: Model, options: PrecisionOptions): Quantized {
  const { type = 'float16', headroom = 2, mode = 'compute', keepIoTypes = true } = options
  if (!(headroom >= 1)) throw new QuantizeError('QUANTIZE_OPTION', 'The headroom is less than nothing', { expected: 'at least 1', got: String(headroom) })
  if (!keepIoTypes && (type === 'bfloat16' || mode === 'storage')) {
    throw new QuantizeError('QUANTIZE_OPTION', 'Inputs and outputs cannot become bfloat16 here', { expected: 'keepIoTypes: true', fix: 'runtimes take no bfloat16 from JavaScript; leave the option out' })
  }
  const prepared = prepare(model, type === 'bfloat16' || mode === 'storage' ? 13 : 7, { ...options, simplify: options.simplify ?? true })
  const ranges = observeRanges(prepared, options)
  const samples = proofSamples(model, options.data, options)
  const refused = new Map<string, string>()
  for (;;) {
    const { model: made, decisions } = convert(prepared, { ...options, type, headroom, mode, keepIoTypes: true }, ranges, refused)
    if (!decisions.some(({ quantized }) => quantized)) {
      throw new QuantizeError('QUANTIZE_NOTHING', `No node of the model can be ${type}`, {
        got: decisions.filter(({ opType }) => opType !== 'Constant').slice(0, 5).map(({ node, opType, why }) => `${opType} ${node}: ${why}`).join('; ') || 'no nodes',
        fix: type === 'bfloat16' ? "store the weights only: mode: 'storage'" : 'give calibration data, or less headroom',
      })
    }
    try {
      const method = `${type}${mode === 'storage' ? ', stored only' : ''}${ranges === undefined ? ', without calibration data' : ''}`
      const report = reportOn(model, made, method, decisions, { run: options.run, samples, minimumSqnr: options.minimumSqnr ?? 0 })
      if (keepIoTypes) return { model: made, report }
      // The same nodes without the Casts at the borders.
      const bare = convert(prepared, { ...options, type, headroom, mode, keepIoTypes }, ranges, refused).model
      assertValid(bare)
      return { model: bare, report }
    } catch (error) {
      const operator = mode === 'auto' && error instanceof QuantizeError && error.code === 'QUANTIZE_RUN' ? missingKernel(error.message) : undefined
      if (operator === undefined || refused.has(operator)) throw error
      refused.set(operator, `the runtime has no ${type} kernel for ${operator}`)
    }
  }
}

/** The operator that ONNX Runtime names when it has no kernel for it. */
function missingKernel(message: string): string | undefined {
  return /(?:implementation for|find an implementation for the node with op type:?|No Op registered for|Op with name \([^)]*\) and type \(|Type Error: Type '[^']*' of input parameter \([^)]*\) of operator \()\s*([A-Za-z]+)/.exec(message)?.[1]
}

function observeRanges(model: Model, options: PrecisionOptions): ReadonlyMap<string, Largest> | undefined {
  if (options.data === undefined) return undefined
  const watched = [...model.graph.values()].filter((value) => value.dtype === 'float32' && constantOf(value) === undefined)
  const observers = new Map(watched.map((value) => [value.name, new Largest()]))
  observe(model, options.data, options.run, new Map([...observers].map(([name, observer]) => [name, [observer]])))
  return observers
}

type Settings = PrecisionOptions & { readonly type: HalfType; readonly headroom: number; readonly mode: 'compute' | 'storage' | 'auto'; readonly keepIoTypes: boolean }

function convert(prepared: Model, settings: Settings, ranges: ReadonlyMap<string, Largest> | undefined, refused: ReadonlyMap<string, string>): { model: Model; decisions: Decision[] } {
  const model = prepare(prepared, opsetOf(prepared), { run: settings.run, simplify: false })
  const { graph } = model
  if (settings.mode === 'storage') return { model, decisions: store(model, settings) }
  const reasons = new Map(graph.nodes.map((node) => [node, whyFloat32(model, node, settings, ranges, refused)]))
  const casts = new Map<string, Value>()
  /** The same value in the other type; one Cast for all readers. */
  const as = (value: Value, half: boolean): Value => {
    const key = `${value.name} ${half}`
    const known = casts.get(key)
    if (known !== undefined) return known
    const tensor = constantOf(value)
    const made = half && tensor !== undefined ? graph.addInitializer(`${value.name}_${settings.type}`, Tensor.from(Float32Array.from(floats(tensor)), tensor.shape, settings.type))
      : castAfter(graph, value, half ? settings.type : 'float32')
    casts.set(key, made)
    return made
  }
  const half = new Set<Value>()
  for (const node of graph.nodes) if (reasons.get(node) === undefined) for (const output of node.outputs) if (output.dtype === 'float32') half.add(output)
  // All types first, so that a Cast is made only where two neighbours differ.
  for (const value of half) value.type = tensorType(settings.type, value.shape)
  for (const node of graph.nodes) {
    const wanted = reasons.get(node) === undefined
    if (node.opType === 'Cast' && node.domain === '' && wanted && node.int('to', 0) === 1) node.setAttribute('to', settings.type === 'float16' ? 10 : 16)
    if (node.opType === 'ConstantOfShape' || node.opType === 'Constant') retype(node, wanted, settings.type)
    const schema = schemaOf(node.opType, opsetOf(model), node.domain)
    node.inputs.forEach((input, index) => {
      if (input === undefined) return
      const isHalf = half.has(input)
      if (!isHalf && input.dtype !== 'float32') return
      // Inputs that are float32 in any case, such as the scales of Resize.
      const own = schema?.inputs[Math.min(index, schema.inputs.length - 1)]?.type
      const fixed = own === 'float32' || own === 'tensor(float)'
      const want = wanted && !fixed
      if (want !== isHalf) node.setInput(index, as(input, want))
    })
  }
  finishOutputs(graph, half, settings)
  for (const [value] of [...graph.initializers]) {
    if (value.consumers.size === 0 && !value.isGraphOutput && !value.isGraphInput) graph.removeInitializer(value)
  }
  ensureTypes(model, true)
  return {
    model, decisions: [...reasons].map(([node, why]) => ({ node: keyOf(node), opType: node.opType, quantized: why === undefined && node.opType !== 'Constant', why: why ?? settings.type })),
  }
}

function retype(node: Node, wanted: boolean, type: HalfType): void {
  const tensor = node.get('value', 'tensor')
  if (wanted && tensor?.dtype === 'float32') node.setAttribute('value', Tensor.from(Float32Array.from(floats(tensor)), tensor.shape, type))
}

/** The outputs of the model get their types and names back; or, when types may change, keep what they became. */
function finishOutputs(graph: Graph, half: ReadonlySet<Value>, settings: Settings): void {
  const outputs = [...new Set(graph.outputs)]
  for (const output of outputs) {
    if (!half.has(output) || !settings.keepIoTypes) continue
    const readers = [...output.consumers]
    const cast = castAfter(graph, output, 'float32')
    graph.setOutputs(graph.outputs.map((value) => (value === output ? cast : value)))
    const { name } = output
    output.currentName = cast.name
    cast.currentName = name
    for (const reader of readers) reader.inputs.forEach((input, index) => { if (input === cast && reader !== cast.producer) reader.setInput(index, output) })
  }
  if (settings.keepIoTypes) return
  for (const input of graph.inputs) {
    if (input.dtype !== 'float32' || input.tensor !== undefined) continue
    const shape = input.shape
    input.type = tensorType(settings.type, shape)
    // The Casts to 16 bits that follow the input are no longer needed; readers in float32 get one.
    for (const reader of [...input.consumers]) {
      if (reader.opType === 'Cast' && reader.output.dtype === settings.type) {
        const { output } = reader
        graph.replaceAllUses(output, input)
        graph.remove(reader)
      } else {
        const back = castAfter(graph, input, 'float32')
        reader.inputs.forEach((value, index) => { if (value === input) reader.setInput(index, back) })
      }
    }
  }
}

function castAfter(graph: Graph, value: Value, type: HalfType | 'float32'): Value {
  const node = new Node('Cast', [value], [graph.freshName(`${value.name}_${type}`)], { attributes: { to: type === 'float16' ? 10 : type === 'bfloat16' ? 16 : 1 } })
  const [first] = graph.nodes
  if (value.producer !== undefined) graph.insertAfter(value.producer, node)
  else if (first !== undefined) graph.insertBefore(first, node)
  else graph.append(node)
  node.output.type = tensorType(type, value.shape)
  return node.output
}

function whyFloat32(model: Model, node: Node, settings: Settings, ranges: ReadonlyMap<string, Largest> | undefined, refused: ReadonlyMap<string, string>): string | undefined {
  const { type, headroom } = settings
  const names = [node.opType, node.name, keyOf(node)]
  if (settings.exclude?.some((name) => names.includes(name))) return 'excluded'
  if (settings.include !== undefined && !settings.include.some((name) => names.includes(name))) return 'not included'
  if (node.subgraphs.length > 0) return 'it has graphs inside'
  if (node.domain !== '') return `operators of ${node.domain} are left alone`
  const carried = [...node.inputs, ...node.outputs].filter((value): value is Value => value?.dtype === 'float32')
  if (carried.length === 0) return 'it has no float32 inputs or outputs'
  const cannot = refused.get(node.opType) ?? (takes(model, node, type) ? undefined : `${node.opType} does not take ${type} in operator set ${opsetOf(model)}`)
  if (cannot !== undefined) return cannot
  const limit = HALF[type].largest / headroom
  for (const value of carried) {
    const tensor = constantOf(value)
    if (tensor !== undefined) {
      const why = unsafeConstant(tensor, type)
      if (why !== undefined) return `${why} ("${value.name}")`
      continue
    }
    const largest = ranges?.get(value.name)?.largest
    if (largest !== undefined && !(largest <= limit)) return `"${value.name}" reaches ${largest.toPrecision(4)}, ${type} holds ${HALF[type].largest.toPrecision(5)}`
    if (largest !== undefined && node.inputs.includes(value) && SQUARING.test(node.opType) && !(largest * largest <= limit)) {
      return `the squares of "${value.name}" reach ${(largest * largest).toPrecision(4)} inside ${node.opType}`
    }
  }
  if (ranges === undefined && WIDE.has(node.opType)) return `${node.opType} sums up inside, and without calibration data its range is not known`
  return undefined
}

/** Whether the operator's type variables allow the type wherever the node has float32. */
function takes(model: Model, node: Node, type: HalfType): boolean {
  const schema = schemaOf(node.opType, opsetOf(model), node.domain)
  if (schema === undefined) return false
  const sides = [[node.inputs, schema.inputs], [node.outputs, schema.outputs]] as const
  let any = false
  for (const [values, parameters] of sides) {
    for (const [index, value] of values.entries()) {
      if (value?.dtype !== 'float32') continue
      const parameter = parameters[Math.min(index, parameters.length - 1)]
      const allowed = parameter === undefined ? undefined : schema.variables.get(parameter.type)
      if (allowed === undefined) continue
      any = true
      if (!allowed.has(type)) return false
    }
  }
  return any || node.opType === 'Constant' || node.opType === 'ConstantOfShape'
}

/** Constants in 16 bits, each with a Cast back to float32 that the runtime does once, when it loads the model. */
function store(model: Model, { type, exclude, include }: Settings): Decision[] {
  const { graph } = model
  const decisions: Decision[] = []
  for (const [value, tensor] of [...graph.initializers]) {
    if (tensor.dtype !== 'float32' || value.isGraphInput || value.consumers.size === 0) continue
    const named = exclude?.includes(value.name) === true || (include !== undefined && !include.includes(value.name))
    const why = named ? 'excluded' : value.isGraphOutput ? 'it is an output of the model' : tensor.size < 16 ? 'it is small' : unsafeConstant(tensor, type)
    decisions.push({ node: value.name, opType: 'weight', quantized: why === undefined, why: why ?? `stored as ${type}` })
    if (why !== undefined) continue
    const stored = graph.addInitializer(`${value.name}_${type}`, Tensor.from(Float32Array.from(floats(tensor)), tensor.shape, type))
    graph.replaceAllUses(value, castAfter(graph, stored, 'float32'))
    graph.removeInitializer(value)
  }
  ensureTypes(model, true)
  return decisions
}
