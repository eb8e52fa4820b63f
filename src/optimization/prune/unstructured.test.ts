import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { weights } from '../../../test/support/run'
import { build, Tensor, validateModel, type Model } from '../../onnx'
import { cubic, iterative, oneShot, pruneGradually, pruneStructuredGradually, withWeights } from './schedule'
import { magnitude, movement, randomScore, taylor } from './scores'
import { linearWeights, pruneWeights } from './unstructured'

function mlp(seed = 1): Model {
  return build('mlp', (g) => {
    const x = g.input('x', 'float32', ['N', 8])
    const h = g.op('Relu', [g.op('Gemm', [x, g.constant(weights([16, 8], seed), 'a'), g.constant(weights([16], 9), 'bias')], { transB: 1 })])
    g.output(g.op('MatMul', [h, g.constant(weights([16, 4], seed + 1, 0.1), 'b')]), 'y')
  })
}
const numbers = (model: Model, name: string): Float32Array => model.graph.find(name)?.tensor?.toArray() as Float32Array

describe('pruneWeights', () => {
  it('zeroes exactly the smallest share, of each layer or of all', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.constantFrom('layer', 'global'), fc.nat(1000), (sparsity, scope, seed) => {
      const model = mlp(seed)
      const result = pruneWeights(model, { sparsity, scope: scope })
      expect(validateModel(result.model)).toEqual([])
      const all = { kept: [] as number[], gone: [] as number[] }
      for (const { weight, size, zeros } of result.layers) {
        const [before, after, mask] = [numbers(model, weight), numbers(result.model, weight), result.masks.get(weight) ?? []]
        const parts = { kept: [] as number[], gone: [] as number[] }
        before.forEach((w, i) => {
          expect(after[i]).toBe(mask[i] === 1 ? w : 0)
          parts[mask[i] === 1 ? 'kept' : 'gone'].push(Math.abs(w))
        })
        all.kept.push(...parts.kept)
        all.gone.push(...parts.gone)
        if (scope === 'layer') expect(zeros).toBe(Math.round(sparsity * size))
        if (scope === 'layer') expect(Math.max(0, ...parts.gone)).toBeLessThanOrEqual(Math.min(Infinity, ...parts.kept))
      }
      if (scope === 'global') expect(all.gone.length).toBe(Math.round(sparsity * 192))
      if (scope === 'global') expect(Math.max(0, ...all.gone)).toBeLessThanOrEqual(Math.min(Infinity, ...all.kept))
      expect(numbers(result.model, 'bias')).toEqual(numbers(model, 'bias'))
    }), { numRuns: 60 })
  })

  it('keeps the two largest of every four along the axis that is summed over', () => {
    const model = mlp()
    const { model: sparse } = pruneWeights(model, { pattern: { n: 2, m: 4 } })
    // `a` is [16, 8] and transposed by Gemm: rows are outputs. `b` is [16, 4]: columns are.
    const [a, b] = [numbers(model, 'a'), numbers(model, 'b')]
    const group = (w: Float32Array, places: number[], after: Float32Array): void => {
      const sorted = [...places].sort((i, j) => Math.abs(w[j] ?? 0) - Math.abs(w[i] ?? 0))
      expect(places.filter((i) => after[i] !== 0).sort((i, j) => i - j)).toEqual(sorted.slice(0, 2).sort((i, j) => i - j))
    }
    for (let row = 0; row < 16; row++) for (let k = 0; k < 8; k += 4) group(a, [0, 1, 2, 3].map((i) => row * 8 + k + i), numbers(sparse, 'a'))
    for (let column = 0; column < 4; column++) for (let k = 0; k < 16; k += 4) group(b, [0, 1, 2, 3].map((i) => (k + i) * 4 + column), numbers(sparse, 'b'))
  })

  it('scores by what it is asked to', () => {
    const model = mlp()
    const gradients = new Map(['a', 'b'].map((name) => [name, numbers(model, name).map((w, i) => (i % 2 === 0 ? 0 : 1 / w))]))
    // w g is 0 or 1: taylor removes the even places.
    for (const mask of pruneWeights(model, { sparsity: 0.5, score: taylor, gradients }).masks.values()) expect([...mask]).toEqual([...mask].map((_, i) => i % 2))
    const falling = new Map(['a', 'b'].map((name) => [name, numbers(model, name).map((_, i) => -i)]))
    expect([...pruneWeights(model, { sparsity: 0.25, score: movement, gradients: falling }).masks.get('b') ?? []]).toEqual([...Array<number>(48).fill(1), ...Array<number>(16).fill(0)])
    const random = (seed: number): Uint8Array | undefined => pruneWeights(model, { sparsity: 0.5, score: randomScore(seed) }).masks.get('a')
    expect(random(1)).toEqual(random(1))
    expect(random(1)).not.toEqual(random(2))
    expect([...magnitude({ name: 'w', tensor: Tensor.from(new Float32Array([-2, 1]), [2]), gradient: undefined })]).toEqual([2, 1])
  })

  it('refuses what means nothing', () => {
    const refused = (options: Parameters<typeof pruneWeights>[1]): void => {
      expect(() => pruneWeights(mlp(), options)).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
    }
    refused({ sparsity: 1 })
    refused({ sparsity: NaN })
    refused({ pattern: { n: 4, m: 4 } })
    refused({ sparsity: 0.5, pattern: { n: 2, m: 4 } })
    refused({ sparsity: 0.5, score: taylor })
    expect(() => withWeights(mlp(), new Map([['a', new Float32Array(3)]]))).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
  })

  it('leaves alone a weight that is also an input or an output', () => {
    const model = mlp()
    const [a, b] = ['a', 'b'].map((name) => model.graph.find(name))
    if (a) model.graph.addInput(a)
    if (b) model.graph.addOutput(b)
    expect(linearWeights(model)).toEqual([])
  })
})

