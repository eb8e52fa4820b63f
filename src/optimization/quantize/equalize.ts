// Cross-layer equalization: scales of channels are moved from a layer to the next one, so that all channels of a weight use
// the integers alike. The function of the model stays the same.
import { Node, Tensor, type Model, type Value } from '../../onnx'
import { constantOf, floats, uniform } from '../constants'
import { definePass, type Pass, type Reason } from '../pass'
import { channelVector } from '../weights'
import { biasOf, dropUnused, layerOf, replaceBias, replaceWeight, type Layer } from './layers'
import { sliceRanges } from './arithmetic'

/** Rounds over all pairs, each of which changes what its neighbours see. */
const ROUNDS = 20

/** Two layers with nothing between them that notices when a channel is scaled. */
interface Pair {
  readonly first: Layer
  readonly second: Layer
  /** Numbers on the second layer's columns that belong to one channel of the first: 1, or places of a flattened image. */
  readonly places: number
  /** Between them, from the first to the second: what keeps every channel within bounds, which are scaled with the channels. */
  readonly bounds: readonly Bound[]
}

/** max(x, c), min(x, c) or a Clip that is to become both; c has one number for each channel. */
interface Bound {
  readonly node: Node
  readonly low?: Float64Array
  readonly high?: Float64Array
}

/** What may lie between two layers besides homogeneous functions. */
export interface EqualizeOptions {
  /**
   * Whether Clip (Relu6), Max and Min with constants may lie between: the bounds become one for each channel, Clip becomes
   * Max and Min. Exact, but integer kernels know neither: they run in float32. Default false.
   */
  readonly throughClip?: boolean
}

/** Functions with f(s x) = s f(x) for s > 0, channel by channel. */
const HOMOGENEOUS: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Identity', 'Dropout'])

/** The layer that is all that reads the output of a layer, through functions that let scales pass; or why there is none. */
function nextLayer(first: Layer, { throughClip = false }: EqualizeOptions): Pair | string {
  let value: Value | undefined = first.node.outputs[0]
  if (first.bias !== undefined && first.bias.node !== first.node) value = first.bias.node.outputs[0]
  let places = 1
  const bounds: Bound[] = []
  while (value !== undefined) {
    const [reader, ...others]: readonly (NonNullable<Layer['node']> | undefined)[] = [...value.consumers]
    if (value.isGraphOutput) return `"${value.name}" is an output of the model`
    if (reader === undefined || others.length > 0) return `"${value.name}" is read by ${value.consumers.size} nodes`
    if (reader.graph !== first.node.graph) return `${reader.label} is in another graph`
    const [output]: readonly (Value | undefined)[] = reader.outputs
    if (HOMOGENEOUS.has(reader.opType) && reader.domain === '') { value = output; continue }
    if (throughClip && places === 1) {
      const bound = boundOf(reader, value, first)
      if (bound !== undefined) {
        bounds.push(bound)
        value = output
        continue
      }
    }
    if (reader.opType === 'Flatten' && reader.int('axis', 1) === 1 && first.channelAxis === 1) {
      const inner: readonly unknown[] = value.shape?.slice(2) ?? [undefined]
      if (!inner.every((size): size is number => typeof size === 'number')) return `the sizes that ${reader.label} flattens are not known`
      places = inner.reduce((product, size) => product * size, 1)
      value = output
      continue
    }
    const second = layerOf(reader)
    if (typeof second === 'string') return `between is ${reader.label}: ${second}`
    if (second.input !== value) return `${reader.label} reads it as a weight`
    const channels = second.node.opType === 'Conv' ? second.columns / kernelSize(second) * second.groups : second.columns / places
    if (channels !== first.rows) return `${reader.label} has ${channels} input channels and ${first.node.label} ${first.rows} output channels`
    if (first.channelAxis !== second.channelAxis && reader.opType === 'Conv') return 'their channels are on different axes'
    return { first, second, places, bounds }
  }
  return 'nothing reads it'
}

/** The bounds of a node that keeps each channel of x within constants; undefined when it does something else. */
function boundOf(node: Node, x: Value, { rows, channelAxis, tensor, node: { opType } }: Layer): Bound | undefined {
  if (node.domain !== '') return undefined
  if (node.opType === 'Clip') {
    if (node.inputs[0] !== x || node.attributes.size > 0) return undefined
    const of = (value: Value | undefined): Float64Array | undefined => {
      const limit = uniform(constantOf(value))
      return limit === undefined ? undefined : new Float64Array(rows).fill(limit)
    }
    const [, smallest, largest] = node.inputs
    const [low, high] = [of(smallest), of(largest)]
    return (smallest !== undefined && low === undefined) || (largest !== undefined && high === undefined) ? undefined
      : { node, ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) }
  }
  if ((node.opType !== 'Max' && node.opType !== 'Min') || node.inputs.length !== 2) return undefined
  const constant = constantOf(node.inputs.find((value) => value !== x))
  const rank = opType === 'Conv' ? tensor.shape.length : x.shape?.length ?? constant?.shape.length ?? 0
  const limits = constant === undefined ? 'computed' : channelVector(constant, rows, channelAxis, rank)
  if (typeof limits === 'string') return undefined
  return { node, [node.opType === 'Max' ? 'low' : 'high']: limits }
}

