// Weight-only quantization: weights in 8 or 4 bits, in blocks with a scale each, computed in floats. It makes models small, and
// fast where reading the weights is what takes the time (one token or one row at a time).
import { build, Node, Tensor, writeModel, type Graph, type Model, type Value } from '../../onnx'
import { ensureTypes } from '../structure'
import type { RunFunction } from '../run'
import { arrayFor, parametersOf, type Grid, type Parameters, type QuantizedType } from './arithmetic'
import { observe, type CalibrationData } from './calibrate'
import { QuantizeError } from './errors'
import { dropUnused, keyOf, layerOf, matrixOf, type Layer } from './layers'
import { MomentObserver } from './moments'
import type { Decision, Selection } from './plan'
import { prepare, proofSamples, type CommonOptions } from './prepare'
import { reportOn, type Quantized } from './report'
import { gptq, roundToNearest, type ParametersAt } from './rounding'

/** How the quantized weights are written: an operator of ONNX Runtime, or standard ONNX. */
export type WeightFormat = 'MatMulNBits' | 'DequantizeLinear'

/** How weights are quantized. */
export interface WeightOnlyOptions extends CommonOptions, Selection {
  /** Default 4. */
  readonly bits?: 4 | 8
  /** Numbers along the inputs of a layer that share a scale: a power of two from 16; default 32. */
  readonly blockSize?: number
  /** Zero point in the middle; default true. */
  readonly symmetric?: boolean
  /** `gptq` needs data; default `nearest`. */
  readonly rounding?: 'nearest' | 'gptq'
  readonly data?: CalibrationData
  /** Default `auto`: MatMulNBits where the run function runs it, else DequantizeLinear with blocks (operator set 21). */
  readonly format?: WeightFormat | 'auto'
}

/** A weight in blocks: integers [rows × columns], parameters of block b of row o at o × blocks + b. */
interface Blocks {
  readonly integers: Int32Array
  readonly parameters: readonly Parameters[]
  readonly blocks: number
}

/**
 * Replaces the weights of MatMul and Gemm by integers with a scale for each block of inputs:
 * W[o, k] ≈ s[o, ⌊k / B⌋] (q[o, k] − z[o, ⌊k / B⌋]).
 *
 * @throws QuantizeError `QUANTIZE_ALREADY`, `QUANTIZE_OPTION`, `QUANTIZE_NOTHING`, `QUANTIZE_DATA`, `QUANTIZE_QUALITY`, and
 * `QUANTIZE_RUN` when the run function runs neither format
 */
export function quantizeWeights(model: Model, options: WeightOnlyOptions): Quantized {
  const { bits = 4, blockSize = 32, symmetric = true, rounding = 'nearest' } = options
  if (blockSize < 16 || !Number.isInteger(Math.log2(blockSize))) {
    throw new QuantizeError('QUANTIZE_OPTION', 'The block size is not one that kernels take', { expected: 'a power of two from 16', got: String(blockSize) })
  }
  if (rounding === 'gptq' && options.data === undefined) {
    throw new QuantizeError('QUANTIZE_DATA', 'GPTQ needs calibration data', { fix: "give data: [{ … }], or rounding: 'nearest'" })
  }
  const grid: Grid = { dtype: bits === 4 ? 'uint4' : 'uint8', symmetric }
  const format = chooseFormat(options.format ?? 'auto', bits, blockSize, options.run)
  const prepared = prepare(model, format === 'MatMulNBits' ? 13 : 21, options)
  const { graph } = prepared
  const chosen: Layer[] = []
  const decisions: Decision[] = graph.nodes.map((node) => {
    const layer = suitable(node, options, format)
    if (typeof layer !== 'string') chosen.push(layer)
    return {
      node: keyOf(node), opType: node.opType, quantized: typeof layer !== 'string',
      why: typeof layer === 'string' ? layer : `${bits} bits in blocks of ${blockSize}, ${format}`,
    }
  })
  if (chosen.length === 0) {
    throw new QuantizeError('QUANTIZE_NOTHING', 'No operator of the model has weights that can be quantized in blocks', {
      got: decisions.filter(({ opType }) => opType !== 'Constant').slice(0, 5).map(({ node, opType, why }) => `${opType} ${node}: ${why}`).join('; ') || 'no nodes',
    })
  }
  const moments = new Map(chosen.map((layer) => [layer.key, new MomentObserver(layer)]))
  if (rounding === 'gptq' && options.data !== undefined) {
    const observers = new Map<string, MomentObserver[]>()
    for (const layer of chosen) {
      const own = moments.get(layer.key)
      if (own !== undefined) observers.set(layer.input.name, [...observers.get(layer.input.name) ?? [], own])
    }
    observe(prepared, options.data, options.run, observers)
  }
  const made = new Map<Value, Value>()
  for (const layer of chosen) {
    const h = rounding === 'gptq' ? moments.get(layer.key)?.matrices()[0] : undefined
    const weight = quantizeBlocks(layer, grid, blockSize, h)
    if (format === 'MatMulNBits') insertMatMulNBits(prepared, layer, weight, bits, blockSize, symmetric)
    else insertDequantize(graph, layer, weight, grid.dtype, blockSize, made)
  }
  ensureTypes(prepared, true)
  const method = `weight-only quantization, ${bits} bits in blocks of ${blockSize}${rounding === 'gptq' ? ', GPTQ' : ''}, ${format}`
  const proof = { run: options.run, samples: proofSamples(model, options.data, options), minimumSqnr: options.minimumSqnr ?? 0 }
  return { model: prepared, report: reportOn(model, prepared, method, decisions, proof) }
}

