// SmoothQuant: channels of an activation that are far larger than the others are scaled down, and the weights that read them
// up, so that one scale for the activation serves all. The function of the model stays the same.
import { Node, Tensor, type Graph, type Model, type Value } from '../../onnx'
import { constantOf, floats } from '../constants'
import { typedClone } from '../pass'
import { ensureTypes, requireNoNewProblems } from '../structure'
import { channelVector } from '../weights'
import type { RunFunction } from '../run'
import { ChannelObserver, observe, type CalibrationData } from './calibrate'
import { QuantizeError } from './errors'
import { layerOf, layersOf, replaceBias, replaceWeight, biasOf, type Layer } from './layers'

/** What SmoothQuant is given. */
export interface SmoothOptions {
  readonly data: CalibrationData
  readonly run: RunFunction
  /** Migration strength α: 0 leaves everything to the activations, 1 to the weights; default 0.5, as in the paper. */
  readonly alpha?: number
}

/** A model that computes the same with smoother activations. */
export interface Smoothed {
  readonly model: Model
  /** How many activations were scaled. */
  readonly groups: number
  /** Those whose scale went into the operator before; the others got a Mul. */
  readonly absorbed: number
}

/**
 * For every activation X that only products read (the query, key and value projections share one):
 * Y = (X / s)(s W), s_j = max |X_j|^α / max |W_j|^(1 − α), for each input channel j. X / s goes into the LayerNormalization, affine
 * function or product that makes X; where none can take it, a Mul is put in. G. Xiao et al., "SmoothQuant: Accurate and Efficient
 * Post-Training Quantization for Large Language Models", ICML 2023, arXiv 2211.10438, equation 4.
 *
 * @throws QuantizeError `QUANTIZE_OPTION` when α is not within [0, 1]; those of `observe`
 */
export function smoothLayers(model: Model, { data, run, alpha = 0.5 }: SmoothOptions): Smoothed {
  if (!(alpha >= 0 && alpha <= 1)) throw new QuantizeError('QUANTIZE_OPTION', 'The migration strength of SmoothQuant is out of range', { expected: '0 to 1', got: String(alpha) })
  const copy = typedClone(model)
  const groups = new Map<Value, Layer[]>()
  for (const layer of layersOf(copy.graph)) {
    if (layer.node.opType === 'Conv') continue
    groups.set(layer.input, [...groups.get(layer.input) ?? [], layer])
  }
  for (const [value, layers] of [...groups]) {
    const all = [...value.consumers].every((node) => layers.some((layer) => layer.node === node))
    const own = layers.every((layer) => layer.weight.consumers.size === 1 && !layer.weight.isGraphOutput)
    if (!all || !own || value.isGraphOutput) groups.delete(value)
  }
  const observers = new Map([...groups.keys()].map((value) => [value.name, new ChannelObserver(-1)]))
  if (groups.size > 0) observe(copy, data, run, new Map([...observers].map(([name, observer]) => [name, [observer]])))
  let [count, absorbed] = [0, 0]
  for (const [value, layers] of groups) {
    const largest = observers.get(value.name)?.largest
    const [first] = layers
    if (largest === undefined || first === undefined || largest.length !== first.columns) continue
    const s = scalesOf(largest, layers, alpha)
    const inverse = s.map((x) => 1 / x)
    const taken = absorb(copy.graph, value, inverse)
    if (taken) absorbed++
    else insertMul(copy.graph, value, inverse)
    for (const layer of layers) scaleColumns(layer.node, s)
    count++
  }
  ensureTypes(copy, true)
  requireNoNewProblems(model, copy, 'SmoothQuant')
  return { model: copy, groups: count, absorbed }
}

function scalesOf(largest: Float64Array, layers: readonly Layer[], alpha: number): Float64Array {
  const weights = new Float64Array(largest.length)
  for (const layer of layers) {
    const data = floats(layer.tensor)
    for (let k = 0; k < layer.columns; k++) {
      for (let o = 0; o < layer.rows; o++) weights[k] = Math.max(weights[k] ?? 0, Math.abs(data[layer.at(o, k)] ?? 0))
    }
  }
  return largest.map((x, k) => {
    const w = weights[k] ?? 0
    return x < 1e-8 || w < 1e-8 ? 1 : Math.fround(Math.min(1e4, Math.max(1e-4, x ** alpha / w ** (1 - alpha))))
  })
}

