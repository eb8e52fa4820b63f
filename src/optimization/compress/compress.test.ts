import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { run, weights } from '../../../test/support/run'
import { random, sha256 } from '../../core'
import { build, Tensor, validateModel, writeModel, type Model, type Value } from '../../onnx'
import { pruneWeights } from '../prune'
import { exampleInputs, verifySame } from '../verify'
import { cp, rankOfEnergy, tucker2, unfold } from './factors'
import { factorize } from './factorize'
import { readCompressed, writeCompressed } from './format'
import { codeLengths, decode, encode, isCompleteCode } from './huffman'
import { kmeans, shareWeights, withCentres } from './kmeans'
import { eigenSymmetric, firstColumns, matrix, multiply, svd, transpose } from './linear-algebra'

function net(): Model {
  return build('net', (g) => {
    const x = g.input('x', 'float32', ['N', 6, 8, 8])
    const c = g.op('Relu', [g.op('Conv', [x, g.constant(weights([12, 6, 3, 3], 1), 'k'), g.constant(weights([12], 2), 'kb')], { pads: [1, 0, 1, 2], strides: [2, 1], dilations: [1, 1] })])
    const p = g.op('Conv', [c, g.constant(weights([10, 12, 1, 1], 3), 'p')], { strides: [2, 2] })
    const f = g.op('Relu', [g.op('Gemm', [g.op('Flatten', [p]), g.constant(weights([20, 80], 4), 'f'), g.constant(weights([20], 5), 'fb')], { transB: 1, alpha: 0.5 })])
    g.output(g.op('MatMul', [f, g.constant(weights([20, 16], 6), 'm')]), 'y')
  }, { opsets: { '': 21 } })
}
const numbers = (model: Model, name: string): Float32Array => model.graph.find(name)?.tensor?.toArray() as Float32Array
const compressed = (): Model => shareWeights(pruneWeights(net(), { sparsity: 0.8 }).model, { bits: 4 }).model
const sample = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -8, max: 8 }), { minLength: 1, maxLength: 200 })

describe('kmeans', () => {
  it('gives every number its nearest centre, and every centre the mean of its numbers', () => {
    fc.assert(fc.property(sample, fc.integer({ min: 1, max: 16 }), (values, k) => {
      const { centres, assignments } = kmeans(values, k)
      expect(centres.length).toBeLessThanOrEqual(k)
      expect([...centres]).toEqual([...centres].sort((a, b) => a - b))
      values.forEach((x, i) => {
        const own = Math.abs(x - (centres[assignments[i] ?? 0] ?? NaN))
        for (const centre of centres) expect(own).toBeLessThanOrEqual(Math.abs(x - centre) + 1e-5)
      })
      centres.forEach((centre, c) => {
        const mine = values.filter((_, i) => assignments[i] === c)
        if (mine.length > 0) expect(centre).toBeCloseTo(mine.reduce((a, b) => a + b) / mine.length, 2)
      })
    }))
  })

  it('keeps zeros, shares the rest, and takes trained centres', () => {
    const sparse = pruneWeights(net(), { sparsity: 0.5 }).model
    const { model, codebooks } = shareWeights(sparse, { bits: (_, rank) => (rank > 2 ? 3 : 2), keep: ['m'] })
    expect(new Set(numbers(model, 'k').filter((w) => w !== 0)).size).toBeLessThanOrEqual(8)
    expect(new Set(numbers(model, 'f').filter((w) => w !== 0)).size).toBeLessThanOrEqual(4)
    expect(numbers(model, 'm')).toEqual(numbers(sparse, 'm'))
    numbers(sparse, 'k').forEach((w, i) => { expect(numbers(model, 'k')[i] === 0).toBe(w === 0) })
    const moved = withCentres(model, codebooks.map((c) => ({ ...c, centres: c.centres.map((x) => 2 * x) })))
    numbers(model, 'f').forEach((w, i) => { expect(numbers(moved, 'f')[i]).toBeCloseTo(2 * w, 5) })
    expect(() => shareWeights(net(), { bits: 13 })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
  })
})

describe('Huffman codes', () => {
  it('are complete, within one bit of the entropy, and decode to what was encoded', () => {
    fc.assert(fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 300 }), (symbols) => {
      const counts = Array.from({ length: 41 }, (_, s) => symbols.filter((x) => x === s).length)
      const lengths = codeLengths(counts)
      expect(isCompleteCode(lengths)).toBe(true)
      const bytes = encode(symbols, lengths)
      expect([...decode(bytes, lengths, symbols.length) ?? []]).toEqual(symbols)
      const shares = counts.filter((c) => c > 0).map((c) => c / symbols.length)
      const entropy = shares.reduce((sum, p) => sum - p * Math.log2(p), 0)
      const mean = counts.reduce((sum, c, s) => sum + c * (lengths[s] ?? 0), 0) / symbols.length
      expect(mean).toBeGreaterThanOrEqual(entropy - 1e-9)
      expect(mean).toBeLessThanOrEqual(entropy + 1)
    }))
  })

  it("gives the lengths of the textbook's example", () => {
    // Cormen et al., Introduction to Algorithms, figure 16.4: frequencies 45, 13, 12, 16, 9, 5 take 224 bits a hundred.
    const lengths = codeLengths([45, 13, 12, 16, 9, 5])
    expect([...lengths]).toEqual([1, 3, 3, 3, 4, 4])
  })
})