function suitable(node: Node, options: WeightOnlyOptions, format: WeightFormat): Layer | string {
  const names = [node.opType, node.name, keyOf(node)]
  if (options.exclude?.some((name) => names.includes(name))) return 'excluded'
  if (options.include !== undefined && !options.include.some((name) => names.includes(name))) return 'not included'
  const layer = layerOf(node)
  if (typeof layer === 'string') return layer
  if (node.opType === 'Conv') return 'blocks go along the inputs of a matrix product'
  const { blockSize = 32 } = options
  if (format === 'DequantizeLinear' && layer.columns % blockSize !== 0) return `its ${layer.columns} inputs are not whole blocks of ${blockSize}`
  if (layer.columns < blockSize) return `it has fewer inputs (${layer.columns}) than a block`
  return layer
}

/** Rounds in blocks along the columns; with second moments by GPTQ, which sets each block's scale from the weights as they are by then. */
function quantizeBlocks(layer: Layer, grid: Grid, size: number, h: Float64Array | undefined): Blocks {
  const { rows, columns } = layer
  const blocks = Math.ceil(columns / size)
  const w = matrixOf(layer)
  const parameters: Parameters[] = []
  const fit = (from: Float64Array, column: number): void => {
    const block = Math.floor(column / size)
    for (let o = 0; o < rows; o++) {
      parameters[o * blocks + block] = blockParameters(from.subarray(o * columns + column, o * columns + Math.min(columns, column + size)), grid)
    }
  }
  const at: ParametersAt = (row, column) => {
    const found = parameters[row * blocks + Math.floor(column / size)]
    if (found === undefined) throw new TypeError('a block without parameters')
    return found
  }
  if (h !== undefined) return { integers: gptq(w, h, rows, columns, at, { block: { size, start: fit } }), parameters, blocks }
  for (let column = 0; column < columns; column += size) fit(w, column)
  return { integers: roundToNearest(w, columns, at), parameters, blocks }
}

/**
 * Symmetric: scale = the number of largest magnitude / −2^(bits − 1), so that it is represented exactly and all integers are used
 * (the rule of ONNX Runtime's and llama.cpp's 4-bit formats). Asymmetric: the whole range.
 */
function blockParameters(w: Float64Array, grid: Grid): Parameters {
  if (!grid.symmetric) {
    let [low, high] = [0, 0]
    for (const x of w) [low, high] = [Math.min(low, x), Math.max(high, x)]
    return parametersOf({ low, high }, grid)
  }
  let extreme = 0
  for (const x of w) if (Math.abs(x) > Math.abs(extreme)) extreme = x
  const { low, high } = parametersOf({ low: 0, high: 1 }, { ...grid, symmetric: false })
  const middle = (high + 1) / 2
  return { low, high, zeroPoint: middle, scale: Math.abs(extreme) < 2 ** -100 ? 1 : Math.fround(extreme / -middle) }
}

function insertMatMulNBits(model: Model, layer: Layer, weight: Blocks, bits: 4 | 8, size: number, symmetric: boolean): void {
  const { node, rows, columns } = layer
  const { graph } = model
  const bytesPerBlock = (size * bits) / 8
  const packed = new Uint8Array(rows * weight.blocks * bytesPerBlock)
  for (let o = 0; o < rows; o++) {
    for (let k = 0; k < weight.blocks * size; k++) {
      const q = k < columns ? weight.integers[o * columns + k] ?? 0 : weight.parameters[o * weight.blocks + Math.floor(k / size)]?.zeroPoint ?? 0
      const place = o * weight.blocks * size + k
      if (bits === 8) packed[place] = q
      else packed[place >> 1] = (packed[place >> 1] ?? 0) | (q << (place % 2 === 0 ? 0 : 4))
    }
  }
  const inputs: (Value | undefined)[] = [
    layer.input, graph.addInitializer(`${layer.weight.name}_q${bits}`, Tensor.from(packed, [rows, weight.blocks, bytesPerBlock])),
    graph.addInitializer(`${layer.weight.name}_scales`, Tensor.from(Float32Array.from(weight.parameters, ({ scale }) => scale), [rows * weight.blocks])),
  ]
  if (!symmetric) inputs.push(graph.addInitializer(`${layer.weight.name}_zero_points`, zeroPoints(weight, rows, bits)))
  const made = new Node('MatMulNBits', inputs, 1, { name: node.name, domain: 'com.microsoft' })
  for (const [name, value] of Object.entries({ K: columns, N: rows, bits, block_size: size, accuracy_level: 4 })) made.setAttribute(name, value)
  model.opsets.set('com.microsoft', model.opsets.get('com.microsoft') ?? 1)
  graph.insertBefore(node, made)
  let result = made
  const bias = node.opType === 'Gemm' ? node.inputs[2] : undefined
  if (bias !== undefined) {
    result = new Node('Add', [made.output, bias], 1)
    graph.insertBefore(node, result)
  }
  const [before] = node.outputs
  if (before === undefined) return
  const after = result.output
  const { name } = before
  if (before.declaredType !== undefined) after.declaredType = before.declaredType
  graph.replaceAllUses(before, after)
  before.currentName = after.name
  after.currentName = name
  graph.remove(node)
  dropUnused(layer.weight)
}

