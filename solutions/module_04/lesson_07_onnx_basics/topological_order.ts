import type { GraphNode } from '../../../exercises/module_04/lesson_07_onnx_basics/topological_order/exercise'

// #region cell
export function topologicalOrder(nodes: GraphNode[], available: string[]): string[] {
  const known = new Set(['', ...available])
  const made = new Set(nodes.flatMap((node) => node.outputs))
  for (const node of nodes) {
    const missing = node.inputs.find((input) => !known.has(input) && !made.has(input))
    if (missing !== undefined) throw new Error(`${node.name} reads "${missing}", which nothing makes`)
  }
  const order: string[] = []
  let waiting = nodes
  while (waiting.length > 0) {
    const next = waiting.find((node) => node.inputs.every((input) => known.has(input)))
    if (!next) throw new Error(`There is a cycle: ${nodeOnCycle(waiting, known)} waits for itself`)
    order.push(next.name)
    for (const output of next.outputs) known.add(output)
    waiting = waiting.filter((node) => node !== next)
  }
  return order
}

/** Every waiting node waits for another one, so walking from each to what it waits for must come round. */
function nodeOnCycle(waiting: GraphNode[], known: Set<string>): string {
  const passed = new Set<GraphNode>()
  let node = waiting[0]
  while (node && !passed.has(node)) {
    passed.add(node)
    const wanted = node.inputs.find((input) => !known.has(input)) ?? ''
    node = waiting.find((each) => each.outputs.includes(wanted))
  }
  return node?.name ?? ''
}
// #endregion
