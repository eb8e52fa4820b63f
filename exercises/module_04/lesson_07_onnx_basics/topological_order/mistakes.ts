import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/topological_order'
import type { GraphNode } from './exercise'

/** Runs the earliest ready node until none is left, but for what a mistake changes. */
function variant(wrong: {
  inputs?: (node: GraphNode) => string[]
  outputs?: (node: GraphNode) => string[]
  /** Where a node that has become ready is put among those that already are. */
  queue?: boolean
  stuck?: (order: string[], waiting: GraphNode[]) => string[]
}): Partial<typeof reference> {
  const inputs = wrong.inputs ?? ((node) => node.inputs.filter((input) => input !== ''))
  const outputs = wrong.outputs ?? ((node) => node.outputs)
  const stuck = wrong.stuck ?? ((_order, waiting): never => {
    throw new Error(`There is a cycle, or a value is missing, at ${waiting.map(({ name, inputs }) => `${name}(${String(inputs)})`).join(', ')}`)
  })
  return {
    topologicalOrder(nodes, available) {
      const known = new Set(available), order: string[] = []
      let ready: GraphNode[] = []
      while (order.length < nodes.length) {
        const isReady = (node: GraphNode): boolean => !order.includes(node.name) && inputs(node).every((input) => known.has(input))
        ready = wrong.queue ? [...ready, ...nodes.filter((node) => isReady(node) && !ready.includes(node))] : nodes.filter(isReady)
        const next = ready.shift()
        if (!next) return stuck(order, nodes.filter((node) => !order.includes(node.name)))
        order.push(next.name)
        for (const output of outputs(next)) known.add(output)
      }
      return order
    },
  }
}

/** Before each node, the makers of its inputs, and theirs before them. */
function depthFirst(nodes: GraphNode[], available: string[]): string[] {
  const order: string[] = [], open = new Set<GraphNode>()
  const visit = (node: GraphNode): void => {
    if (order.includes(node.name)) return
    if (open.has(node)) throw new Error(`There is a cycle through ${node.name}`)
    open.add(node)
    for (const input of node.inputs) {
      if (input === '' || available.includes(input)) continue
      const maker = nodes.find((each) => each.outputs.includes(input))
      if (!maker) throw new Error(`Nothing makes ${input}`)
      visit(maker)
    }
    order.push(node.name)
  }
  nodes.forEach(visit)
  return order
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-order-given',
    sentence: 'You gave the nodes back as they came. A node may stand before the one that makes its input: those must change places.',
    functions: { topologicalOrder: (nodes) => nodes.map((node) => node.name) },
  },
  {
    name: 'first-ready-first-run',
    sentence: 'A queue runs the nodes in the order in which they became ready. Asked for is the earliest in the list, even if it became ready last.',
    functions: variant({ queue: true }),
  },
  {
    name: 'depth-first',
    sentence: 'Each of your nodes comes after its makers, but you ran the makers of one node in the order of its inputs. Asked for is the order of the list.',
    functions: { topologicalOrder: depthFirst },
  },
  {
    name: 'only-the-first-output',
    sentence: 'A node can have several outputs, Split for example. All of them are there once it ran, not only the first.',
    functions: variant({ outputs: (node) => node.outputs.slice(0, 1) }),
  },
  {
    name: 'waits-for-what-is-left-out',
    sentence: 'An input named "" is an optional one that is left out: nothing makes it, and its node need not wait for it.',
    functions: variant({ inputs: (node) => node.inputs }),
  },
  {
    name: 'stops-quietly',
    sentence: 'When no node is ready although some are left, something is wrong with the graph. You returned those that ran; throw an Error instead.',
    functions: variant({ stuck: (order) => order }),
  },
]
