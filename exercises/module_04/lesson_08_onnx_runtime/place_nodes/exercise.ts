import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/place_nodes',
  title: 'Which provider runs what?',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/execution-providers',
    'module04/lesson-8-onnx-runtime-production-inference/interview-questions/explain-onnx-runtime-execution-providers',
    'frameworks/6-onnx-and-model-interoperability/onnx-runtime/execution-providers',
  ],
}

// #region cell
/** An execution provider: where its memory is, and the operators for which it has a kernel. */
export interface ExecutionProvider {
  name: string
  device: 'cpu' | 'gpu'
  operators: string[]
}

/** Where the nodes of a model run, and what that costs in copies. */
export interface Placement {
  /** The name of the provider of each node, in the order of the nodes. */
  providers: string[]
  /** How often a value goes from the memory of one device to that of the other. */
  copies: number
}

/**
 * Places a chain of nodes, each of which reads what the one before made, as ONNX Runtime does: **each node on its own**
 * goes to the first provider in the list that has a kernel for it. Whoever calls has the input in the processor's memory
 * and wants the output there. A value is copied where it is made on one *device* and read on the other:
 *
 *   copies = number of neighbours that differ in:   cpu, device of node 1, …, device of node n, cpu
 *
 * Example: Conv, NonZero, Conv, with cuda (on the gpu; Conv and Relu) before cpu (Conv, Relu, NonZero). They run on cuda,
 * cpu, cuda; the value goes cpu → gpu → cpu → gpu → cpu. The answer is { providers: ['cuda', 'cpu', 'cuda'], copies: 4 }.
 *
 * @param operators of the nodes, in order; may be empty
 * @param providers in the order in which the session was given them
 * @throws Error with the operator's name, when no provider has a kernel for it
 */
export function placeNodes(operators: string[], providers: ExecutionProvider[]): Placement {
  // TODO: find a provider for each operator, then walk along the devices and count the changes.
  throw new Error('placeNodes is not written yet')
}
// #endregion