describe('the compressed file', () => {
  it('gives every weight back, bit for bit', () => {
    const model = compressed()
    const { bytes, weights: stored } = writeCompressed(model)
    expect(stored.map(({ name }) => name).sort()).toEqual(['f', 'k', 'm', 'p'])
    const back = readCompressed(bytes)
    expect(validateModel(back)).toEqual([])
    for (const name of ['k', 'kb', 'p', 'f', 'fb', 'm']) expect(Buffer.from(numbers(back, name).buffer, numbers(back, name).byteOffset, numbers(back, name).byteLength).equals(Buffer.from(numbers(model, name).slice().buffer))).toBe(true)
    verifySame(model, back, run, exampleInputs(model), { relative: 0, absolute: 0 })
  })

  it('holds sparse weights of any density and shape', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(999), (rows, columns, density, seed) => {
      const source = random(seed)
      const w = Float32Array.from({ length: rows * columns }, () => (source.next() < density ? [0.5, -1.25, 3][source.int(3)] ?? 0 : 0))
      const model = build('one', (g) => { g.output(g.op('MatMul', [g.input('x', 'float32', [1, rows]), g.constant(w, 'w', 'float32', [rows, columns])]), 'y') })
      expect([...numbers(readCompressed(writeCompressed(model).bytes), 'w')]).toEqual([...w])
    }), { numRuns: 60 })
  })

  it('refuses damaged and hostile files with its own error, and nothing else', () => {
    const { bytes } = writeCompressed(compressed())
    const refused = (file: Uint8Array): void => { expect(() => readCompressed(file)).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_FILE' })) }
    for (let length = 0; length < bytes.length; length += 61) refused(bytes.subarray(0, length))
    const source = random(1)
    for (let i = 0; i < 60; i++) {
      const file = Uint8Array.from(bytes)
      const place = source.int(file.length)
      file[place] = (file[place] ?? 0) ^ (1 << source.int(8))
      refused(file)
    }
    // With a right digest: whatever is changed is read as something whole, or refused.
    const sealed = (body: Uint8Array): Uint8Array => Buffer.concat([body, Buffer.from(sha256(body), 'hex').subarray(0, 8)])
    for (let i = 0; i < 300; i++) {
      const body = Uint8Array.from(bytes.subarray(0, bytes.length - 8))
      for (let n = source.int(4); n >= 0; n--) body[source.int(body.length)] = source.int(256)
      try {
        readCompressed(sealed(body))
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(OPTIMIZATION|ONNX)_/) as unknown })
      }
    }
    // Sizes that a file of this length cannot hold.
    const huge = Buffer.from(bytes.subarray(0, bytes.length - 8))
    const at = 12 + huge.readUInt32LE(8)
    huge.writeUInt32LE(0xffffffff, at + 2 + huge.readUInt16LE(at) + 1)
    refused(sealed(huge))
  })
})

