import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { RuntimeError, Session, bind, profileModel, profileTable, readProfile, tensor } from '.'

const folder = mkdtempSync(path.join(os.tmpdir(), 'profile-test-'))
afterAll(() => { rmSync(folder, { recursive: true }) })
const assets = path.dirname(createRequire(__filename).resolve('@ricky0123/vad-web/package.json'))
/** Silero's voice detector (MIT): 16 kHz and 8 kHz networks as the two branches of an If. */
const SILERO = path.join(assets, 'dist', 'silero_vad_v5.onnx')
const speech = {
  input: tensor('float32', [1, 512], Float32Array.from({ length: 512 }, (_, i) => Math.sin(i / 5))),
  sr: tensor('int64', [], BigInt64Array.of(16000n)), state: tensor('float32', [2, 1, 128], new Float32Array(256)),
}

const event = (name: string, ts: number, dur: number, args: object = {}, cat = 'Node'): object => ({ cat, pid: 1, tid: 1, dur, ts, ph: 'X', name, args })
const kernel = (name: string, operator: string, ts: number, dur: number, provider = 'CPUExecutionProvider'): object =>
  event(`${name}_kernel_time`, ts, dur, { op_name: operator, provider, output_size: '40', parameter_size: '8', input_type_shape: [{ float: [2, 3] }, { int64: [] }], output_type_shape: [{ float: [2, 5] }] })
const run = (ts: number, dur: number): object => event('model_run', ts, dur, {}, 'Session')

// As ONNX Runtime writes them: a parent comes after what ran inside it. In microseconds.
const trace = [
  event('model_loading_array', 10, 2000, {}, 'Session'), event('session_initialization', 2100, 5000, {}, 'Session'),
  kernel('a', 'Conv', 8010, 100), event('a_fence_after', 8110, 1), run(8000, 200),
  kernel('a', 'Conv', 9010, 300), kernel('inner', 'Mul', 9320, 40), kernel('branch', 'If', 9311, 60), kernel('b', 'Conv', 9400, 100), run(9000, 520),
  kernel('a', 'Conv', 10_010, 200), kernel('inner', 'Mul', 10_320, 20), kernel('branch', 'If', 10_311, 40, 'CUDAExecutionProvider'), kernel('b', 'Conv', 10_400, 100), run(10_000, 500),
]

describe('readProfile', () => {
  it('sorts nodes into runs, and takes the time of nodes inside a node from it', () => {
    const profile = readProfile(JSON.stringify(trace))
    expect([profile.load, profile.initialize]).toEqual([2, 5])
    expect(profile.runs).toEqual([
      { start: 8, duration: 0.2, overhead: expect.closeTo(0.1, 9) as number },
      { start: 9, duration: 0.52, overhead: expect.closeTo(0.06, 9) as number },
      { start: 10, duration: 0.5, overhead: expect.closeTo(0.16, 9) as number },
    ])
    expect(profile.nodes.filter((n) => n.run === 1).map((n) => [n.name, n.operator, n.depth, n.start])).toEqual([['a', 'Conv', 0, 0.01], ['branch', 'If', 0, 0.311], ['inner', 'Mul', 1, 0.32], ['b', 'Conv', 0, 0.4]])
    expect(profile.nodes.find((n) => n.name === 'branch')?.self).toBeCloseTo(0.02, 9)
    expect(profile.nodes[0]).toMatchObject({ inputs: ['float [2, 3]', 'int64 []'], outputs: ['float [2, 5]'], outputBytes: 40, parameterBytes: 8 })
  })

  it('sums by operator, by node and by provider over the runs that count', () => {
    const profile = readProfile(JSON.stringify(trace))
    const close = (n: number) => expect.closeTo(n, 9) as number
    expect(profileTable(profile)).toEqual([
      { what: 'Conv', calls: 2, milliseconds: close(0.35), share: close(0.7 / 0.8) },
      { what: 'Mul', calls: 1, milliseconds: close(0.03), share: close(0.06 / 0.8) }, { what: 'If', calls: 1, milliseconds: close(0.02), share: close(0.04 / 0.8) },
    ])
    expect(profileTable(profile, { by: 'name', skip: 2 }).map((row) => row.what)).toEqual(['a', 'b', 'branch', 'inner'])
    expect(profileTable(profile, { by: 'provider' })[1]).toMatchObject({ what: 'CUDAExecutionProvider', calls: 0.5 })
    expect(() => profileTable(profile, { skip: 3 })).toThrow(/more than 3 runs/)
  })

  it('adds up: own times are the time of the outermost nodes, however nodes are nested', () => {
    const nested = (low: number, high: number, depth: number): fc.Arbitrary<object[]> => (depth === 0 || high - low < 8
      ? fc.constant([kernel('n', 'Op', low, high - low)])
      : fc.integer({ min: low + 2, max: high - 2 }).chain((cut) => fc.tuple(nested(low + 1, cut, depth - 1), nested(cut, high - 1, depth - 1))
        .map(([left, right]) => [...left, ...right, kernel('n', 'Op', low, high - low)])))
    fc.assert(fc.property(fc.array(nested(0, 200, 3), { minLength: 1, maxLength: 4 }), (blocks) => {
      const events = blocks.flatMap((block, i) => [...block.map((e) => ({ ...e, ts: (e as { ts: number }).ts + 1000 * i + 10 })), run(1000 * i, 300)])
      const { nodes, runs } = readProfile(JSON.stringify(events))
      expect(runs).toHaveLength(blocks.length)
      for (const [i, { overhead }] of runs.entries()) {
        expect(nodes.filter((n) => n.run === i).reduce((sum, n) => sum + n.self, 0)).toBeCloseTo(0.2, 6)
        expect(overhead).toBeCloseTo(0.1, 6)
      }
    }))
  })

  it('keeps the whole events of a trace that was cut, and refuses what is no trace', () => {
    const text = `[\n${trace.map((each) => JSON.stringify(each)).join(',\n')}\n]`
    expect(readProfile(text.slice(0, -60)).runs).toHaveLength(2)
    for (const wrong of ['[1]', '[', '[{"cat":"Node","name":"x","dur":-1,"ts":0}]', '[{"cat":"Node","name":"x","dur":1}]']) {
      expect(() => readProfile(wrong), wrong).toThrow(RuntimeError)
    }
    expect(() => readProfile('/nowhere/trace.json')).toThrow(expect.objectContaining({ code: 'RUNTIME_PROFILE' }))
    const other = path.join(folder, 'other.json')
    writeFileSync(other, '{"traceEvents": []}')
    expect(() => readProfile(other)).toThrow(/not a list/)
    fc.assert(fc.property(fc.nat(text.length - 1), fc.string(), (cut, junk) => {
      try {
        readProfile(text.slice(0, cut) + junk)
      } catch (error) {
        expect((error as RuntimeError).code).toBe('RUNTIME_PROFILE')
      }
    }))
  })
})

