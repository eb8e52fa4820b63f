// Loops of TensorFlow 1 in small graphs written by hand, against closed forms; loops that are broken are refused in words.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { convert, onnx, runtime } from 'whetstone'

const folder = mkdtempSync(path.join(tmpdir(), 'loops-'))
afterAll(() => { rmSync(folder, { recursive: true }) })

interface JsonNode { readonly name: string, readonly op: string, readonly input?: string[], readonly attr?: object }
const FLOAT = { type: 'DT_FLOAT' }
const node = (name: string, op: string, input: string[] = [], attr: object = {}): JsonNode => ({ name, op, input, attr: { T: FLOAT, ...attr } })
const constants: Readonly<Record<string, number>> = { zero: 0, one: 1, two: 2, three: 3 }

/** while (i < limit) { i += 1; body } with the variables of `state`, each `[name, initial, next]`. */
function loop(frame: string, limit: string, state: readonly (readonly [name: string, initial: string, next: string])[], fixed: readonly string[] = []): JsonNode[] {
  const name = Buffer.from(frame).toString('base64')
  const enter = (constant: boolean): object => ({ frame_name: { s: name }, is_constant: { b: constant } })
  return [
    ...fixed.map((value) => node(`${frame}/${value}`, 'Enter', [value], enter(true))),
    ...state.flatMap(([variable, initial, next]) => [
      node(`${frame}/${variable}/enter`, 'Enter', [initial], enter(false)),
      node(`${frame}/${variable}/merge`, 'Merge', [`${frame}/${variable}/enter`, `${frame}/${variable}/next`]),
      node(`${frame}/${variable}/switch`, 'Switch', [`${frame}/${variable}/merge`, `${frame}/cond`]),
      node(`${frame}/${variable}/exit`, 'Exit', [`${frame}/${variable}/switch`]),
      node(`${frame}/${variable}/next`, 'NextIteration', [next]),
    ]),
    node(`${frame}/less`, 'Less', [`${frame}/i/merge`, `${frame}/${limit}`]),
    node(`${frame}/cond`, 'LoopCond', [`${frame}/less`]),
    node(`${frame}/i/more`, 'AddV2', [`${frame}/i/switch:1`, 'one']),
  ]
}

function converted(nodes: readonly JsonNode[]): onnx.Model {
  const file = path.join(folder, 'model.json')
  const names = Object.keys(constants)
  const all = [node('x', 'Placeholder', [], { dtype: FLOAT, shape: { shape: {} } }), ...names.map((name) => ({ name, op: 'Const', attr: { dtype: FLOAT } })), ...nodes, node('y', 'Identity', ['result'])]
  writeFileSync(file, JSON.stringify({ format: 'graph-model', modelTopology: { node: all }, weightsManifest: [{ paths: ['weights.bin'], weights: names.map((name) => ({ name, shape: [], dtype: 'float32' })) }] }))
  writeFileSync(path.join(folder, 'weights.bin'), Buffer.from(Float32Array.from(names.map((name) => constants[name] ?? 0)).buffer))
  const { model } = convert.convert(file)
  expect(onnx.validateModel(model)).toEqual([])
  return model
}

function run(nodes: readonly JsonNode[], x: number): number {
  const model = converted(nodes)
  const session = runtime.Session.create(onnx.writeModel(model), { threads: 1 })
  const [y] = Object.values(session.runSync({ x: runtime.tensor('float32', [], Float32Array.of(x)) }))
  session.dispose()
  return Number(y?.data[0])
}

const DOUBLE = [
  ...loop('w', 'three', [['i', 'zero', 'w/i/more'], ['a', 'x', 'w/plus']], ['three', 'two']),
  node('w/twice', 'Mul', ['w/a/switch:1', 'w/two']), node('w/plus', 'AddV2', ['w/twice', 'w/i/switch:1']),
  node('result', 'AddV2', ['w/a/exit', 'w/i/exit']),
]

test('a loop with a carried value, a constant of the frame and the counter', () => {
  // a ← 2a + i for i = 0, 1, 2 gives 8a + 4; i ends at 3.
  fc.assert(fc.property(fc.integer({ min: -1000, max: 1000 }), (x) => { expect(run(DOUBLE, x)).toBe(8 * x + 4 + 3) }), { numRuns: 10 })
})

test('a loop in a loop, and two loops one after the other', () => {
  const nested = [
    ...loop('out', 'three', [['i', 'zero', 'out/i/more'], ['a', 'x', 'in/a/exit']], ['three', 'two']),
    ...loop('in', 'two', [['i', 'zero', 'in/i/more'], ['a', 'out/a/switch:1', 'in/plus']]),
    { ...node('in/two', 'Enter', ['out/two']), attr: { T: FLOAT, frame_name: { s: Buffer.from('in').toString('base64') }, is_constant: { b: true } } },
    node('in/plus', 'AddV2', ['in/a/switch:1', 'one']),
  ]
  // Three times two times one more.
  expect(run([...nested, node('result', 'Identity', ['out/a/exit'])], 5)).toBe(11)
  const second = DOUBLE.map((each) => ({ ...each, input: (each.input ?? []).map((input) => (input === 'x' ? 'out/a/exit' : input)) }))
  expect(run([...nested, ...second], 5)).toBe(8 * 11 + 4 + 3)
})

test('a loop that never ran gives what it was given', () => {
  expect(run([...loop('w', 'zero', [['i', 'zero', 'w/i/more'], ['a', 'x', 'w/twice']], ['zero']), node('w/twice', 'Mul', ['w/a/switch:1', 'two']), node('result', 'Identity', ['w/a/exit'])], 7)).toBe(7)
})

// Not run: a loop whose counter is gone may go on for ever.
test('whatever is missing of a loop, the refusal is typed', () => {
  for (let left = 0; left < DOUBLE.length; left++) {
    const [gone] = DOUBLE.slice(left, left + 1)
    const broken = DOUBLE.filter((_, i) => i !== left).map((each) => ({ ...each, input: (each.input ?? []).map((input) => (input.split(':')[0] === gone?.name ? 'x' : input)) }))
    try {
      converted(broken)
    } catch (error) {
      expect(error, gone?.name).toBeInstanceOf(convert.ConvertError)
    }
  }
  const control = DOUBLE.filter(({ op }) => op !== 'LoopCond').map((each) => ({ ...each, input: (each.input ?? []).map((input) => (input === 'w/cond' ? 'w/less' : input)) }))
  expect(() => converted(control)).toThrow(/Switch[^]*control flow of TensorFlow 1/)
})
