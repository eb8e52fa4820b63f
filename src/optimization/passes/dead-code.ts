// Removes what no output needs.
import type { Graph, Node } from '../../onnx'
import { definePass, graphsOfModel, type Pass } from '../pass'

const unused = (node: Node): boolean => node.outputs.every((output) => output.consumers.size === 0 && !output.isGraphOutput)

/** Nodes and initializers from which no path leads to an output of their graph. */
export const deadCode: Pass = definePass({
  name: 'dead-code',
  summary: 'Removes nodes and initializers that no output of the model depends on.',
  handles: [
    'a node none of whose outputs is read or returned, then the nodes that only it read from',
    'an initializer that nothing reads, dense or sparse',
    'the same inside the branches of If and the bodies of Loop and Scan',
  ],
  leavesAlone: [
    'inputs of the model that nothing reads: its callers pass them',
    'an output of a node of which another output is used',
    'initializers that are also inputs',
    'functions of the model',
  ],
  apply({ model, changed }) {
    for (const graph of graphsOfModel(model)) {
      if (!isReachable(graph)) continue
      for (const node of [...graph.nodes].reverse()) {
        if (!unused(node)) continue
        graph.remove(node)
        changed('node', node.outputs[0] ?? node.label, `${node.label}: nothing reads what it makes`)
      }
    }
    for (const graph of graphsOfModel(model)) {
      const annotated = new Set(graph.quantization.flatMap(({ value, parameters }) => [value, ...parameters.values()]))
      for (const value of [...graph.initializers.keys(), ...graph.sparseInitializers.keys()]) {
        if (value.consumers.size > 0 || value.isGraphOutput || value.isGraphInput || annotated.has(value)) continue
        graph.removeInitializer(value)
        changed('initializer', value, `initializer "${value.name}": nothing reads it`)
      }
    }
  },
  why: (_, node) => {
    const reader = node.outputs.flatMap((output) => [...output.consumers])[0]
    const returned = node.outputs.find((output) => output.isGraphOutput)
    if (unused(node)) return [{ rule: 'node', fires: true, why: `nothing reads what ${node.label} makes` }]
    const why = returned === undefined ? `its output is read by ${reader?.label ?? 'a node'}` : `"${returned.name}" is an output of the graph`
    return [{ rule: 'node', fires: false, why }]
  },
})

/** Whether the graph is still part of the model: the node around it may have been removed just before. */
function isReachable(graph: Graph): boolean {
  return graph.parent === undefined || graph.parent.graph !== undefined
}