describe('schedules', () => {
  it('follow their formulas', () => {
    expect(oneShot(0.9)).toEqual([0.9])
    expect(iterative(0.875, 3).map((s) => Number(s.toFixed(6)))).toEqual([0.5, 0.75, 0.875])
    expect(cubic(0.8, 4, 0.4).map((s) => Number(s.toFixed(6)))).toEqual([0.63125, 0.75, 0.79375, 0.8])
  })

  it('train between steps and hold pruned weights at zero', async () => {
    const seen: number[] = []
    const result = await pruneGradually(mlp(), {
      sparsities: iterative(0.75, 2),
      // A training that ignores the masks.
      fineTune: (model, { masks, step }) => {
        seen.push(step, [...masks.values()].reduce((sum, mask) => sum + mask.filter((kept) => kept === 0).length, 0))
        return new Map([['a', numbers(model, 'a').map((w) => w + 1)]])
      },
    })
    expect(seen).toEqual([1, 96, 2, 144])
    expect(numbers(result.model, 'a').filter((w) => w === 0)).toHaveLength(96)
    await expect(pruneGradually(mlp(), { sparsities: [], fineTune: () => new Map() })).rejects.toMatchObject({ code: 'OPTIMIZATION_OPTION' })
  })

  it('reach a structured budget of the first model in steps', async () => {
    const wide = build('wide', (g) => {
      const x = g.input('x', 'float32', [1, 8])
      g.output(g.op('MatMul', [g.op('Relu', [g.op('MatMul', [x, g.constant(weights([8, 64], 1), 'a')])]), g.constant(weights([64, 4], 3), 'c')]), 'y')
    })
    const result = await pruneStructuredGradually(wide, { target: { macs: 0.25 }, steps: 2, fineTune: (model) => new Map([['a', numbers(model, 'a')]]) })
    expect(result.macs).toEqual({ before: 768, after: 192 })
    expect(result.steps.map(({ macs }) => macs.after)).toEqual([384, 192])
  })
})
