// Arrays that are written again: programs of random operations whose every value is known, and what stays in memory.
import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile, start } from '.'
import { Arrays } from './arrays'
import { backend } from './register'

beforeAll(async () => { await start() })

/** Large enough that results are written into arrays of ours. */
const SIZE = 40_000

const operation = fc.record({
  kind: fc.constantFrom('add', 'half', 'clone', 'view', 'new', 'assign', 'step', 'read', 'later', 'dispose', 'dispose', 'flush'),
  a: fc.nat(), b: fc.nat(),
})

describe('arrays of disposed tensors', () => {
  it('are written to again only when nothing can see them', () => {
    fc.assert(fc.property(fc.array(operation, { minLength: 20, maxLength: 60 }), (program) => {
      const variable = tf.variable(tf.fill([SIZE], 3))
      const step = compile((x: tf.Tensor) => { variable.assign(variable.mul(0.5).add(x)); return variable.sum() })
      const live: { t: tf.Tensor; value: number }[] = [{ t: tf.fill([SIZE], 2), value: 2 }]
      const seen: { data: ArrayLike<number>; value: number }[] = []
      let held = 3
      const make = (t: tf.Tensor, value: number): void => { live.push({ t, value: Math.fround(value) }) }
      for (const { kind, a, b } of program) {
        const one = live[a % live.length], two = live[b % live.length]
        if (!one || !two || kind === 'new') make(tf.fill([SIZE], (a % 7) + 0.5).mul(1), (a % 7) + 0.5)
        else if (kind === 'add') make(tf.add(one.t.flatten(), two.t.flatten()), one.value + two.value)
        else if (kind === 'half') make(one.t.mul(0.5), one.value * 0.5)
        else if (kind === 'clone') make(one.t.clone(), one.value)
        else if (kind === 'view') make(one.t.reshape([200, 200]), one.value)
        else if (kind === 'assign') { variable.assign(one.t.flatten().mul(0.25)); held = Math.fround(one.value * 0.25) }
        else if (kind === 'step') { step(tf.fill([SIZE], 1)).dispose(); held = Math.fround(Math.fround(held * 0.5) + 1) }
        else if (kind === 'read') seen.push({ data: one.t.dataSync(), value: one.value })
        else if (kind === 'later') make(variable.add(0), held)
        else if (kind === 'flush') backend().flush()
        else if (live.length > 1) live.splice(a % live.length, 1)[0]?.t.dispose()
      }
      const wrong = (data: ArrayLike<number>, value: number): boolean => Array.prototype.some.call(data, (x: number) => Math.abs(x - value) > 1e-3 * Math.abs(value))
      for (const { t, value } of live) expect(wrong(t.dataSync(), value)).toBe(false)
      for (const { data, value } of seen) expect(wrong(data, value)).toBe(false)
      expect(wrong(variable.dataSync(), held)).toBe(false)
      step.dispose()
      tf.dispose([variable, ...live.map(({ t }) => t)])
    }), { numRuns: 25 })
  })

  it('serve the next step of ordinary training code', () => {
    const w = tf.variable(tf.fill([SIZE], 1))
    const arrays = new Set(Array.from({ length: 12 }, () => {
      tf.tidy(() => { w.assign(w.mul(0.5)) })
      backend().flush()
      return backend().view(w)?.value.data
    }).slice(4))
    expect(arrays.size).toBeLessThanOrEqual(3)
    w.dispose()
  })

  it('are kept up to a size', () => {
    const arrays = new Arrays()
    const first = new Float32Array(10_000)
    arrays.give('float32', first)
    arrays.give('float32', new Float32Array(4))
    expect(arrays.bytes).toBe(40_000)
    expect(arrays.take('int32', 10_000)).toBeInstanceOf(Int32Array)
    expect(arrays.take('float32', 10_000)).toBe(first)
    expect(arrays.bytes).toBe(0)
    for (let i = 0; i < 40; i++) arrays.give('float32', new Float32Array(1_000_000))
    expect(arrays.bytes).toBeLessThanOrEqual(2 ** 26)
  })
})