/** max(x, low / s) and min(·, high / s) in place of a bound: f(x / s) = f(x) / s for s > 0. */
function scaleBound({ node, low, high }: Bound, s: Float64Array, { channelAxis, tensor }: Layer): void {
  const { graph } = node
  const x = node.inputs.find((value) => constantOf(value) === undefined)
  if (graph === undefined || x === undefined) throw new TypeError('a bound without a graph or an input')
  const shape = channelAxis === 1 ? [s.length, ...tensor.shape.slice(2).map(() => 1)] : [s.length]
  let value = x
  for (const [opType, limits] of [['Max', low], ['Min', high]] as const) {
    // Relu is max(x, 0), and the only one of them that is joined with the layer before it.
    const relu = opType === 'Max' && limits?.every((limit) => limit === 0)
    if (limits === undefined) continue
    const constant = relu === true ? [] : [graph.addInitializer(`${node.outputs[0]?.name ?? ''}_${opType.toLowerCase()}`, Tensor.from(Float32Array.from(limits, (limit, c) => limit / (s[c] ?? 1)), shape))]
    const made = new Node(relu === true ? 'Relu' : opType, [value, ...constant], 1)
    graph.insertBefore(node, made)
    made.output.type = node.outputs[0]?.type
    value = made.output
  }
  const constants = node.inputs.filter((one) => one !== x)
  if (node.outputs[0] !== undefined) graph.replaceAllUses(node.outputs[0], value)
  graph.remove(node)
  for (const one of constants) if (one !== undefined) dropUnused(one)
}

const kernelSize = (layer: Layer): number => layer.tensor.shape.slice(2).reduce((product, size) => product * size, 1)

/** The input channel of column k of row o. */
function inputChannel({ second, places }: Pair, row: number, column: number): number {
  if (second.node.opType !== 'Conv') return Math.floor(column / places)
  const taps = kernelSize(second)
  const perGroup = second.columns / taps
  return Math.floor(row / (second.rows / second.groups)) * perGroup + Math.floor(column / taps)
}

/** Largest magnitude of each input channel of the second layer. */
function inputRanges(pair: Pair): Float64Array {
  const { second, first } = pair
  const data = floats(second.tensor)
  const most = new Float64Array(first.rows)
  for (let o = 0; o < second.rows; o++) {
    for (let k = 0; k < second.columns; k++) {
      const c = inputChannel(pair, o, k)
      most[c] = Math.max(most[c] ?? 0, Math.abs(data[second.at(o, k)] ?? 0))
    }
  }
  return most
}

function usable(pair: Pair): string | undefined {
  const bias = biasOf(pair.first)
  if (typeof bias === 'string') return bias
  for (const layer of [pair.first, pair.second]) {
    if ([...layer.weight.consumers].length > 1) return `the weight "${layer.weight.name}" is shared`
    if (layer.weight.isGraphOutput) return `the weight "${layer.weight.name}" is an output of the model`
  }
  return undefined
}

/** W₁ ← W₁ / s, b₁ ← b₁ / s, W₂ ← W₂ s with s = √(r₁ / r₂) for each channel; how far s was from 1. */
function equalizePair(pair: Pair): number {
  const { first, second } = pair
  const r1 = sliceRanges(floats(first.tensor), first.tensor.shape, first.axis).map(({ low, high }) => Math.max(-low, high))
  const r2 = inputRanges(pair)
  const s = Float64Array.from(r2, (range, c) => {
    const own = r1[c] ?? 0
    // A channel that is zero on either side has nothing to equalize.
    return own < 1e-12 || range < 1e-12 ? 1 : Math.min(1e4, Math.max(1e-4, Math.sqrt(own / range)))
  })
  const far = s.reduce((most, value) => Math.max(most, Math.abs(Math.log(value))), 0)
  if (far < 1e-3) return far
  const bias = biasOf(first)
  const w1 = Float32Array.from(floats(first.tensor))
  for (let o = 0; o < first.rows; o++) {
    for (let k = 0; k < first.columns; k++) w1[first.at(o, k)] = (w1[first.at(o, k)] ?? 0) / (s[o] ?? 1)
  }
  const w2 = Float32Array.from(floats(second.tensor))
  for (let o = 0; o < second.rows; o++) {
    for (let k = 0; k < second.columns; k++) w2[second.at(o, k)] = (w2[second.at(o, k)] ?? 0) * (s[inputChannel(pair, o, k)] ?? 1)
  }
  for (const bound of pair.bounds) scaleBound(bound, s, first)
  replaceWeight(first, Tensor.from(w1, first.tensor.shape))
  replaceWeight(second, Tensor.from(w2, second.tensor.shape))
  if (first.bias?.value !== undefined && typeof bias !== 'string') {
    replaceBias(first, Tensor.from(Float32Array.from(bias, (b, o) => b / (s[o] ?? 1))))
  }
  return far
}

