// Edits of whole graphs: cutting a part out as a graph of its own, and putting the body of a function where it is called.
import { OnnxError } from '../errors'
import { graphsOf, type Attribute } from './attributes'
import { cloneNode, cloneValue } from './clone'
import { Graph } from './graph'
import { Model, sameDomain, type FunctionDefinition } from './model'
import type { Node } from './node'
import { readsOf, topologicalOrder } from './sort'
import type { Value } from './value'

/**
 * A graph of the nodes that compute `outputs` from `inputs`. Initializers that it needs come along (tensors are shared).
 *
 * @throws OnnxError `ONNX_GRAPH` when an output depends on a graph input that is not among `inputs`
 */
export function extractSubgraph(graph: Graph, inputs: readonly Value[], outputs: readonly Value[], name: string = graph.name): Graph {
  const part = new Graph(name)
  const map = new Map<Value, Value>()
  for (const value of inputs) {
    const copy = cloneValue(value)
    if (copy.type === undefined && value.type !== undefined) copy.type = value.type
    map.set(value, part.addInput(copy))
  }
  const needed = new Set<Node>()
  const waiting = [...outputs]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (map.has(value)) continue
    const { tensor, sparseTensor, producer } = value
    if (value.graph === graph && (tensor ?? sparseTensor) !== undefined) {
      const copy = cloneValue(value)
      if (tensor !== undefined) part.addInitializer(copy, tensor)
      else if (sparseTensor !== undefined) part.addInitializer(copy, sparseTensor)
      map.set(value, copy)
    } else if (producer === undefined || producer.graph !== graph) {
      // A value of a graph inside a needed node is that node's own business.
      if (value.graph !== graph && value.graph !== undefined) continue
      throw new OnnxError('ONNX_GRAPH', 'The part depends on a value that is not among its inputs', {
        expected: inputs.map((input) => input.name).join(', '), got: value.name, where: `graph "${graph.name}"`, fix: 'add it to the inputs',
      })
    } else if (!needed.has(producer)) {
      needed.add(producer)
      waiting.push(...readsOf(producer))
    }
  }
  for (const node of topologicalOrder(graph)) {
    if (!needed.has(node)) continue
    const made = node.outputs.map((output) => {
      // An output that is replaced by an input of the part keeps its name there, so here it is left out.
      const copy = cloneValue(output, map.has(output) ? '' : output.name)
      if (!map.has(output)) map.set(output, copy)
      return copy
    })
    part.append(cloneNode(node, map, part, made))
  }
  part.setOutputs(outputs.map((value) => map.get(value) ?? value))
  return part
}

/** The part of a model between named values, as a model. */
export function extractModel(model: Model, inputs: readonly string[], outputs: readonly string[]): Model {
  const byName = new Map([...model.graph.values()].map((value) => [value.name, value]))
  const find = (name: string): Value => {
    const value = byName.get(name)
    if (value === undefined) throw new OnnxError('ONNX_GRAPH', `The model has no value ${name}`, { where: `graph "${model.graph.name}"` })
    return value
  }
  return new Model(extractSubgraph(model.graph, inputs.map(find), outputs.map(find)), {
    opsets: model.opsets, irVersion: model.irVersion, functions: model.functions,
    ...(model.producerName === undefined ? {} : { producerName: model.producerName }),
  })
}

/**
 * Replaces a call of a function by the function's body. Names that are taken get a number.
 *
 * @returns the nodes that took its place
 * @throws OnnxError `ONNX_GRAPH` when the node calls no function of the model, or the body needs another version of an
 * operator set than the model states
 */
export function inlineFunction(model: Model, node: Node): Node[] {
  const f = model.functionOf(node)
  const { graph } = node
  if (f === undefined || graph === undefined) {
    throw new OnnxError('ONNX_GRAPH', `Node ${node.label} calls no function of the model`)
  }
  for (const [domain, version] of f.opsets) {
    const stated = [...model.opsets].find(([other]) => sameDomain(other, domain))?.[1]
    if (stated === undefined) model.opsets.set(domain, version)
    else if (stated !== version) {
      throw new OnnxError('ONNX_GRAPH', `The function ${f.name} cannot be put in place: it needs another operator set`, {
        expected: `version ${stated} of ${JSON.stringify(domain)}`, got: `version ${version}`, where: `node ${node.label}`,
      })
    }
  }
  const map = new Map<Value, Value>()
  const missing = new Set<Value>()
  f.body.inputs.forEach((input, i) => {
    const given = node.inputs[i]
    if (given === undefined) missing.add(input)
    else map.set(input, given)
  })
  const results = new Map(f.body.outputs.map((output, i) => [output, node.outputs[i]]))
  const added: Node[] = []
  for (const inner of topologicalOrder(f.body)) {
    const outputs = inner.outputs.map((output) => {
      const copy = cloneValue(output, output.name === '' ? '' : graph.freshName(output.name))
      map.set(output, copy)
      return copy
    })
    const copy = cloneNode(inner, map, graph, outputs)
    copy.inputs.forEach((input, i) => {
      if (input !== undefined && missing.has(input)) copy.setInput(i, undefined)
    })
    if (node.name !== '' && copy.name !== '') copy.name = `${node.name}/${copy.name}`
    graph.insertBefore(node, copy)
    resolveReferences(copy, node, f)
    added.push(copy)
  }
  for (const [inner, outer] of results) {
    const made = map.get(inner)
    if (made === undefined || outer === undefined) continue
    if (made.declaredType === undefined && outer.declaredType !== undefined) made.declaredType = outer.declaredType
    const { name } = outer
    graph.replaceAllUses(outer, made)
    // The result keeps the name that the call gave it, unless it is one of the call's own inputs.
    if (made.producer !== undefined && name !== '' && added.includes(made.producer)) {
      outer.currentName = ''
      made.currentName = name
    }
  }
  graph.remove(node)
  return added
}

/** Replaces every call of the model's functions, also calls inside functions and subgraphs, and drops the functions. */
export function inlineFunctions(model: Model): number {
  let count = 0
  for (;;) {
    const calls = [...model.graph.allNodes()].filter((node) => model.functionOf(node) !== undefined)
    if (calls.length === 0) break
    for (const call of calls) inlineFunction(model, call)
    count += calls.length
    if (count > 1_000_000) throw new OnnxError('ONNX_LIMIT', 'Functions of the model expand without end')
  }
  model.functions.length = 0
  return count
}

function resolveReferences(node: Node, call: Node, f: FunctionDefinition): void {
  for (const [name, value] of [...node.attributes]) {
    if (value.kind === 'reference') {
      const given: Attribute | undefined = call.attributes.get(value.name) ?? f.defaults.get(value.name)
      if (given === undefined) node.removeAttribute(name)
      else node.setAttribute(name, given)
    }
    for (const graph of graphsOf(value)) for (const inner of graph.nodes) resolveReferences(inner, call, f)
  }
}
