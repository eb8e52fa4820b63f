import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/custom_operator',
  title: 'A custom operator in standard operators',
  points: 7,
  minutes: 10,
  trains: [
    'module04/lesson-7-onnx-fundamentals/hands-on/handle-custom-operators',
    'module04/lesson-7-onnx-fundamentals/interview-questions/how-do-you-handle-custom-layers',
    'frameworks/6-onnx-and-model-interoperability/model-interoperability/custom-operation-handling',
    'frameworks/6-onnx-and-model-interoperability/onnx-format/operator-sets',
  ],
}

// #region cell
/** One node to be: an operator of ONNX without attributes, and the names of what it reads and makes. */
export interface NodeSpec {
  opType: string
  /** Each is "x", the output of an earlier node, or a constant as a numeral, such as "1" or "0.5". */
  inputs: string[]
  output: string
}

/**
 * The activation Mish, element by element, as nodes that run on any ONNX runtime with operator set 17:
 *
 *   y = x · tanh(ln(1 + eˣ))
 *
 * Operator set 17 has no Mish, so a model that uses it must bring it along: as a custom operator, which needs code in
 * every runtime that is to run the model, or as a few standard operators, which need nothing. Any right decomposition
 * will do. The numbers are float32, which ends at 3.4 · 10³⁸, and e⁸⁹ is beyond that: for x = 100 the answer is still 100.
 *
 * Example, for another activation: Swish, y = x / (1 + e⁻ˣ), is
 * [{ opType: 'Sigmoid', inputs: ['x'], output: 's' }, { opType: 'Mul', inputs: ['x', 's'], output: 'y' }]
 *
 * The operators that may be used work element by element: Abs, Add, Div, Exp, Greater, Less, Log, Max, Min, Mul, Neg,
 * Pow, Reciprocal, Relu, Sigmoid, Softplus, Sqrt, Sub, Tanh, Where.
 *
 * @returns the nodes, each after those whose outputs it reads; one of them makes "y"
 */
export function mishAsNodes(): NodeSpec[] {
  // TODO: work from the inside of the equation to the outside, one node a step.
  throw new Error('mishAsNodes is not written yet')
}
// #endregion