/** One for each block, packed from the low half of a byte on, each row in whole bytes. */
function zeroPoints({ parameters, blocks }: Blocks, rows: number, bits: 4 | 8): Tensor {
  const perRow = Math.ceil((blocks * bits) / 8)
  const packed = new Uint8Array(rows * perRow)
  parameters.forEach(({ zeroPoint }, i) => {
    const [row, block] = [Math.floor(i / blocks), i % blocks]
    const place = row * perRow + (bits === 8 ? block : block >> 1)
    packed[place] = bits === 8 ? zeroPoint : (packed[place] ?? 0) | (zeroPoint << (block % 2 === 0 ? 0 : 4))
  })
  return Tensor.from(packed, [rows * perRow])
}

function insertDequantize(graph: Graph, layer: Layer, weight: Blocks, dtype: QuantizedType, size: number, made: Map<Value, Value>): void {
  let value = made.get(layer.weight)
  if (value === undefined) {
    const { rows, columns, at, tensor, axis } = layer
    const values = arrayFor(dtype, rows * columns)
    for (let o = 0; o < rows; o++) for (let k = 0; k < columns; k++) values[at(o, k)] = weight.integers[o * columns + k] ?? 0
    // Blocks go along the axis of the inputs; scales have the weight's axes.
    const along = 1 - axis
    const shape = along === 0 ? [weight.blocks, rows] : [rows, weight.blocks]
    const place = (o: number, b: number): number => (along === 0 ? b * rows + o : o * weight.blocks + b)
    const scales = new Float32Array(rows * weight.blocks)
    const zeros = arrayFor(dtype, scales.length)
    weight.parameters.forEach(({ scale, zeroPoint }, i) => {
      const to = place(Math.floor(i / weight.blocks), i % weight.blocks)
      scales[to] = scale
      zeros[to] = zeroPoint
    })
    const node = new Node('DequantizeLinear', [
      graph.addInitializer(`${layer.weight.name}_quantized`, Tensor.from(values, tensor.shape, dtype)),
      graph.addInitializer(`${layer.weight.name}_scale`, Tensor.from(scales, shape)),
      graph.addInitializer(`${layer.weight.name}_zero_point`, Tensor.from(zeros, shape, dtype)),
    ], 1, { name: `${layer.weight.name}_dequantize`, attributes: { axis: along, block_size: size } })
    graph.insertBefore(graph.nodes[0] ?? layer.node, node)
    value = node.output
    made.set(layer.weight, value)
  }
  layer.node.setInput(1, value)
  dropUnused(layer.weight)
}

/** Which format the run function runs, asked with a model of one product. */
function chooseFormat(wanted: WeightFormat | 'auto', bits: 4 | 8, size: number, run: RunFunction): WeightFormat {
  if (wanted !== 'auto') return wanted
  const formats: WeightFormat[] = ['MatMulNBits', 'DequantizeLinear']
  const failures: string[] = []
  for (const format of formats) {
    try {
      run(writeModel(probe(format, bits, size)), { x: { dtype: 'float32', shape: [1, size], data: new Float32Array(size) } })
      return format
    } catch (error) {
      failures.push(`${format}: ${(error as Error).message.split('\n')[0] ?? ''}`)
    }
  }
  throw new QuantizeError('QUANTIZE_RUN', `The runtime runs no format of ${bits}-bit weights in blocks`, { got: failures.join('; ') })
}

function probe(format: WeightFormat, bits: 4 | 8, size: number): Model {
  const dtype = bits === 4 ? 'uint4' : 'uint8'
  return build('probe', (g) => {
    const x = g.input('x', 'float32', [1, size])
    if (format === 'MatMulNBits') {
      const packed = Tensor.from(new Uint8Array(16 * ((size * bits) / 8)), [16, 1, (size * bits) / 8])
      g.output(g.op('MatMulNBits', [x, packed, Tensor.from(new Float32Array(16).fill(1), [16])], { K: size, N: 16, bits, block_size: size, accuracy_level: 4 }, { domain: 'com.microsoft' }), 'y')
    } else {
      const w = g.op('DequantizeLinear', [
        Tensor.from(new Uint8Array(size * 16), [size, 16], dtype), Tensor.from(new Float32Array(16).fill(1), [1, 16]), Tensor.from(new Uint8Array(16), [1, 16], dtype),
      ], { axis: 0, block_size: size })
      g.output(g.op('MatMul', [x, w]), 'y')
    }
  }, { opsets: { '': 21, 'com.microsoft': 1 } })
}

