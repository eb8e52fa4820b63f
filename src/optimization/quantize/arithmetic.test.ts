// The arithmetic against ONNX Runtime's own QuantizeLinear and against brute force.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runner } from '../../../test/support/run'
import { GraphBuilder, Tensor, writeModel } from '../../onnx'
import { dequantizeWeight, fakeQuantize, limitsOf, parametersOf, quantize, quantizeWith, roundEven, sliceRanges, sqnr, type QuantizedType } from './arithmetic'
import { adviseRange } from './cpu'
import { roomForBias, roundWeight } from './weights'

const TYPES: readonly QuantizedType[] = ['int8', 'uint8', 'int16', 'uint16', 'int4', 'uint4']

/** QuantizeLinear and DequantizeLinear of ONNX Runtime on the same numbers. */
function byRuntime(values: Float32Array, scale: number, zeroPoint: number, dtype: QuantizedType): { q: number[]; x: number[] } {
  const g = new GraphBuilder('q')
  const x = g.input('x', 'float32', ['N'])
  const [s, z] = [g.constant(Tensor.scalar(scale, 'float32')), g.constant(Tensor.scalar(zeroPoint, dtype))]
  const q = g.op('QuantizeLinear', [x, s, z])
  g.output(g.op('Cast', [q], { to: 6 }), 'q')
  g.output(g.op('DequantizeLinear', [q, s, z]), 'y')
  const run = runner({ optimization: 'disabled', threads: 1 })
  const out = run(writeModel(g.model()), { x: { dtype: 'float32', shape: [values.length], data: values } })
  run.dispose()
  return { q: Array.from(out['q']?.data as Int32Array), x: Array.from(out['y']?.data as Float32Array) }
}

describe('parameters', () => {
  test('limits of the types', () => {
    expect(limitsOf({ dtype: 'int8', symmetric: false })).toEqual({ low: -128, high: 127 })
    expect(limitsOf({ dtype: 'int8', symmetric: true })).toEqual({ low: -127, high: 127 })
    expect(limitsOf({ dtype: 'int8', symmetric: true, reduced: true })).toEqual({ low: -64, high: 64 })
    expect(limitsOf({ dtype: 'uint8', symmetric: false, reduced: true })).toEqual({ low: 0, high: 127 })
    expect(limitsOf({ dtype: 'uint4', symmetric: false })).toEqual({ low: 0, high: 15 })
  })

  test('real 0 is exact, the range is covered, and errors inside it are at most half a step', () => {
    fc.assert(fc.property(
      fc.float({ min: -100, max: 100, noNaN: true }), fc.float({ min: Math.fround(0.01), max: 100, noNaN: true }), fc.constantFrom(...TYPES), fc.boolean(), fc.boolean(),
      (low, width, dtype, symmetric, reduced) => {
        const range = { low, high: low + width }
        const p = parametersOf(range, { dtype, symmetric, reduced })
        expect(p.zeroPoint).toBeGreaterThanOrEqual(p.low)
        expect(p.zeroPoint).toBeLessThanOrEqual(p.high)
        expect(fakeQuantize(0, p)).toBe(0)
        for (const share of [0, 0.13, 0.5, 0.77, 1]) {
          const x = range.low + share * width
          // One whole step at the ends: the zero point is rounded to an integer, which moves the range by half a step.
          expect(Math.abs(fakeQuantize(x, p) - x)).toBeLessThanOrEqual(p.scale * 1.001 + 1e-4)
        }
      },
    ), { numRuns: 200, seed: 3 })
  })

  test('a range of zeros, and one that is not finite', () => {
    expect(parametersOf({ low: 0, high: 0 }, { dtype: 'uint8', symmetric: false })).toMatchObject({ scale: 1, zeroPoint: 0 })
    expect(() => parametersOf({ low: 0, high: Infinity }, { dtype: 'uint8', symmetric: false })).toThrow(/not finite/)
  })
})

describe('rounding', () => {
  test('ties go to the even integer', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, 3].map(roundEven).map((x) => x + 0)).toEqual([0, 2, 2, 0, -2, -2, 2, 3])
  })

  test('the same integers and numbers as ONNX Runtime', () => {
    fc.assert(fc.property(fc.constantFrom(...TYPES), fc.integer({ min: 1, max: 1000 }), fc.nat(1e6), (dtype, width, seed) => {
      const p = parametersOf({ low: -width / 50, high: width / 37 }, { dtype, symmetric: false })
      const values = Float32Array.from({ length: 64 }, (_, i) => (((seed * 31 + i * 7919) % 2000) / 1000 - 1) * width / 30)
      const { q, x } = byRuntime(values, p.scale, p.zeroPoint, dtype)
      expect(Array.from(values, (value) => quantize(value, p))).toEqual(q)
      expect(Array.from(values, (value) => fakeQuantize(value, p))).toEqual(x)
    }), { numRuns: 30, seed: 5 })
  })
})

describe('weights', () => {
  const data = Float32Array.of(1, -2, 0.5, 100, -50, 25)

  test('a range for each slice of any axis', () => {
    expect(sliceRanges(data, [2, 3], 0)).toEqual([{ low: -2, high: 1 }, { low: -50, high: 100 }])
    expect(sliceRanges(data, [2, 3], 1)).toEqual([{ low: 1, high: 100 }, { low: -50, high: -2 }, { low: 0.5, high: 25 }])
    expect(sliceRanges(data, [2, 3], undefined)).toEqual([{ low: -50, high: 100 }])
  })

  test('a scale for each channel loses less than one for all', () => {
    const of = (perChannel: boolean) => dequantizeWeight(roundWeight(data, [2, 3], 0, { perChannel, grid: { dtype: 'int8', symmetric: true }, method: 'min-max' }))
    expect(sqnr(data.subarray(0, 3), of(true).subarray(0, 3))).toBeGreaterThan(sqnr(data.subarray(0, 3), of(false).subarray(0, 3)) + 20)
  })

  test('least squares is never worse than min-max, and better with an outlier', () => {
    const values = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * 12.9898) * 0.1)
    values[7] = 1
    const error = (method: 'min-max' | 'mse') => sqnr(values, dequantizeWeight(roundWeight(values, [400], 0, { perChannel: false, grid: { dtype: 'int4', symmetric: true }, method })))
    expect(error('mse')).toBeGreaterThan(error('min-max'))
  })

  test('a channel that is almost zero leaves room for its bias in 32 bits', () => {
    const [p] = roomForBias([{ scale: 1e-12, zeroPoint: 0, low: -127, high: 127 }], [0.5], 0.01)
    expect(0.5 / ((p?.scale ?? 0) * 0.01)).toBeLessThan(2 ** 31)
  })

  test('values outside the parameters are clipped', () => {
    const p = parametersOf({ low: -1, high: 1 }, { dtype: 'int8', symmetric: true })
    expect([...quantizeWith([5, -5, NaN], [3], undefined, [p], 'int8').values].slice(0, 2)).toEqual([127, -127])
  })
})

test('advice on the range, by the flags of a processor', () => {
  expect(adviseRange(new Set(['avx2', 'fma'])).reduced).toBe(true)
  expect(adviseRange(new Set(['avx2', 'avx512f', 'avx512bw'])).reduced).toBe(true)
  expect(adviseRange(new Set(['avx2', 'avx512bw', 'avx512_vnni'])).reduced).toBe(false)
  expect(adviseRange(new Set(['avx2', 'avx_vnni'])).reduced).toBe(false)
  expect(adviseRange(new Set(['asimd', 'asimddp'])).reduced).toBe(false)
})
