// Pooling. Where sizes are known, the last windows of ceil mode become padding at the end: runtimes disagree on ceil mode.
import { DTYPES } from '../../../core'
import type { Attributes, Dim, Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

function spread(values: readonly number[], rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => values[i] ?? values[0] ?? 1)
}

interface Window {
  readonly kernel: number[]
  readonly strides: number[]
  readonly pads: number[]
  readonly dilations: number[]
}

function windowOf(c: TorchContext, space: number): Window {
  const kernel = spread(c.ints('kernel_size'), space)
  const strides = c.ints('stride', [])
  return { kernel, strides: strides.length === 0 ? kernel : spread(strides, space), pads: spread(c.ints('padding', [0]), space), dilations: spread(c.ints('dilation', [1]), space) }
}

/** Padding at the end so that the windows which ceil mode adds have a place; undefined when sizes are not known. */
function ends(c: TorchContext, sizes: readonly Dim[], { kernel, strides, pads, dilations }: Window): number[] | undefined {
  if (!c.bool('ceil_mode')) return pads
  const found: number[] = []
  for (const [i, size] of sizes.entries()) {
    const [k, s, p, d] = [kernel[i] ?? 1, strides[i] ?? 1, pads[i] ?? 0, dilations[i] ?? 1]
    if (typeof size !== 'number') return undefined
    const reach = d * (k - 1) + 1
    let out = Math.ceil((size + 2 * p - reach) / s) + 1
    // The last window must begin inside the input or the padding before it.
    if ((out - 1) * s >= size + p) out--
    found.push(Math.max(p, (out - 1) * s + reach - size - p))
  }
  return found
}

/** Pooling wants a batch axis, which PyTorch lets one leave out. */
function batched(c: TorchContext, space: number, pool: (x: Value) => readonly Value[], exact = false): void {
  const given = c.tensor(c.has('self') ? 'self' : 'input')
  // The largest of integers is the same in floating point of 64 bits, which runtimes pool.
  const x = exact && DTYPES[c.dtype(given)].kind !== 'float' ? c.cast(given, 'float64') : given
  const single = c.rank(x) === space + 1
  const results = pool(single ? c.unsqueeze(x, 0) : x)
  c.setAll(single ? results.map((value) => c.squeeze(value, 0)) : results)
}

const maxPool = (space: number, indices: boolean): TorchLowering => ({
  makes: ['MaxPool'],
  lower: (c) => {
    batched(c, space, (x) => {
      const window = windowOf(c, space)
      const end = ends(c, c.shape(x).slice(2), window)
      const attributes: Attributes = {
        kernel_shape: window.kernel, strides: window.strides, dilations: window.dilations, pads: [...window.pads, ...(end ?? window.pads)],
        ...(end === undefined ? { ceil_mode: 1 } : {}),
      }
      if (!indices) return [c.op('MaxPool', [x], attributes)]
      const [y, at] = c.ops('MaxPool', [x], attributes, 2)
      if (y === undefined || at === undefined) throw c.error('MaxPool gave no indices')
      // ONNX counts over the whole tensor, PyTorch within a channel.
      const plane = c.shape(x).slice(2).reduce<Dim>((product, dim) => (typeof product === 'number' && typeof dim === 'number' ? product * dim : null), 1)
      if (typeof plane !== 'number') throw c.error('the places of maxima need known sizes')
      return [y, c.op('Mod', [at, c.scalar(plane, 'int64')])]
    }, true)
  },
})

const averagePool = (space: number): TorchLowering => ({
  makes: ['AveragePool', 'Pad'],
  lower: (c) => {
    batched(c, space, (x) => {
      const window = windowOf(c, space)
      const { kernel, strides, pads } = window
      const countPads = c.bool('count_include_pad', true)
      const end = ends(c, c.shape(x).slice(2), window)
      const divisor = c.has('divisor_override') ? c.int('divisor_override') : undefined
      const base: Attributes = { kernel_shape: kernel, strides }
      const size = kernel.reduce((a, b) => a * b, 1)
      const scaled = (y: Value): Value => divisor === undefined ? y : c.op('Mul', [y, c.scalar(size / divisor, c.dtype(y))])
      if (end === undefined) return [scaled(c.op('AveragePool', [x], { ...base, pads: [...pads, ...pads], ceil_mode: 1, count_include_pad: Number(countPads) }))]
      const extra = end.map((pad, i) => pad - (pads[i] ?? 0))
      if (divisor !== undefined || extra.every((pad) => pad === 0) || !countPads) {
        const count = divisor !== undefined || (countPads && pads.some((pad) => pad > 0))
        return [scaled(c.op('AveragePool', [x], { ...base, pads: [...pads, ...end], count_include_pad: Number(count) }))]
      }
      // Padding counts, but what ceil mode adds beyond it does not.
      const rank = c.rank(x)
      const zeros = Array.from({ length: rank - space }, () => 0)
      const padded = pads.every((pad) => pad === 0) ? x : c.op('Pad', [x, c.vector([...zeros, ...pads, ...zeros, ...pads])])
      return [c.op('AveragePool', [padded], { ...base, pads: [...pads.map(() => 0), ...extra], count_include_pad: 0 })]
    })
  },
})

