// Heads removed from attention that was fused into one operator: the pruned model is valid, runs, and computes what the dense
// one computes with zeros where the output projection reads the removed heads.
import { describe, expect, it } from 'vitest'
import { operators, run, weights } from '../../../../test/support/run'
import { build, cloneModel, Tensor, validateModel, type GraphBuilder, type Model, type Value } from '../../../onnx'
import { simplify } from '../../optimize'
import { exampleInputs, verifySame } from '../../verify'
import { pruneStructured } from '../structured'
import type { PruningUnit } from './dependencies'
import { dependencies, removeUnits } from './remove'

const ints = (...values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')
const [LENGTH, HEADS, SIZE] = [5, 4, 6]
const WIDTH = HEADS * SIZE

/** The dense model with zeros where the removed units are summed over. */
function masked(model: Model, units: readonly PruningUnit[]): Model {
  const copy = cloneModel(model)
  for (const { name, axis, indices, contracted } of units.flatMap(({ slices }) => slices)) {
    if (!contracted) continue
    const value = copy.graph.find(name), tensor = value?.tensor
    if (!value || !tensor) throw new Error(`no ${name}`)
    const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1), size = tensor.shape[axis] ?? 1
    copy.graph.setInitializer(value, Tensor.from(Float32Array.from(tensor.toArray() as Float32Array, (x, i) => (indices.includes(Math.floor(i / inner) % size) ? 0 : x)), tensor.shape))
  }
  return copy
}

/** Removes a head and some hidden units; the operators of what is left. */
function prune(model: Model, heads: number, hidden = 10): Record<string, number> {
  const { groups } = dependencies(model)
  expect(groups.map(({ units }) => units.length).sort((a, b) => a - b)).toEqual([heads, hidden].filter((count) => count > 0).sort((a, b) => a - b))
  const units = groups.flatMap((group) => group.units.filter((_, i) => i === 1 || (i > 4 && group.units.length === hidden)))
  const pruned = removeUnits(model, units)
  expect(validateModel(pruned)).toEqual([])
  verifySame(masked(model, units), pruned, run, exampleInputs(model, 3, { N: 2 }), { relative: 1e-3, absolute: 1e-4 })
  return operators(pruned)
}

const w = (g: GraphBuilder, seed: number, ...shape: number[]): Value => g.constant(weights(shape, seed, 0.3), `w${seed}`)
const project = (g: GraphBuilder, x: Value, seed: number, width = WIDTH): Value => g.op('Add', [g.op('MatMul', [x, w(g, seed, WIDTH, width)]), w(g, seed + 1, width)])

/** Attention as exporters write it, a residual with normalization, a GELU layer. */
function exported(options: { opset?: number; mask?: boolean; perHead?: boolean; rotary?: boolean; groups?: number } = {}): Model {
  const { groups = HEADS } = options
  return build('exported', (g) => {
    const x = g.input('x', 'float32', ['N', LENGTH, WIDTH])
    const split = (t: Value, heads: number): Value => g.op('Transpose', [g.op('Reshape', [t, ints(0, LENGTH, heads, SIZE)])], { perm: [0, 2, 1, 3] })
    const angles = (f: (x: number) => number): Value => g.constant(Tensor.from(Float32Array.from({ length: LENGTH * SIZE }, (_, i) => f(Math.floor(i / SIZE) * (1 + (i % (SIZE / 2))))), [1, 1, LENGTH, SIZE]))
    const turned = (t: Value): Value => {
      if (options.rotary !== true) return t
      const half = (from: number, to: number): Value => g.op('Slice', [t, ints(from), ints(to), ints(3)])
      const other = g.op('Concat', [g.op('Neg', [half(SIZE / 2, SIZE)]), half(0, SIZE / 2)], { axis: -1 })
      return g.op('Add', [g.op('Mul', [t, angles(Math.cos)]), g.op('Mul', [other, angles(Math.sin)])])
    }
    const repeat = (t: Value): Value => (groups === HEADS ? t
      : g.op('Reshape', [g.op('Expand', [g.op('Unsqueeze', [t, ints(2)]), ints(1, 1, HEADS / groups, 1, 1)]), ints(0, HEADS, LENGTH, SIZE)]))
    const q = turned(split(project(g, x, 1), HEADS))
    const k = repeat(turned(split(project(g, x, 3, groups * SIZE), groups)))
    const v = repeat(split(project(g, x, 5, groups * SIZE), groups))
    let scores = g.op('Mul', [g.op('MatMul', [q, g.op('Transpose', [k], { perm: [0, 1, 3, 2] })]), g.constant(1 / Math.sqrt(SIZE))])
    if (options.mask === true) scores = g.op('Add', [scores, g.constant(weights([1, 1, LENGTH, LENGTH], 20, 2), 'mask')])
    const mixed = g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), v])
    const joined = g.op('Reshape', [g.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), ints(0, LENGTH, WIDTH)])
    const a = g.op('LayerNormalization', [g.op('Add', [x, g.op('MatMul', [joined, w(g, 7, WIDTH, WIDTH)])]), w(g, 8, WIDTH), w(g, 9, WIDTH)])
    const up = g.op('Add', [g.op('MatMul', [a, w(g, 10, WIDTH, 10)]), w(g, 11, 10)])
    const gelu = g.op('Mul', [g.op('Mul', [up, g.op('Add', [g.op('Erf', [g.op('Div', [up, g.constant(Math.SQRT2)])]), g.constant(1)])]), g.constant(0.5)])
    g.output(g.op('LayerNormalization', [g.op('Add', [a, g.op('MatMul', [gelu, w(g, 12, 10, WIDTH)])]), w(g, 13, WIDTH), w(g, 14, WIDTH)]), 'y')
  }, { opsets: { '': options.opset ?? 17, 'com.microsoft': 1 } })
}