describe('linear algebra', () => {
  const random2 = (rows: number, columns: number, seed: number) => matrix(rows, columns, weights([rows, columns], seed, 1).toArray() as Float32Array)

  it('finds eigenvalues of a known matrix, and singular vectors that give the matrix back', () => {
    // [[2, 1], [1, 2]] has the eigenvalues 3 and 1.
    expect([...eigenSymmetric(matrix(2, 2, [2, 1, 1, 2])).values]).toEqual([expect.closeTo(3, 12), expect.closeTo(1, 12)])
    for (const [rows, columns] of [[7, 4], [4, 9], [5, 5]] as const) {
      const a = random2(rows, columns, rows)
      const { u, sigma, v } = svd(a)
      const scaled = { ...u, data: u.data.map((x, i) => x * (sigma[i % u.columns] ?? 0)) }
      multiply(scaled, transpose(v)).data.forEach((x, i) => { expect(x).toBeCloseTo(a.data[i] ?? NaN, 9) })
      const identity = multiply(transpose(v), v)
      identity.data.forEach((x, i) => { expect(x).toBeCloseTo(i % (identity.columns + 1) === 0 ? 1 : 0, 9) })
    }
  })

  it('finds the ranks of tensors that have them', () => {
    const low = (...factors: ReturnType<typeof matrix>[]) => factors
    const [a, b, d, e] = low(random2(6, 2, 1), random2(5, 2, 2), random2(3, 2, 3), random2(3, 2, 4))
    const data = Float64Array.from({ length: 6 * 5 * 9 }, (_, i) => [0, 1].reduce((sum, r) => sum
      + (a?.data[Math.floor(i / 45) * 2 + r] ?? 0) * (b?.data[(Math.floor(i / 9) % 5) * 2 + r] ?? 0) * (d?.data[(Math.floor(i / 3) % 3) * 2 + r] ?? 0) * (e?.data[(i % 3) * 2 + r] ?? 0), 0))
    const kernel = { shape: [6, 5, 3, 3] as const, data }
    expect(cp(kernel, 2).error).toBeLessThan(1e-3)
    expect(rankOfEnergy(svd(unfold(kernel, 0)).sigma, 1 - 1e-9)).toBe(2)
    const { core } = tucker2(kernel, [2, 2])
    const square = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, x) => sum + x * x, 0)
    expect(square(core.data) / square(data)).toBeCloseTo(1, 9)
    expect(firstColumns(random2(3, 3, 1), 2).columns).toBe(2)
  })
})

