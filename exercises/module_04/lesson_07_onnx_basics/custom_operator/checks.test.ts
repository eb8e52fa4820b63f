import { test } from 'vitest'
import { course, onnx, runtime, WhetstoneError } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/custom_operator'
import type { NodeSpec } from './exercise'
import { sentenceFor } from './mistakes'

const { mishAsNodes } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

const OPERATORS = [
  'Abs', 'Add', 'Div', 'Exp', 'Greater', 'Less', 'Log', 'Max', 'Min', 'Mul', 'Neg', 'Pow', 'Reciprocal', 'Relu', 'Sigmoid', 'Softplus', 'Sqrt',
  'Sub', 'Tanh', 'Where',
]
/** More nodes than any sensible way needs. */
const MOST_NODES = 40

/** The closed form in double precision, where e¹⁰⁰ is an ordinary number. */
const mish = (x: number): number => x * Math.tanh(Math.log1p(Math.exp(x)))
const close = { atol: 1e-5, rtol: 1e-5 }

const isConstant = (name: string): boolean => name.trim() !== '' && Number.isFinite(Number(name))

/** The learner's nodes, seen to be nodes, in order, of the operators that are allowed. */
async function nodes(): Promise<NodeSpec[]> {
  const got: unknown = await mishAsNodes()
  const isNode = (value: unknown): value is NodeSpec => {
    const { opType, inputs, output } = (value ?? {}) as Partial<NodeSpec>
    return typeof opType === 'string' && typeof output === 'string' && Array.isArray(inputs) && inputs.every((name) => typeof name === 'string')
  }
  const list = Array.isArray(got) ? got.filter(isNode) : []
  assertThat(
    Array.isArray(got) && list.length === got.length && list.length > 0 && list.length <= MOST_NODES,
    `Return an array of 1 to ${MOST_NODES} nodes, each with an opType, an array of inputs and an output.`, { got })
  const known = ['x']
  for (const { opType, inputs, output } of list) {
    assertThat(OPERATORS.includes(opType), `"${opType}" is none of the operators that may be used here.`, { expected: OPERATORS.join(', '), got: opType })
    const unknown = inputs.find((name) => !known.includes(name) && !isConstant(name))
    assertThat(unknown === undefined, `A node ${opType} reads "${unknown ?? ''}", which is not x, no constant, and no output of an earlier node.`, {
      expected: `one of ${known.join(', ')}, or a numeral`, got: unknown,
    })
    assertThat(!known.includes(output) && !isConstant(output) && output !== '', `The name "${output}" is taken: each value is made once.`, { got: output })
    known.push(output)
  }
  assertThat(known.includes('y'), 'None of the nodes makes "y".', { expected: 'a node with the output "y"', got: list.map(({ output }) => output) })
  return list
}

/** y for these x: a model of the nodes, of operator set 17, run by ONNX Runtime. */
function run(list: NodeSpec[], x: Float32Array, shape: number[]): Float32Array {
  const g = new onnx.GraphBuilder('mish')
  const values = new Map([['x', g.input('x', 'float32', shape)]])
  for (const { opType, inputs, output } of list) {
    values.set(output, g.op(opType, inputs.map((name) => values.get(name) ?? Number(name)), {}, { outputs: [output] }))
  }
  g.output(values.get('y')!, 'y')
  let session: runtime.Session | undefined
  try {
    session = runtime.Session.create(onnx.writeModel(g.model({ opsets: { '': 17 }, irVersion: 8 })), { threads: 1 })
    return session.runSync({ x: runtime.tensor('float32', shape, x) })['y']!.data as Float32Array
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error
    throw new course.CheckFailure('ONNX Runtime refuses the model of your nodes. Does each operator have as many inputs as it takes?', { got: error.details.got ?? error.what })
  } finally {
    session?.dispose()
  }
}

async function compare(x: Float32Array, sentence: string, shape = [x.length]): Promise<void> {
  const y = run(await nodes(), x, shape)
  assertClose(y, x.map(mish), close, sentenceFor(x, y) ?? sentence)
}

test('standard operators only, in an order that runs, up to y', async () => {
  await nodes()
})

test('at 0, and at its lowest point', async () => {
  // The minimum of Mish: D. Misra, "Mish", 2019.
  const x = Float32Array.of(0, -1.1924412, 1)
  const y = run(await nodes(), x, [3])
  assertClose(y, Float32Array.of(0, -0.30884, 0.8650984), { atol: 1e-5 }, sentenceFor(x, y) ?? 'For x = 0, −1.19244 and 1, y is 0, −0.30884 and 0.86510.')
})

test('a hundred points between −8 and 8', async () => {
  await compare(Float32Array.from({ length: 101 }, (_, i) => (i - 50) * 0.16), 'Your nodes do not compute x · tanh(ln(1 + eˣ)).')
})

test('fresh points, in a tensor of three axes', async () => {
  const random = freshRandom()
  await compare(Float32Array.from({ length: 60 }, () => 3 * random.normal()), 'Your nodes do not compute x · tanh(ln(1 + eˣ)).', [3, 4, 5])
})

test('where the exponential overflows', async () => {
  const sentence = 'For large x, y is x. Which of your values becomes Infinity there, and what is done with it? Infinity / Infinity, Infinity − Infinity and 0 · Infinity are NaN.'
  await compare(Float32Array.of(1, 20, 44, 45, 88, 89, 100, 1000), sentence)
})

test('where the exponential vanishes', async () => {
  const sentence = 'For x far below 0, y is almost 0. Which of your values becomes 0 or Infinity there, and what is done with it?'
  await compare(Float32Array.of(1, -15, -20, -50, -89, -100, -1000), sentence)
})