describe('after fusing for ONNX Runtime', () => {
  it.each([false, true])('a head goes from com.microsoft.MultiHeadAttention (mask: %s), hidden units through Gelu', (mask) => {
    const { model } = simplify(exported({ mask }), { target: 'onnxruntime' })
    expect(operators(model)).toMatchObject({ 'com.microsoft.MultiHeadAttention': 1, 'com.microsoft.Gelu': 1, 'com.microsoft.SkipLayerNormalization': 2 })
    expect(prune(model, HEADS)).toMatchObject({ 'com.microsoft.MultiHeadAttention': 1, 'com.microsoft.Gelu': 1 })
    // The same heads as before fusing.
    prune(exported({ mask }), HEADS)
  })

  it('a head goes with its rotary embeddings', () => {
    const { model } = simplify(exported({ rotary: true }), { target: 'onnxruntime' })
    expect(operators(model)).toMatchObject({ 'com.microsoft.RotaryEmbedding': 2 })
    expect(prune(model, HEADS)).toMatchObject({ 'com.microsoft.RotaryEmbedding': 2 })
  })

  it('pruneStructured reaches a budget on it, and the number of heads follows', () => {
    const { model } = simplify(exported(), { target: 'onnxruntime' })
    const result = pruneStructured(model, { target: { macs: 0.6 }, sizes: { N: 1 } })
    expect(result.macs.after).toBeLessThanOrEqual(0.6 * result.macs.before)
    const node = result.model.graph.nodes.find(({ opType }) => opType === 'MultiHeadAttention')
    expect(node?.int('num_heads', 0)).toBe(Number(node?.inputs[0]?.shape?.[2]) / SIZE)
    verifySame(masked(model, result.removed), result.model, run, exampleInputs(model, 5, { N: 2 }), { relative: 1e-3, absolute: 1e-4 })
  })

  it('convolutions with their activation: filters, also of what is added', () => {
    const model = build('convolutions', (g) => {
      const x = g.input('x', 'float32', [1, 3, 6, 6])
      const conv = (from: Value, seed: number, outs: number, ins: number): Value => g.op('Conv', [from, w(g, seed, outs, ins, 3, 3), w(g, seed + 1, outs)], { pads: [1, 1, 1, 1] })
      const a = g.op('Relu', [conv(x, 1, 8, 3)])
      g.output(conv(g.op('Relu', [g.op('Add', [a, conv(g.op('Sigmoid', [conv(a, 3, 6, 8)]), 5, 8, 6)])]), 7, 2, 8), 'y')
    })
    const { model: fused } = simplify(model, { target: 'onnxruntime' })
    expect(operators(fused)['com.microsoft.FusedConv']).toBeGreaterThan(0)
    prune(fused, 6, 8)
  })
})

describe('after fusing to standard operators', () => {
  it.each([false, true])('a head goes from Attention of operator set 23 (mask: %s)', (mask) => {
    const { model } = simplify(exported({ opset: 23, mask }))
    expect(operators(model)).toMatchObject({ Attention: 1, Gelu: 1 })
    const { groups } = dependencies(model)
    // Heads go as wholes on either side; a value's coordinate goes from all heads at once.
    expect(groups.map(({ units }) => units.length).sort((a, b) => a - b)).toEqual([HEADS, 10])
    expect(prune(model, HEADS)).toMatchObject({ Attention: 1 })
  })

  it('queries that share keys and values go with them', () => {
    const { model } = simplify(exported({ opset: 23, groups: 2 }))
    expect(operators(model)).toMatchObject({ Attention: 1 })
    expect(operators(model)).not.toHaveProperty('Expand')
    expect(prune(model, 2)).toMatchObject({ Attention: 1 })
  })

  it.each([[4, 4], [4, 2]])('%i heads of queries and %i of keys along one axis: the attributes follow', (queries, keys) => {
    const model = build('one axis', (g) => {
      const x = g.input('x', 'float32', ['N', LENGTH, WIDTH])
      const y = g.op('Attention', [project(g, x, 1, queries * SIZE), project(g, x, 3, keys * SIZE), project(g, x, 5, keys * SIZE)], { q_num_heads: queries, kv_num_heads: keys })
      g.output(g.op('MatMul', [y, w(g, 7, queries * SIZE, 3)]), 'y')
    }, { opsets: { '': 23 } })
    prune(model, keys, 0)
    const { groups } = dependencies(model)
    const node = removeUnits(model, groups.flatMap(({ units }) => units.slice(0, 1))).graph.nodes.find(({ opType }) => opType === 'Attention')
    expect([node?.int('q_num_heads', 0), node?.int('kv_num_heads', 0)]).toEqual([queries - queries / keys, keys - 1])
  })

  it('what keeps a state or gives its scores is left whole, and says so', () => {
    const model = build('state', (g) => {
      const x = g.input('x', 'float32', ['N', HEADS, LENGTH, SIZE])
      const [y, key] = g.ops('Attention', [x, x, x, undefined, g.input('past k', 'float32', ['N', HEADS, 2, SIZE]), g.input('past v', 'float32', ['N', HEADS, 2, SIZE])], {}, { outputs: 3 })
      if (key === undefined) throw new Error('no key')
      g.output(g.op('MatMul', [y, w(g, 1, SIZE, 4)]), 'y')
      g.output(key, 'present')
    }, { opsets: { '': 23 } })
    expect(dependencies(model).groups).toEqual([])
  })
})
