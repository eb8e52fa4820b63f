import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/topological_order',
  title: 'The order in which a graph can run',
  points: 10,
  minutes: 15,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/onnx-format-and-operators',
    'frameworks/6-onnx-and-model-interoperability/onnx-format/model-structure',
    'performance/week-1-onnx-and-model-export/onnx-format-deep-dive',
    'advanced/week-1-onnx-and-model-portability/onnx-format-understanding',
  ],
}

// #region cell
/** A node: an operator with the names of the values that it reads and makes. '' is an optional one that is left out. */
export interface GraphNode {
  name: string
  inputs: string[]
  outputs: string[]
}

/**
 * The names of the nodes in an order in which they can run: each after the nodes that make its inputs. ONNX requires
 * the nodes of a file to be in such an order. Of the nodes that could run next, the one earliest in the list does.
 *
 *   ready(node) = every input is '', available, or an output of a node that ran
 *
 * Example: with x available, the nodes relu: h → y, matmul: x → h, and shape: x → s run as matmul, relu, shape. At
 * first matmul and shape are ready, and matmul comes earlier; now relu is ready too, and comes earlier than shape.
 *
 * @param nodes in any order; no value has two makers
 * @param available names of the graph's inputs and initializers
 * @throws Error with the name of the value, when a node reads one that is not available and that no node makes;
 * otherwise, when nodes wait for each other: with the word "cycle" and the name of a node that waits for itself
 */
export function topologicalOrder(nodes: GraphNode[], available: string[]): string[] {
  // TODO: look for a missing value, then run the earliest ready node again and again until none is left.
  throw new Error('topologicalOrder is not written yet')
}
// #endregion
