import { describe, expect, test } from 'vitest'
import { build, writeModel } from '../../src/onnx'
import { runner } from '../../src/runtime/runner'

const adder = (n: number): Uint8Array => writeModel(build('add', (g) => { g.output(g.op('Add', [g.input('x', 'float32', [1]), n]), 'y') }))
const x = { x: { dtype: 'float32' as const, shape: [1], data: Float32Array.of(1) } }

describe('runner', () => {
  test('runs models by their bytes, also after more of them than it keeps', () => {
    const run = runner({ threads: 1 })
    const models = Array.from({ length: 6 }, (_, n) => adder(n))
    for (let round = 0; round < 2; round++) {
      expect(models.map((bytes) => run(bytes, x)['y']?.data[0])).toEqual([1, 2, 3, 4, 5, 6])
    }
    run.dispose()
    expect(run(models[3] ?? adder(3), x)['y']?.data[0]).toBe(4)
    run.dispose()
  })

  test('a model that cannot be loaded is an error, and the next one runs', () => {
    const run = runner()
    expect(() => run(Uint8Array.of(1, 2, 3), x)).toThrow(/does not accept/)
    expect(run(adder(2), x)['y']?.data[0]).toBe(3)
    run.dispose()
  })
})