describe('factorize', () => {
  const check = (model: Model, result: Model): void => {
    expect(validateModel(result)).toEqual([])
    verifySame(model, result, run, exampleInputs(model, 2), { relative: 1e-2, absolute: 2e-3 })
  }

  it.each(['tucker', 'cp'] as const)('is exact for weights of low rank (%s)', (convolution) => {
    const vector = (n: number, seed: number): Float32Array => weights([n], seed, 1).toArray() as Float32Array
    const outer = (...vectors: Float32Array[]): Float32Array => Float32Array.from(vectors.reduce((all, v) => all.flatMap((x) => [...v].map((y) => x * y)), [0.5]))
    const model = build('low', (g) => {
      const x = g.input('x', 'float32', [2, 6, 7, 8])
      const c = g.op('Conv', [x, g.constant(outer(vector(8, 1), vector(6, 2), vector(3, 3), vector(3, 4)), 'k', 'float32', [8, 6, 3, 3]), g.constant(vector(8, 5))], { pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2] })
      const p: Value = g.op('Conv', [c, g.constant(outer(vector(6, 6), vector(8, 7)), 'p', 'float32', [6, 8, 1, 1])], { strides: [1, 2] })
      const flat = g.op('Flatten', [p])
      const n = flat.shape?.[1] as number
      const f = g.op('Gemm', [flat, g.constant(outer(vector(9, 8), vector(n, 9)), 'f', 'float32', [9, n]), g.constant(vector(9, 10))], { transB: 1, alpha: 0.5, beta: 2 })
      g.output(g.op('MatMul', [f, g.constant(outer(vector(9, 11), vector(7, 12)), 'm', 'float32', [9, 7])]), 'y')
    }, { opsets: { '': 21 } })
    const { model: small, layers } = factorize(model, { energy: 0.9999, convolution })
    expect(layers.map(({ weight }) => weight)).toEqual(['k', 'p', 'f', 'm'])
    for (const { error, parameters } of layers) {
      expect(error).toBeLessThan(1e-2)
      expect(parameters.after).toBeLessThan(parameters.before / 2)
    }
    check(model, small)
  })

  it('chooses ranks by energy or by budget, and keeps what would not get smaller', () => {
    const model = net()
    const all = factorize(model, { energy: 1 })
    expect(all.layers).toEqual([])
    expect(all.kept.map(({ weight }) => weight).sort()).toEqual(['f', 'k', 'm', 'p'])
    const half = factorize(model, { parameters: 0.5 })
    const count = (m: Model): number => ['k', 'p', 'f', 'm'].flatMap((name) => [...m.graph.initializers].filter(([v]) => v.name === name || v.name.startsWith(`${name}_`))).reduce((sum, [, t]) => sum + t.size, 0)
    expect(count(half.model)).toBeLessThanOrEqual(0.5 * count(model))
    expect(count(half.model)).toBeGreaterThan(0.35 * count(model))
    // The error that is reported is that of the best approximation: what the energy leaves out.
    for (const { method, error } of factorize(model, { energy: 0.6 }).layers) if (method === 'svd') expect(error ** 2).toBeLessThanOrEqual(0.4 + 1e-6)
    expect(() => factorize(model, { parameters: 0.001 })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_BUDGET' }))
    expect(() => factorize(model, { energy: 0.5, parameters: 0.5 })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
  })

  it('compares its outputs with those of the source, and refuses a model that gives no numbers', () => {
    const model = net(), inputs = exampleInputs(model, 3)
    const { model: small, outputs } = factorize(model, { energy: 0.7, run, inputs })
    const [a, b] = [model, small].map((each) => run(writeModel(each), inputs)['y']?.data as Float32Array)
    expect(outputs).toMatchObject([{ output: 'y', largest: Math.max(...Array.from(a ?? [], (x, i) => Math.abs(x - (b?.[i] ?? NaN)))), within: true }])
    expect(outputs?.[0]?.largest).toBeGreaterThan(0)
    expect(factorize(model, { energy: 0.7 }).outputs).toBeUndefined()
    let calls = 0
    const broken: typeof run = (bytes, given) => {
      const out = run(bytes, given)
      if (++calls === 2) (out['y']?.data as Float32Array).fill(NaN)
      return out
    }
    expect(() => factorize(model, { energy: 0.7, run: broken })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_DIFFERS' }))
  })

  it('leaves shared weights and grouped convolutions alone, with the reason', () => {
    const model = build('shared', (g) => {
      const w = g.constant(weights([4, 4], 1), 'w')
      const y = g.op('MatMul', [g.op('MatMul', [g.input('x', 'float32', [1, 4]), w]), w])
      g.output(g.op('Conv', [g.op('Reshape', [y, Tensor.from([1, 4, 1, 1], [4], 'int64')]), g.constant(weights([4, 2, 1, 1], 2), 'grouped')], { group: 2 }), 'y')
    })
    const { layers, kept } = factorize(model, { energy: 0.5 })
    expect(layers).toEqual([])
    expect(kept.map(({ reason }) => reason).join()).toMatch(/share.*grouped/)
  })
})
