// Structured pruning over generated graphs: the pruned model is valid, runs, and computes what the dense model computes when
// the weights that read the removed channels are zero.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { run, weights } from '../../../test/support/run'
import { random, type Random } from '../../core'
import { build, cloneModel, GraphBuilder, Tensor, validateModel, type Model, type Value } from '../../onnx'
import { exampleInputs, verifySame } from '../verify'
import { batchNormScales, batchNormScore, pruneStructured, randomUnits, type StructuredResult } from './structured'
import { dependencies, removeUnits } from './structure/remove'
import type { PruningUnit } from './structure/dependencies'

const ints = (values: readonly number[]): Tensor => Tensor.from(values, [values.length], 'int64')

/** The dense model with zeros where the removed units are summed over. */
function masked(model: Model, units: readonly PruningUnit[]): Model {
  const copy = cloneModel(model)
  for (const { slices } of units) {
    for (const { name, axis, indices, contracted } of slices) {
      if (!contracted) continue
      const value = copy.graph.find(name)
      const tensor = value?.tensor
      if (!value || !tensor) throw new Error(`no ${name}`)
      const data = Float32Array.from(tensor.toArray() as Float32Array)
      const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
      const size = tensor.shape[axis] ?? 1
      for (let i = 0; i < data.length; i++) if (indices.includes(Math.floor(i / inner) % size)) data[i] = 0
      copy.graph.setInitializer(value, Tensor.from(data, tensor.shape))
    }
  }
  return copy
}

/** A network that grows by a random piece after another; all values are images [N, C, H, W]. */
class Network {
  readonly g = new GraphBuilder('network', { opsets: { '': 21 } })
  private seed = 1

  constructor(private readonly numbers: Random) {}

  w(...shape: number[]): Value {
    return this.g.constant(weights(shape, this.numbers.int(1e6) + this.seed++, 0.4))
  }

  channels(x: Value): number {
    return x.shape?.[1] as number
  }

  conv(x: Value, filters: number, size: number, group = 1): Value {
    const pads = Array<number>(4).fill((size - 1) / 2)
    const bias = this.numbers.int(2) === 0 ? this.w(filters) : undefined
    return this.g.op('Conv', [x, this.w(filters, this.channels(x) / group, size, size), bias], { group, pads })
  }

  norm(x: Value): Value {
    const c = this.channels(x)
    const positive = this.g.constant(Float32Array.from({ length: c }, (_, i) => 0.5 + ((i * 7) % 5) / 5), 'variance', 'float32', [c])
    return this.g.op('BatchNormalization', [x, this.w(c), this.w(c), this.w(c), positive])
  }

  pieces: ((x: Value) => Value)[] = [
    (x) => this.conv(x, 2 + 2 * this.numbers.int(4), 3),
    (x) => this.conv(x, 4 + 4 * this.numbers.int(2), 1),
    (x) => this.norm(x),
    (x) => this.g.op(['Relu', 'Sigmoid', 'Tanh', 'HardSwish', 'LeakyRelu'][this.numbers.int(5)] ?? 'Relu', [x]),
    // Depthwise, also with two filters a channel.
    (x) => this.conv(x, this.channels(x) * (1 + this.numbers.int(2)), 3, this.channels(x)),
    (x) => (this.channels(x) % 2 === 0 ? this.conv(x, 4 + 2 * this.numbers.int(3), 3, 2) : x),
    // Residual, with or without a convolution on the short way.
    (x) => this.g.op('Add', [x, this.conv(this.g.op('Relu', [this.conv(x, 6, 3)]), this.channels(x), 1)]),
    (x) => this.g.op('Add', [this.conv(x, 6, 1), this.norm(this.conv(x, 6, 3))]),
    (x) => this.g.op('Concat', [this.conv(x, 4, 3), x, this.conv(x, 3, 1)], { axis: 1 }),
    (x) => {
      const c = this.channels(x)
      const [a, b] = this.g.ops('Split', [x, ints([1, c - 1])], { axis: 1 }, { outputs: 2 })
      return c < 3 || !a || !b ? x : this.g.op('Concat', [b, this.g.op('Relu', [a])], { axis: 1 })
    },
    (x) => {
      // Gated: two halves multiplied.
      const [a, b] = this.g.ops('Split', [this.conv(x, 8, 1)], { axis: 1, num_outputs: 2 }, { outputs: 2 })
      return this.g.op('Mul', [a, this.g.op('Sigmoid', [b])])
    },
    (x) => this.g.op('Mul', [x, this.w(1, this.channels(x), 1, 1)]),
    (x) => {
      // Squeeze and excitation.
      const pooled = this.g.op('ReduceMean', [x, ints([2, 3])], { keepdims: 1 })
      return this.g.op('Mul', [x, this.g.op('Sigmoid', [this.conv(this.g.op('Relu', [this.conv(pooled, 4, 1)]), this.channels(x), 1)])])
    },
    (x) => {
      // Channel shuffle in two groups.
      const [c, h, w] = [this.channels(x), x.shape?.[2] as number, x.shape?.[3] as number]
      if (c % 2 !== 0) return x
      const split = this.g.op('Reshape', [x, ints([0, 2, c / 2, h, w])])
      return this.g.op('Reshape', [this.g.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] }), ints([0, c, h, w])])
    },
    (x) => {
      // Upsampling by a transposed convolution, then back by a pool.
      const up = this.g.op('ConvTranspose', [x, this.w(this.channels(x), 5, 2, 2), this.w(5)], { strides: [2, 2] })
      return this.g.op('MaxPool', [up], { kernel_shape: [2, 2], strides: [2, 2] })
    },
    (x) => this.g.op('Pad', [x, ints([0, 0, 0, 0, 0, 0, 0, 0])]),
  ]

  heads: ((x: Value) => Value)[] = [
    (x) => this.g.op('Flatten', [x]),
    (x) => this.g.op('Reshape', [x, ints([0, -1])]),
    (x) => this.g.op('Reshape', [this.g.op('Transpose', [x], { perm: [0, 2, 3, 1] }), ints([-1, this.channels(x) * (x.shape?.[2] as number) * (x.shape?.[3] as number)])]),
    (x) => this.g.op('Squeeze', [this.g.op('GlobalAveragePool', [x]), ints([2, 3])]),
    (x) => this.g.op('ReduceMean', [x, ints([2, 3])], { keepdims: 0 }),
  ]

  model(pieces: readonly number[]): Model {
    let x: Value = this.conv(this.g.input('x', 'float32', ['N', 3, 4, 4]), 4 + 2 * this.numbers.int(3), 3)
    for (const piece of pieces) x = this.pieces[piece % this.pieces.length]?.(x) ?? x
    let flat = this.heads[this.numbers.int(this.heads.length)]?.(x) ?? x
    const width = flat.shape?.[1] as number
    flat = this.numbers.int(2) === 0 ? this.g.op('Relu', [this.g.op('Gemm', [flat, this.w(6, width), this.w(6)], { transB: 1 })])
      : this.g.op('Add', [this.g.op('MatMul', [flat, this.w(width, 6)]), this.w(6)])
    this.g.output(this.g.op('Gemm', [flat, this.w(6, 3), this.w(3)]), 'y')
    return this.g.model()
  }
}