/** Windows of one size where output sizes divide input sizes; otherwise windows that differ, averaged by products. */
const adaptive = (space: number, kind: 'Average' | 'Max'): TorchLowering => ({
  makes: kind === 'Average' ? ['GlobalAveragePool', 'AveragePool', 'MatMul'] : ['GlobalMaxPool', 'MaxPool', 'Gather', 'ReduceMax', 'ArgMax'],
  lower: (c) => {
    batched(c, space, (x) => {
      const from = c.shape(x).slice(2)
      // An output size of None keeps the size.
      const wanted = spread(c.ints('output_size'), space)
      if (kind === 'Max' && from.every((size) => typeof size === 'number')) {
        const divides = wanted.every((size, i) => size > 0 && Number(from[i]) % size === 0)
        if (c.results.length > 1 || !divides) return largestOfWindows(c, x, from.map(Number), wanted)
      }
      if (wanted.every((size) => size === 1)) return [c.op(`Global${kind}Pool`, [x])]
      if (wanted.every((size, i) => size === from[i])) return [c.op('Identity', [x])]
      const known = from.every((size) => typeof size === 'number')
      const kernel = wanted.map((size, i) => Math.floor(Number(from[i]) / size))
      if (known && wanted.every((size, i) => Number(from[i]) % size === 0)) return [c.op(`${kind}Pool`, [x], { kernel_shape: kernel, strides: kernel })]
      if (kind === 'Max' || !known) throw c.error('its windows differ in size', { got: `${from.join('×')} → ${wanted.join('×')}`, fix: 'choose an output size that divides the input size' })
      return [wanted.reduce((value, size, i) => averagedAxis(c, value, i + 2, Number(from[i]), size), x)]
    })
  },
})

/**
 * The largest element of windows [⌊i·n/m⌋, ⌈(i+1)·n/m⌉) along each axis, and its place in the plane. Windows are gathered into
 * a last axis, shorter ones with their last element again, which changes no maximum and is never the first.
 */
function largestOfWindows(c: TorchContext, x: Value, from: readonly number[], to: readonly number[]): Value[] {
  const tables = from.map((n, i) => {
    const m = to[i] ?? 1
    const spans = Array.from({ length: m }, (_, j) => [Math.floor((j * n) / m), Math.ceil(((j + 1) * n) / m)] as const)
    const longest = Math.max(...spans.map(([start, end]) => end - start))
    return { spans, longest }
  })
  const outputs = to.reduce((a, b) => a * b, 1)
  const window = tables.reduce((product, { longest }) => product * longest, 1)
  const places = Array.from({ length: outputs * window }, (_, flat) => {
    let [output, within] = [Math.floor(flat / window), flat % window]
    let [place, stride] = [0, 1]
    for (let axis = from.length - 1; axis >= 0; axis--) {
      const { spans, longest } = tables[axis] ?? { spans: [], longest: 1 }
      const m = to[axis] ?? 1
      const [start, end] = spans[output % m] ?? [0, 1]
      place += Math.min(start + (within % longest), end - 1) * stride
      stride *= from[axis] ?? 1
      output = Math.floor(output / m)
      within = Math.floor(within / longest)
    }
    return place
  })
  const table = c.lowerer.constant(places, 'int64', [outputs, window])
  const front = c.sizesOf(x).slice(0, 2)
  const flat = c.reshape(x, [...front, c.fixed(from.reduce((a, b) => a * b, 1))])
  const windows = c.op('Gather', [flat, table], { axis: 2 })
  const arranged = (value: Value): Value => c.reshape(value, [...front, ...to.map((size) => c.fixed(size))])
  const values = arranged(c.op('ReduceMax', [windows, c.vector([3])], { keepdims: 0 }))
  if (c.results.length === 1) return [values]
  const rows = c.lowerer.constant(Array.from({ length: outputs }, (_, i) => i * window), 'int64', [outputs])
  const at = c.op('Add', [c.op('ArgMax', [windows], { axis: 3, keepdims: 0 }), rows])
  return [values, arranged(c.op('Gather', [c.reshape(table, [c.fixed(outputs * window)]), at], { axis: 0 }))]
}

/** Averages windows [⌊i·n/m⌋, ⌈(i+1)·n/m⌉) of an axis of n elements: a product with an n × m matrix. */
function averagedAxis(c: TorchContext, x: Value, axis: number, n: number, m: number): Value {
  if (n === m) return x
  const matrix = new Array<number>(n * m).fill(0)
  for (let i = 0; i < m; i++) {
    const [start, end] = [Math.floor((i * n) / m), Math.ceil(((i + 1) * n) / m)]
    for (let j = start; j < end; j++) matrix[j * m + i] = 1 / (end - start)
  }
  const rank = c.rank(x)
  const order = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
  const product = c.op('MatMul', [c.transpose(x, order), c.lowerer.constant(matrix, c.dtype(x), [n, m])])
  return c.transpose(product, order)
}

export const pooling: Readonly<Record<string, TorchLowering>> = {
  'aten.max_pool1d': maxPool(1, false), 'aten.max_pool2d': maxPool(2, false), 'aten.max_pool3d': maxPool(3, false),
  'aten.max_pool1d_with_indices': maxPool(1, true), 'aten.max_pool2d_with_indices': maxPool(2, true), 'aten.max_pool3d_with_indices': maxPool(3, true),
  'aten.avg_pool1d': averagePool(1), 'aten.avg_pool2d': averagePool(2), 'aten.avg_pool3d': averagePool(3),
  'aten.adaptive_avg_pool1d': adaptive(1, 'Average'), 'aten.adaptive_avg_pool2d': adaptive(2, 'Average'), 'aten.adaptive_avg_pool3d': adaptive(3, 'Average'),
  'aten._adaptive_avg_pool2d': adaptive(2, 'Average'), 'aten._adaptive_avg_pool3d': adaptive(3, 'Average'),
  'aten.adaptive_max_pool1d': adaptive(1, 'Max'), 'aten.adaptive_max_pool2d': adaptive(2, 'Max'), 'aten.adaptive_max_pool3d': adaptive(3, 'Max'),
}
