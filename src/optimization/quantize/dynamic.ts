// Dynamic quantization: weights in 8 bits, activations quantized by their own range in every run. Needs no calibration.
import { Node, Tensor, type Graph, type Model, type Value } from '../../onnx'
import { constantOf, floats } from '../constants'
import { opsetOf } from '../pass'
import { ensureTypes } from '../structure'
import type { Grid, QuantizedWeight } from './arithmetic'
import { adviseRange } from './cpu'
import type { CalibrationData } from './calibrate'
import { QuantizeError } from './errors'
import { gridText } from './insert'
import { biasOf, dropUnused, keyOf, layerOf, type Layer } from './layers'
import type { Decision, Selection } from './plan'
import { prepare, proofSamples, type CommonOptions } from './prepare'
import { reportOn, type Quantized } from './report'
import { roundWeight } from './weights'

/** How a model is quantized dynamically. */
export interface DynamicOptions extends CommonOptions, Selection {
  /** Only for the comparison with the source; made up from the declared inputs when left out. */
  readonly data?: CalibrationData
  /** Integers of weights; default `int8`. */
  readonly weights?: 'int8' | 'uint8'
  /** A scale for each output channel; default true. */
  readonly perChannel?: boolean
  /** 7 bits; default `auto`: as this processor needs. */
  readonly reduceRange?: boolean | 'auto'
  /** Operators; default MatMul, Gemm and LSTM. Conv is slower in ONNX Runtime's ConvInteger than in float32 on most machines. */
  readonly operators?: readonly ('MatMul' | 'Gemm' | 'Conv' | 'LSTM')[]
  /** `onnx`: only standard operators, so no LSTM. Default `onnxruntime`. */
  readonly target?: 'onnx' | 'onnxruntime'
}

/**
 * y = s_x s_w Σ (q_x − z_x)(q_w − z_w) + b with s_x and z_x of each run's own range: DynamicQuantizeLinear, then MatMulInteger or
 * ConvInteger, which ONNX Runtime joins into one kernel; LSTM becomes com.microsoft.DynamicQuantizeLSTM.
 *
 * @throws QuantizeError `QUANTIZE_ALREADY`, `QUANTIZE_NOTHING`, `QUANTIZE_DATA` for open sizes without data, `QUANTIZE_QUALITY`
 */
export function quantizeDynamic(model: Model, options: DynamicOptions): Quantized {
  const prepared = prepare(model, 13, options)
  const reduced = options.reduceRange === undefined || options.reduceRange === 'auto' ? adviseRange().reduced : options.reduceRange
  const grid: Grid = { dtype: options.weights ?? 'int8', symmetric: true, reduced }
  const decisions: Decision[] = []
  const shared = new Map<Value, readonly Value[]>()
  for (const node of prepared.graph.nodes) {
    const key = keyOf(node)
    const why = quantizeNode(prepared, node, grid, options, shared)
    decisions.push({ node: key, opType: node.opType, quantized: why === undefined, why: why ?? 'weights in integers, inputs quantized in each run' })
  }
  if (!decisions.some(({ quantized }) => quantized)) {
    throw new QuantizeError('QUANTIZE_NOTHING', 'No operator of the model can be quantized dynamically', {
      got: decisions.filter(({ opType }) => opType !== 'Constant').slice(0, 5).map(({ node, opType, why }) => `${opType} ${node}: ${why}`).join('; '),
    })
  }
  ensureTypes(prepared, true)
  const proof = { run: options.run, samples: proofSamples(model, options.data, options), minimumSqnr: options.minimumSqnr ?? 0 }
  return { model: prepared, report: reportOn(model, prepared, 'dynamic quantization', decisions, proof, [`weights in ${gridText(grid)}`]) }
}

const OPERATORS: readonly string[] = ['MatMul', 'Gemm', 'LSTM']