function pairsOf(model: Model, options: EqualizeOptions): { key: string; pair: Pair }[] {
  const found: { key: string; pair: Pair }[] = []
  for (const node of model.graph.nodes) {
    const layer = layerOf(node)
    if (typeof layer === 'string') continue
    const pair = nextLayer(layer, options)
    if (typeof pair !== 'string' && usable(pair) === undefined) found.push({ key: layer.key, pair })
  }
  return found
}

function why(model: Model, node: Node, options: EqualizeOptions): Reason[] {
  const layer = layerOf(node)
  const pair = typeof layer === 'string' ? layer : nextLayer(layer, options)
  const reason = typeof pair === 'string' ? pair : usable(pair)
  if (typeof pair !== 'string' && reason === undefined) {
    return [{ rule: 'equalize', fires: true, why: `scales of ${pair.first.rows} channels go into ${pair.second.node.label}`, depth: 2 }]
  }
  return [{ rule: 'equalize', fires: false, why: reason ?? `${model.graph.name} has no such pair`, depth: typeof layer === 'string' ? 0 : 1 }]
}

const passOf = (options: EqualizeOptions): Pass => definePass({
  name: 'cross-layer-equalization',
  summary: 'Moves scales of channels from a layer to the next one, so that one scale for a whole weight serves all its channels.',
  handles: [
    'W₂ f(W₁ x + b₁) → (W₂ s) f((W₁ / s) x + b₁ / s), s_c = √(max |W₁ row c| / max |W₂ column c|), f of Relu, LeakyRelu, pooling, Flatten',
    'where asked (`equalizer({ throughClip: true })`), f also of Clip, Max and Min with constants: Clip(y, low, high) → Min(Max(y, low / s), high / s), so Relu6 → Min(Relu(y), 6 / s)',
  ],
  leavesAlone: [
    'HardSwish, Sigmoid or another function between that is not homogeneous; Clip (Relu6) unless asked, because no integer kernel has a bound for each channel',
    'outputs that several nodes read, such as those of residual connections, or that the model returns',
    'weights that several nodes share, or that are inputs or outputs of the model',
    'channels that are zero in one of the two weights',
  ],
  apply: (work) => {
    const moved = new Map<string, string>()
    for (let round = 0; round < ROUNDS; round++) {
      let far = 0
      // Each pair anew, because equalizing one replaces the weights of its neighbours.
      for (const { key } of pairsOf(work.model, options)) {
        const pair = pairsOf(work.model, options).find((one) => one.key === key)?.pair
        if (pair === undefined) continue
        const here = equalizePair(pair)
        far = Math.max(far, here)
        if (here >= 1e-3) moved.set(key, `${pair.first.node.label} and ${pair.second.node.label}: ranges of ${pair.first.rows} channels made equal`)
      }
      if (far < 1e-3) break
    }
    for (const [key, what] of moved) work.changed('equalize', key, what)
  },
  why: (work, node) => why(work.model, node, options),
})

/**
 * Cross-layer equalization as a pass: f(W₂ f(W₁ x)) is the same with W₁ / s and W₂ s, and the ranges of both weights' channels
 * become equal, √(r₁ r₂). M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
 * arXiv 1906.04721, section 4.1.
 */
export const crossLayerEqualization: Pass = passOf({})

/**
 * The same pass with other choices. With `throughClip` it is exact through Relu6: min(max(y / s, 0), 6 / s) = min(max(y, 0), 6) / s
 * for s > 0. The paper replaces Relu6 by Relu in these places, which changes the function where 6 was reached.
 */
export function equalizer(options: EqualizeOptions): Pass {
  return passOf(options)
}

/** The pass, and on how many pairs it worked. */
export function equalizeLayers(model: Model, options: EqualizeOptions = {}): { readonly model: Model; readonly pairs: number } {
  const result = passOf(options).run(model)
  return { model: result.model, pairs: result.changes.length }
}