describe('profileModel', () => {
  it('measures a real model with nested graphs, and agrees with the raw trace', () => {
    const runs = 3
    const { nodes, runs: measured, initialize } = profileModel(SILERO, speech, { threads: 1, runs })
    expect(measured).toHaveLength(runs)
    expect(initialize).toBeGreaterThan(0)
    expect(nodes.some((n) => n.depth > 0)).toBe(true)
    expect(nodes.filter((n) => n.operator === 'If' && n.depth === 0 && n.run === 0).length).toBeGreaterThan(0)
    for (const [i, { duration, overhead }] of measured.entries()) {
      const own = nodes.filter((n) => n.run === i).reduce((sum, n) => sum + n.self, 0)
      // Events are in whole microseconds: a node may seem to take one more or less than it did.
      expect(Math.abs(own + overhead - duration)).toBeLessThan(0.002 * nodes.length)
    }
    // The same sums, taken from the file by nothing but JSON.parse.
    const session = Session.create(SILERO, { threads: 1, profilePrefix: path.join(folder, 'raw') })
    session.runSync(speech)
    session.runSync(speech)
    session.endProfiling()
    session.dispose()
    const file = path.join(folder, readdirSync(folder).find((name) => name.startsWith('raw')) ?? '')
    const raw = (JSON.parse(readFileSync(file, 'utf8')) as { cat: string; dur: number; name: string; args: { op_name?: string } }[]).filter((e) => e.cat === 'Node' && e.args.op_name === 'Conv')
    const conv = profileTable(readProfile(file), { skip: 0 }).find((row) => row.what === 'Conv')
    expect(conv?.calls).toBe(raw.length / 2)
    expect(conv?.milliseconds).toBeCloseTo(raw.reduce((sum, e) => sum + e.dur, 0) / 2000, 6)
  })
})

describe('bind', () => {
  it('reads inputs and writes outputs where they are, run after run', () => {
    const session = Session.create(SILERO, { threads: 1 })
    const output = tensor('float32', [1, 1], new Float32Array(1)), stateN = tensor('float32', [2, 1, 128], new Float32Array(256))
    const next = bind(session, speech, { output, stateN })
    next()
    expect(output.data).toEqual(session.runSync(speech)['output']?.data)
    expect(stateN.data).toEqual(session.runSync(speech)['stateN']?.data)
    const louder = { ...speech, input: tensor('float32', [1, 512], speech.input.data.map((x) => 0.2 * x)) }
    const expected = session.runSync(louder)['output']?.data
    const before = Float32Array.from(output.data)
    speech.input.data.set(louder.input.data)
    next()
    expect(output.data).toEqual(expected)
    expect(output.data).not.toEqual(before)
    const small = bind(session, speech, { output: tensor('float32', [3], new Float32Array(3)) })
    expect(small).toThrow(expect.objectContaining({ code: 'RUNTIME_RUN' }))
    expect(() => bind(session, speech, { wrong: output })).toThrow(/no output named "wrong"/)
    expect(() => bind(session, { ...speech, x: output }, {})).toThrow(/no input named "x"/)
    expect(() => bind(session, { sr: speech.sr }, {})).toThrow(/"input" is missing/)
    session.dispose()
  })
})