/** The reason why a node stays, or undefined when it was replaced. */
function quantizeNode(model: Model, node: Node, grid: Grid, options: DynamicOptions, shared: Map<Value, readonly Value[]>): string | undefined {
  const names = [node.opType, node.name, keyOf(node)]
  if (options.exclude?.some((name) => names.includes(name))) return 'excluded'
  if (options.include !== undefined && !options.include.some((name) => names.includes(name))) return 'not included'
  if (!(options.operators ?? OPERATORS).some((opType) => opType === node.opType)) return `${node.opType} is not asked for`
  if (node.opType === 'LSTM') return options.target === 'onnx' ? 'standard ONNX has no integer LSTM' : quantizeLstm(model, node, grid)
  const layer = layerOf(node)
  if (typeof layer === 'string') return layer
  const bias = node.opType === 'MatMul' ? undefined : biasOf(layer)
  if (typeof bias === 'string') return bias
  replaceLayer(model.graph, layer, bias, grid, options.perChannel ?? true, shared)
  return undefined
}

/** The weight as K × N for MatMulInteger, as it is for ConvInteger; its scale in a shape that multiplies the output. */
function replaceLayer(graph: Graph, layer: Layer, bias: Float64Array | undefined, grid: Grid, perChannel: boolean, shared: Map<Value, readonly Value[]>): void {
  const { node } = layer
  const convolution = node.opType === 'Conv'
  const add = (opType: string, inputs: readonly (Value | undefined)[], outputs: number | readonly string[] = 1): Node => {
    const made = new Node(opType, inputs, outputs)
    graph.insertBefore(node, made)
    return made
  }
  let weights = shared.get(layer.weight)
  if (weights === undefined) {
    const quantized = roundWeight(floats(layer.tensor), layer.tensor.shape, layer.axis, { perChannel, grid, method: 'min-max' })
    weights = weightValues(graph, layer, quantized, convolution)
    shared.set(layer.weight, weights)
  }
  const [integers, scale, zeroPoint] = weights
  const [quantized, inputScale, inputZero] = dynamicInput(graph, layer.input, node)
  const product = add(convolution ? 'ConvInteger' : 'MatMulInteger', [quantized, integers, inputZero, zeroPoint])
  if (convolution) for (const [name, value] of node.attributes) product.setAttribute(name, value)
  const cast = add('Cast', [product.output])
  cast.setAttribute('to', 1)
  const scales = add('Mul', [inputScale, scale])
  let result = add('Mul', [cast.output, scales.output])
  if (bias !== undefined && layer.bias?.value !== undefined) {
    const shape = convolution ? [bias.length, ...layer.tensor.shape.slice(2).map(() => 1)] : [bias.length]
    result = add('Add', [result.output, graph.addInitializer(`${layer.weight.name}_bias`, Tensor.from(Float32Array.from(bias), shape))])
  }
  replaceOutput(graph, node, result.output)
  for (const value of [layer.weight, layer.bias?.node === node ? layer.bias.value : undefined]) if (value !== undefined) dropUnused(value)
}

function weightValues(graph: Graph, layer: Layer, weight: QuantizedWeight, convolution: boolean): Value[] {
  const { rows, columns, at, tensor } = layer
  let { values } = weight
  if (!convolution && layer.axis === 0) {
    const turned = values.slice()
    for (let o = 0; o < rows; o++) for (let k = 0; k < columns; k++) turned[k * rows + o] = values[at(o, k)] ?? 0
    values = turned
  }
  const scales = Float32Array.from(weight.parameters, ({ scale }) => scale)
  const spatial = tensor.shape.slice(2).map(() => 1)
  const shape = scales.length === 1 ? [] : convolution ? [scales.length, ...spatial] : [scales.length]
  return [
    graph.addInitializer(`${layer.weight.name}_quantized`, Tensor.from(values, convolution ? tensor.shape : [columns, rows], weight.dtype)),
    graph.addInitializer(`${layer.weight.name}_scale`, Tensor.from(scales, shape)),
    graph.addInitializer(`${layer.weight.name}_zero_point`, Tensor.scalar(weight.parameters[0]?.zeroPoint ?? 0, weight.dtype)),
  ]
}

