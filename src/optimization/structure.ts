// What a pass must not get wrong, checked from outside: whether the structure changed (a hash), and whether it is whole.
import { sha256 } from '../core'
import { formatType, type Attribute, type Graph, type Model, type SparseTensor, type Tensor, type Value } from '../onnx'
import { OptimizationError } from './errors'

const tensorIds = new WeakMap<Tensor | SparseTensor, number>()
let nextTensorId = 0

/** Tensors are immutable, so a tensor's identity stands for its content; a rebuilt equal tensor counts as a change. */
function idOf(tensor: Tensor | SparseTensor): number {
  let id = tensorIds.get(tensor)
  if (id === undefined) tensorIds.set(tensor, id = nextTensorId++)
  return id
}

/** A digest of everything that decides what the model computes. Valid in this process only. */
export function structureHash(model: Model): string {
  return sha256(JSON.stringify([model.irVersion, [...model.opsets].sort(), describe(model.graph)]))
}

function describe(graph: Graph): unknown {
  return [
    graph.inputs.map(typed), [...graph.initializers].map(([value, tensor]) => [value.name, idOf(tensor)]),
    [...graph.sparseInitializers].map(([value, tensor]) => [value.name, idOf(tensor)]), graph.outputs.map((value) => value.name),
    graph.nodes.map((node) => [
      node.name, node.domain, node.opType, node.overload, node.inputs.map((value) => value?.name ?? ''),
      node.outputs.map((value) => value.name), [...node.attributes].map(([name, held]) => [name, describeAttribute(held)]),
    ]),
  ]
}

function describeAttribute(held: Attribute): unknown {
  switch (held.kind) {
    case 'reference': return [held.kind, held.name]
    case 'graph': return describe(held.value)
    case 'graphs': return held.value.map(describe)
    case 'tensor': case 'sparse': return idOf(held.value)
    case 'tensors': return held.value.map(idOf)
    case 'sparses': return held.value.map(idOf)
    case 'type': return formatType(held.value)
    case 'types': return held.value.map(formatType)
    case 'bytes': return Buffer.from(held.value).toString('base64')
    case 'bytesList': return held.value.map((bytes) => Buffer.from(bytes).toString('base64'))
    case 'int': return String(held.value)
    case 'ints': return held.value.map(String)
    case 'float': case 'floats': return [held.kind, String(held.value)]
    default: return [held.kind, held.value]
  }
}

const typed = (value: Value): string => `${value.name}: ${formatType(value.type)}`

/**
 * Checks that a graph is whole: every name defined once and before its use, every link consistent from both sides.
 *
 * @param who the pass that made it, for the message
 * @throws OptimizationError `OPTIMIZATION_INVALID`
 */
export function checkStructure(model: Model, who: string): void {
  const fault = faultOf(model.graph, new Set(), new Set())
  if (fault !== undefined) {
    throw new OptimizationError('OPTIMIZATION_INVALID', `The pass ${who} made a graph that is not whole`, {
      got: fault, fix: 'leave this pass out, and report the model',
    })
  }
}

function faultOf(graph: Graph, outer: ReadonlySet<Value>, names: Set<string>): string | undefined {
  const known = new Set(outer)
  const define = (value: Value): string | undefined => {
    if (names.has(value.name)) return `the name ${value.name} is defined twice`
    names.add(value.name)
    known.add(value)
    return undefined
  }
  for (const value of new Set([...graph.inputs, ...graph.initializers.keys(), ...graph.sparseInitializers.keys()])) {
    const fault = define(value)
    if (fault !== undefined) return fault
  }
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input === undefined) continue
      if (!known.has(input)) return `node ${node.label} reads ${input.name}, which nothing before it defines`
      if (!input.consumers.has(node)) return `node ${node.label} reads ${input.name}, which does not know it`
    }
    for (const inner of node.subgraphs) {
      const fault = faultOf(inner, known, new Set(names))
      if (fault !== undefined) return fault
    }
    for (const output of node.outputs) {
      if (output.name === '') continue
      const fault = output.producer === node ? define(output) : `${output.name} does not know the node that makes it`
      if (fault !== undefined) return fault
    }
  }
  for (const output of graph.outputs) {
    if (!known.has(output)) return `the output ${output.name} of graph ${graph.name} is not defined`
  }
  return undefined
}

/** Inputs and outputs of a model by name and type: what its callers rely on. */
export function signature(model: Model): string {
  const outputs = model.graph.outputs.map((value) => value.name)
  return JSON.stringify([model.graph.inputs.map(typed), outputs])
}