/** Valid, runs, and equal to the masked dense model. */
function check(model: Model, units: readonly PruningUnit[], pruned: Model, sizes: Record<string, number> = { N: 2 }): void {
  expect(validateModel(pruned)).toEqual([])
  verifySame(masked(model, units), pruned, run, exampleInputs(model, 3, sizes), { relative: 1e-3, absolute: 1e-4 })
}

describe('removeUnits', () => {
  it('gives the masked dense model, over generated networks and random units', () => {
    let removed = 0
    fc.assert(fc.property(fc.nat(1e6), fc.array(fc.nat(15), { minLength: 1, maxLength: 6 }), (seed, pieces) => {
      const numbers = random(seed)
      const model = new Network(numbers).model(pieces)
      const { groups } = dependencies(model)
      expect(groups.length).toBeGreaterThan(0)
      const units = groups.flatMap((group) => group.units.filter((_, i) => i > 0 && numbers.int(2) === 0))
      removed += units.length
      check(model, units, removeUnits(model, units))
    }), { numRuns: 80, seed: 7 })
    expect(removed).toBeGreaterThan(500)
  })

  /** Self-attention as exporters write it, and feed-forward, without normalization on the residual. */
  function attention(merged: boolean): Model {
    return build('attention', (g) => {
      const [width, heads, length] = [12, 3, 5]
      const size = width / heads
      let seed = 0
      const w = (...shape: number[]): Value => g.constant(weights(shape, ++seed, 0.4))
      const x = g.input('x', 'float32', ['N', length, width])
      const project = (name: string): Value => g.op('Add', [g.op('MatMul', [x, w(width, width)], {}, { name }), w(width)])
      const split = (t: Value): Value => g.op('Transpose', [g.op('Reshape', [t, ints([0, length, heads, size])])], { perm: [0, 2, 1, 3] })
      let [q, k, v] = [undefined, undefined, undefined] as (Value | undefined)[]
      if (merged) [q, k, v] = g.ops('Split', [g.op('MatMul', [x, w(width, 3 * width)])], { axis: 2, num_outputs: 3 }, { outputs: 3 })
      else [q, k, v] = [project('q'), project('k'), project('v')]
      if (!q || !k || !v) throw new Error('no projections')
      const scores = g.op('MatMul', [split(q), g.op('Transpose', [split(k)], { perm: [0, 1, 3, 2] })])
      const mixed = g.op('MatMul', [g.op('Softmax', [g.op('Mul', [scores, 1 / Math.sqrt(size)])], { axis: -1 }), split(v)])
      const joined = g.op('Reshape', [g.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), ints([0, length, width])])
      const a = g.op('Add', [x, g.op('MatMul', [joined, w(width, width)], {}, { name: 'o' })])
      const up = g.op('Relu', [g.op('Add', [g.op('MatMul', [a, w(width, 8)]), w(8)])])
      g.output(g.op('Add', [a, g.op('MatMul', [up, w(8, width)])]), 'y')
    }, { opsets: { '': 21 } })
  }

  it.each([false, true])('prunes heads and hidden units of attention (one projection for all: %s)', (merged) => {
    const model = attention(merged)
    const { groups } = dependencies(model)
    expect(groups.map(({ units }) => units.length).sort()).toEqual([3, 8])
    const heads = groups.find(({ units }) => units.length === 3)
    const units = groups.flatMap((group) => group.units.slice(0, group.units.length === 3 ? 1 : 5))
    // A head of four: its columns of q, k and v, and its rows of the output projection.
    expect(heads?.units[0]?.slices.filter(({ contracted }) => contracted).map(({ indices }) => indices)).toEqual([[0, 1, 2, 3]])
    check(model, units, removeUnits(model, units))
  })

  it('keeps what it cannot cut, and says why', () => {
    const w = (...shape: number[]): Tensor => weights(shape, 1)
    const model = build('kept', (g) => {
      const x = g.input('x', 'float32', [1, 4])
      const shared = g.constant(w(4, 4), 'shared')
      const h = g.op('MatMul', [g.op('MatMul', [x, shared]), shared])
      const out = g.constant(w(4, 4), 'returned')
      g.output(out)
      const soft = g.op('Softmax', [g.op('MatMul', [h, g.constant(w(4, 6), 'scores')])], { axis: -1 })
      g.output(g.op('MatMul', [g.op('MatMul', [soft, g.constant(w(6, 4), 'after')]), out]), 'y')
    })
    const { groups, kept } = dependencies(model)
    expect(groups.map(({ name }) => name)).toEqual([])
    const why = (weight: string, axis: number): string => kept.find((k) => k.weight === weight && k.axis === axis)?.reason ?? ''
    expect(why('shared', 1)).toContain('input of the model')
    expect(why('returned', 0)).toContain('output of the model')
    expect(why('scores', 1)).toContain('statistics')
    expect(() => removeUnits(model, [{ slices: [{ name: 'nobody', tensor: w(1), axis: 0, indices: [0], contracted: false }], activations: [] }]))
      .toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
  })
})