/** DynamicQuantizeLinear of a value; one for all its readers. */
function dynamicInput(graph: Graph, value: Value, before: Node): readonly [Value, Value, Value] {
  const known = [...value.consumers].find((node) => node.opType === 'DynamicQuantizeLinear' && node.graph === graph)
  const node = known ?? new Node('DynamicQuantizeLinear', [value], 3)
  if (known === undefined) {
    if (value.producer !== undefined) graph.insertAfter(value.producer, node)
    else graph.insertBefore(graph.nodes[0] ?? before, node)
  }
  const [quantized, scale, zeroPoint] = node.outputs
  if (quantized === undefined || scale === undefined || zeroPoint === undefined) throw new TypeError('DynamicQuantizeLinear has three outputs')
  return [quantized, scale, zeroPoint]
}

function replaceOutput(graph: Graph, node: Node, after: Value): void {
  node.outputs.forEach((before, index) => {
    if (index > 0) return
    const { name } = before
    if (before.declaredType !== undefined) after.declaredType = before.declaredType
    graph.replaceAllUses(before, after)
    before.currentName = after.name
    after.currentName = name
  })
  graph.remove(node)
}

/** LSTM → com.microsoft.DynamicQuantizeLSTM: W and R turned and in 8 bits, a scale for each direction (or each column). */
function quantizeLstm(model: Model, node: Node, grid: Grid): string | undefined {
  const { graph } = model
  const [x, w, r, ...rest] = node.inputs
  const [weight, recurrence] = [constantOf(w), constantOf(r)]
  if (x === undefined || w === undefined || r === undefined || weight === undefined || recurrence === undefined) return 'its weights are not constant'
  if (weight.dtype !== 'float32' || recurrence.dtype !== 'float32') return `its weights are ${weight.dtype}`
  if (opsetOf(model) >= 14 && node.int('layout', 0) !== 0) return 'its layout has the batch first'
  const inputs: (Value | undefined)[] = [x]
  const scales: (Value | undefined)[] = []
  for (const [name, tensor] of [[w.name, weight], [r.name, recurrence]] as const) {
    const [directions = 1, gates = 1, size = 1] = tensor.shape
    const data = floats(tensor)
    const turned = new Float32Array(data.length)
    for (let d = 0; d < directions; d++) {
      for (let i = 0; i < gates; i++) for (let j = 0; j < size; j++) turned[(d * size + j) * gates + i] = data[(d * gates + i) * size + j] ?? 0
    }
    const quantized = roundWeight(turned, [directions, size, gates], 0, { perChannel: true, grid, method: 'min-max' })
    inputs.push(graph.addInitializer(`${name}_quantized`, Tensor.from(quantized.values, [directions, size, gates], grid.dtype)))
    scales.push(
      graph.addInitializer(`${name}_scale`, Tensor.from(Float32Array.from(quantized.parameters, ({ scale }) => scale))),
      graph.addInitializer(`${name}_zero_point`, Tensor.from(quantized.parameters.map(({ zeroPoint }) => zeroPoint), [directions], grid.dtype)),
    )
  }
  // B, sequence_lens, initial_h, initial_c, P keep their places; the scales come after them.
  for (let i = 0; i < 5; i++) inputs.push(rest[i])
  const outputs = node.outputs.map((output) => (output.name === '' ? '' : graph.freshName(output.name)))
  const made = new Node('DynamicQuantizeLSTM', [...inputs, ...scales], outputs, { name: node.name, domain: 'com.microsoft' })
  for (const [name, value] of node.attributes) if (name !== 'layout') made.setAttribute(name, value)
  model.opsets.set('com.microsoft', model.opsets.get('com.microsoft') ?? 1)
  graph.insertBefore(node, made)
  node.outputs.forEach((before, index) => {
    const after = made.outputs[index]
    if (after === undefined || before.name === '') return
    const { name } = before
    if (before.declaredType !== undefined) after.declaredType = before.declaredType
    graph.replaceAllUses(before, after)
    before.currentName = after.name
    after.currentName = name
  })
  graph.remove(node)
  dropUnused(w)
  dropUnused(r)
  return undefined
}

