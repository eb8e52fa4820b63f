import { describe, expect, it } from 'vitest'
import { RuntimeError, Session, SessionPool, providers, tensor } from '.'

// y = Identity(x) for x: float32 [n, 2], encoded by hand from onnx.proto: the codec belongs to another room.
const field = (number: number, bytes: readonly number[]): number[] => [(number << 3) | 2, bytes.length, ...bytes]
const text = (number: number, value: string): number[] => field(number, [...Buffer.from(value)])
const int = (number: number, value: number): number[] => [number << 3, value]
const dims = [...field(1, text(2, 'n')), ...field(1, int(1, 2))]
const value = (name: string): number[] => [
  ...text(1, name), ...field(2, field(1, [...int(1, 1), ...field(2, dims)])),
]
const model = (declare: (name: string) => number[]): Uint8Array => Uint8Array.from([
  ...int(1, 8),
  ...field(7, [
    ...field(1, [...text(1, 'x'), ...text(2, 'y'), ...text(4, 'Identity')]), ...text(2, 'g'),
    ...field(11, declare('x')), ...field(12, declare('y')),
  ]),
  ...field(8, [...text(1, ''), ...int(2, 13)]),
])
const identity = model(value)

describe('Session', () => {
  it('runs a model and gives typed tensors back', async () => {
    const session = Session.create(identity, { threads: 1 })
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['n', 2] }])
    const x = tensor('float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6))
    expect(session.runSync({ x }).y).toEqual(x)
    expect((await session.run({ x }, ['y'])).y).toEqual(x)
    session.dispose()
    expect(() => session.runSync({ x })).toThrow(expect.objectContaining({ code: 'RUNTIME_DISPOSED' }))
  })

  it('names the input that does not fit, what was expected and what came', () => {
    const session = Session.create(identity)
    const x = tensor('float32', [1, 3], Float32Array.of(1, 2, 3))
    expect(() => session.runSync({ x })).toThrow(/"x"[^]*float32 \[n, 2\][^]*float32 \[1, 3\]/)
    expect(() => session.runSync({})).toThrow(/"x" is missing/)
    expect(() => session.runSync({ x, z: x })).toThrow(/no input named "z"/)
    const fits = tensor('float32', [1, 2], Float32Array.of(1, 2))
    expect(() => session.runSync({ x: fits }, ['q'])).toThrow(/no output named "q"/)
    session.dispose()
  })

  it('takes any shape where the model leaves the rank open', () => {
    const open = Session.create(model((name) => [...text(1, name), ...field(2, field(1, int(1, 1)))]))
    const x = tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))
    expect(open.runSync({ x }).y).toEqual(x)
    expect(() => open.runSync({ x: tensor('int32', [1], Int32Array.of(1)) })).toThrow(/does not fit/)
    open.dispose()
    const scalar = Session.create(model((name) => [...text(1, name), ...field(2, field(1, [...int(1, 1), ...field(2, [])]))]))
    expect(scalar.runSync({ x: tensor('float32', [], Float32Array.of(7)) }).y!.shape).toEqual([])
    scalar.dispose()
  })

  it('refuses bytes that are no model with a typed error', () => {
    expect(() => Session.create(Uint8Array.of(1, 2, 3))).toThrow(RuntimeError)
    expect(() => Session.create('/nowhere/model.onnx')).toThrow(expect.objectContaining({ code: 'RUNTIME_MODEL' }))
  })

  it('refuses data that does not fill its shape', () => {
    expect(() => tensor('int32', [2, 2], Int32Array.of(1))).toThrow(/4 elements/)
  })
})

describe('providers', () => {
  it('finds that cpu works and says why the others do not', () => {
    const all = providers()
    expect(all.find((p) => p.name === 'cpu')).toMatchObject({ works: true, bundled: true })
    for (const p of all) expect(p.works || (p.reason ?? '').length > 0).toBe(true)
  })
})

describe('SessionPool', () => {
  it('runs jobs on workers while the event loop stays free, in order, and moves what it may', async () => {
    const pool = await SessionPool.create(identity, { workers: 2, threads: 1 })
    const jobs = Array.from({ length: 10 }, (_, i) => pool.run({ x: tensor('float32', [1, 2], Float32Array.of(i, -i)) }))
    expect(pool.waiting).toBe(8)
    const results = await Promise.all(jobs)
    results.forEach((r, i) => { expect([...r.y!.data as Float32Array]).toEqual([i, i === 0 ? -0 : -i]) })
    const given = Float32Array.of(1, 2)
    await pool.run({ x: tensor('float32', [1, 2], given) }, { transfer: true })
    expect(given.length).toBe(0)
    const shared = new Float32Array(new SharedArrayBuffer(8))
    shared.set([3, 4])
    const { y } = await pool.run({ x: tensor('float32', [1, 2], shared) }, { outputs: ['y'] })
    expect([...y!.data as Float32Array]).toEqual([3, 4])
    await pool.dispose()
  })

  it('turns failures into typed errors', async () => {
    await expect(SessionPool.create(Uint8Array.of(1, 2))).rejects.toMatchObject({ code: 'RUNTIME_MODEL' })
    await expect(SessionPool.create(identity, { workers: 0 })).rejects.toMatchObject({ code: 'RUNTIME_INPUT' })
    const pool = await SessionPool.create(identity, { workers: 1 })
    await expect(pool.run({})).rejects.toMatchObject({ code: 'RUNTIME_RUN' })
    await pool.dispose()
    await expect(pool.run({})).rejects.toMatchObject({ code: 'RUNTIME_DISPOSED' })
  })
})
