import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/custom_operator'
import type { NodeSpec } from './exercise'

interface WrongNodes {
  name: string
  sentence: string
  nodes: NodeSpec[]
  /** What the nodes compute, so that other nodes which compute the same are recognised too. */
  y?: (x: number) => number
}

const node = (opType: string, inputs: string[], output: string): NodeSpec => ({ opType, inputs, output })
/** ln(1 + eˣ) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

const WRONG: WrongNodes[] = [
  {
    name: 'mish-itself',
    sentence: 'Mish is in ONNX only from operator set 18 on: a runtime with set 17 has no such operator and refuses the model. Say it in older ones.',
    nodes: [node('Mish', ['x'], 'y')],
  },
  {
    name: 'infinity-by-infinity',
    sentence: 'tanh(ln(1 + eˣ)) is n / (n + 2) with n = eˣ · (eˣ + 2): right on paper, but at x = 100 float32 makes n Infinity, and Infinity / Infinity is NaN.',
    nodes: [
      node('Exp', ['x'], 'e'), node('Add', ['e', '2'], 'e2'), node('Mul', ['e', 'e2'], 'n'), node('Add', ['n', '2'], 'n2'),
      node('Div', ['n', 'n2'], 'gate'), node('Mul', ['x', 'gate'], 'y'),
    ],
  },
  {
    name: 'without-the-tanh',
    sentence: 'Your nodes compute x · ln(1 + eˣ), which grows like x². The tanh keeps the gate below 1.',
    nodes: [node('Softplus', ['x'], 'gate'), node('Mul', ['x', 'gate'], 'y')],
    y: (x) => x * softplus(x),
  },
  {
    name: 'without-the-x',
    sentence: 'Your nodes compute the gate, tanh(ln(1 + eˣ)), which lies between 0 and 1. It must still multiply x.',
    nodes: [node('Softplus', ['x'], 's'), node('Tanh', ['s'], 'y')],
    y: (x) => Math.tanh(softplus(x)),
  },
  {
    name: 'without-the-one',
    sentence: 'Without the 1, the logarithm undoes the exponential, and your nodes compute x · tanh(x). The 1 is inside the logarithm.',
    nodes: [node('Exp', ['x'], 'e'), node('Log', ['e'], 'l'), node('Tanh', ['l'], 'gate'), node('Mul', ['x', 'gate'], 'y')],
    y: (x) => x * Math.tanh(x),
  },
  {
    name: 'inside-out',
    sentence: 'You took the tanh first and the logarithm after it. An equation is computed from the inside: eˣ, 1 + …, ln, tanh, and last x · ….',
    nodes: [node('Tanh', ['x'], 't'), node('Softplus', ['t'], 'gate'), node('Mul', ['x', 'gate'], 'y')],
    y: (x) => x * softplus(Math.tanh(x)),
  },
  {
    name: 'swish',
    sentence: 'Your nodes compute Swish, x · sigmoid(x), the example. Mish is close to it but has another gate.',
    nodes: [node('Sigmoid', ['x'], 'gate'), node('Mul', ['x', 'gate'], 'y')],
    y: (x) => x * sigmoid(x),
  },
  {
    name: 'nothing-named-y',
    sentence: 'None of your nodes makes "y". The name of the last output is how the rest of the model finds the result.',
    nodes: [node('Softplus', ['x'], 's'), node('Tanh', ['s'], 'gate'), node('Mul', ['x', 'gate'], 'mish')],
  },
]

export const mistakes: course.Mistake<typeof reference>[] =
  WRONG.map(({ name, sentence, nodes }) => ({ name, sentence, functions: { mishAsNodes: () => nodes } }))

/** The sentence of the mistake that computes `got` from `x`, whatever its nodes are. */
export function sentenceFor(x: Float32Array, got: Float32Array): string | undefined {
  const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-5 + 1e-5 * Math.abs(b)
  return WRONG.find(({ y }) => y && x.every((value, i) => close(got[i] ?? NaN, y(value))))?.sentence
}