/** W[:, k] ← s_k W[:, k]. */
function scaleColumns(node: Node, s: Float64Array): void {
  const layer = layerOf(node)
  if (typeof layer === 'string') return
  const data = Float32Array.from(floats(layer.tensor))
  for (let k = 0; k < layer.columns; k++) {
    for (let o = 0; o < layer.rows; o++) data[layer.at(o, k)] = (data[layer.at(o, k)] ?? 0) * (s[k] ?? 1)
  }
  replaceWeight(layer, Tensor.from(data, layer.tensor.shape))
}

/** Makes a value s times what it was by changing what computes it; false when nothing there can be changed, and then nothing is. */
function absorb(graph: Graph, value: Value, s: Float64Array): boolean {
  const { producer } = value
  if (producer?.graph !== graph || value.isGraphOutput || producer.domain !== '') return false
  if (producer.opType === 'LayerNormalization') {
    const places = [1, 2].filter((index) => producer.inputs[index] !== undefined)
    return places.every((index) => vectorOf(producer, index, s.length) !== undefined)
      && places.map((index) => scaleConstant(graph, producer, index, s)).every(Boolean)
  }
  if (producer.opType === 'Relu') {
    const [before] = producer.inputs
    return before?.consumers.size === 1 && absorb(graph, before, s)
  }
  if (producer.opType === 'Mul' || producer.opType === 'Add') {
    const index = producer.inputs.findIndex((input) => constantOf(input) !== undefined)
    const other = producer.inputs[1 - index]
    if (index < 0 || other === undefined || vectorOf(producer, index, s.length) === undefined) return false
    if (producer.opType === 'Add' && !(other.consumers.size === 1 && absorb(graph, other, s))) return false
    return scaleConstant(graph, producer, index, s)
  }
  const layer = layerOf(producer)
  if (typeof layer === 'string' || layer.node.opType === 'Conv' || layer.weight.consumers.size > 1 || layer.weight.isGraphOutput) return false
  const bias = layer.bias?.node === producer ? biasOf(layer) : undefined
  if (typeof bias === 'string') return false
  const data = Float32Array.from(floats(layer.tensor))
  for (let o = 0; o < layer.rows; o++) for (let k = 0; k < layer.columns; k++) data[layer.at(o, k)] = (data[layer.at(o, k)] ?? 0) * (s[o] ?? 1)
  replaceWeight(layer, Tensor.from(data, layer.tensor.shape))
  if (bias !== undefined && layer.bias?.value !== undefined) replaceBias(layer, Tensor.from(Float32Array.from(bias, (b, o) => b * (s[o] ?? 1))))
  return true
}

function vectorOf(node: Node, index: number, count: number): Float64Array | undefined {
  const tensor = constantOf(node.inputs[index])
  if (tensor === undefined) return undefined
  const vector = channelVector(tensor, count, -1, Math.max(1, tensor.shape.length))
  return typeof vector === 'string' ? undefined : vector
}

function scaleConstant(graph: Graph, node: Node, index: number, s: Float64Array): boolean {
  const vector = vectorOf(node, index, s.length)
  const name = node.inputs[index]?.name
  if (vector === undefined || name === undefined) return false
  node.setInput(index, graph.addInitializer(`${name}_smooth`, Tensor.from(Float32Array.from(vector, (x, k) => x * (s[k] ?? 1)))))
  return true
}

function insertMul(graph: Graph, value: Value, s: Float64Array): void {
  const readers = [...value.consumers]
  const factor = graph.addInitializer(`${value.name}_smooth`, Tensor.from(Float32Array.from(s)))
  const node = new Node('Mul', [value, factor], 1)
  const [first] = graph.nodes
  if (value.producer !== undefined) graph.insertAfter(value.producer, node)
  else if (first !== undefined) graph.insertBefore(first, node)
  node.output.declaredType = value.type
  for (const reader of readers) reader.inputs.forEach((input, index) => { if (input === value) reader.setInput(index, node.output) })
}