describe('pruneStructured', () => {
  const model = new Network(random(5)).model([6, 2, 4, 3, 1, 6])

  it.each(['layer', 'global'] as const)('reaches a budget of multiply-accumulates (%s)', (scope) => {
    const result = pruneStructured(model, { target: { macs: 0.5 }, scope, sizes: { N: 1 } })
    expect(result.macs.after).toBeLessThanOrEqual(0.5 * result.macs.before)
    expect(result.macs.after).toBeGreaterThan(0.3 * result.macs.before)
    check(model, result.removed, result.model)
  })

  it('removes the unit whose weights are smallest, by every score', () => {
    const net = (scale: number): Model => build('one', (g) => {
      const x = g.input('x', 'float32', [1, 2, 3, 3])
      const filters = Float32Array.from({ length: 4 * 2 * 9 }, (_, i) => (Math.floor(i / 18) === 2 ? 0.01 : 1) * Math.sin(i + 1))
      const y = g.op('Conv', [x, g.constant(filters, 'w', 'float32', [4, 2, 3, 3])])
      const vector = (values: number[]): Tensor => Tensor.from(Float32Array.from(values), [4])
      const n = g.op('BatchNormalization', [y, g.constant(vector([1, scale, 2, 3]), 'gamma'), vector([0, 0, 0, 0]), vector([0, 0, 0, 0]), vector([1, 1, 1, 1])])
      g.output(g.op('Conv', [n, g.constant(weights([3, 4, 1, 1], 4), 'out')]), 'y')
    })
    const gone = (result: StructuredResult): readonly number[] | undefined => result.removed[0]?.slices.find(({ name }) => name === 'w')?.indices
    const target = { removed: 0.25 }
    expect(gone(pruneStructured(net(1), { target }))).toEqual([2])
    expect(gone(pruneStructured(net(-0.1), { target, score: batchNormScore(batchNormScales(net(1))) }))).toEqual([1])
    expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => gone(pruneStructured(net(1), { target, score: randomUnits(seed) }))?.[0])).size).toBeGreaterThan(1)
  })

  it('leaves multiples, keeps what is named, and refuses what nothing reaches', () => {
    const wide = build('wide', (g) => {
      const x = g.input('x', 'float32', [1, 8])
      const h = g.op('Relu', [g.op('MatMul', [x, g.constant(weights([8, 32], 1), 'a')])])
      g.output(g.op('MatMul', [g.op('Relu', [g.op('MatMul', [h, g.constant(weights([32, 24], 2), 'b')])]), g.constant(weights([24, 4], 3), 'c')]), 'y')
    })
    expect(pruneStructured(wide, { target: { parameters: 0.6 }, multiple: 8 }).groups.map(({ after }) => after % 8)).toEqual([0, 0])
    expect(pruneStructured(wide, { target: { removed: 0.5 }, keep: ['c'] }).groups.map(({ after }) => after)).toEqual([16, 24])
    expect(() => pruneStructured(wide, { target: { macs: 0.001 } })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_BUDGET' }))
    expect(() => pruneStructured(wide, { target: { macs: 2 } })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
  })
})
