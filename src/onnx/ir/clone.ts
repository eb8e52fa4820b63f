// Copies of graphs and models. Tensors are shared, so a clone costs as much as its nodes, whatever the weights weigh.
import type { Attribute } from './attributes'
import { Graph } from './graph'
import { FunctionDefinition, Model } from './model'
import { Node } from './node'
import { Value } from './value'

interface Notes {
  docString?: string
  metadata?: Map<string, string>
  unknown?: Uint8Array
}

function copyNotes(from: Notes, to: Notes): void {
  if (from.docString !== undefined) to.docString = from.docString
  if (from.metadata !== undefined) to.metadata = new Map(from.metadata)
  if (from.unknown !== undefined) to.unknown = from.unknown
}

/** A value of the same name, type and notes, in no graph. */
export function cloneValue(value: Value, name: string = value.name): Value {
  const copy = new Value(name, value.declaredType)
  copyNotes(value, copy)
  return copy
}

/**
 * A copy of a graph with everything inside it. Values of graphs around it stay the same values, unless `map` says what
 * takes their place.
 *
 * @param map values of the original → values of the copy; filled as the copy is made
 */
export function cloneGraph(graph: Graph, map: Map<Value, Value> = new Map<Value, Value>(), within?: Graph): Graph {
  const copy = new Graph(graph.name, within)
  copyNotes(graph, copy)
  const twin = (value: Value): Value => {
    const known = map.get(value)
    if (known !== undefined) return known
    const made = cloneValue(value)
    map.set(value, made)
    return made
  }
  for (const value of graph.inputs) copy.addInput(twin(value))
  for (const [value, tensor] of graph.initializers) copy.addInitializer(twin(value), tensor)
  for (const [value, tensor] of graph.sparseInitializers) copy.addInitializer(twin(value), tensor)
  // All outputs first, so that a node may read from one that stands later.
  for (const node of graph.nodes) node.outputs.forEach(twin)
  for (const node of graph.nodes) copy.append(cloneNode(node, map, copy, node.outputs.map(twin)))
  const or = (value: Value) => map.get(value) ?? (value.graph === undefined ? twin(value) : value)
  copy.setOutputs(graph.outputs.map(or))
  if (graph.outputInfo !== undefined) copy.outputInfo = new Map([...graph.outputInfo].map(([i, info]) => [i, { ...info }]))
  copy.quantization = graph.quantization.map((note) => ({
    ...note, value: or(note.value), parameters: new Map([...note.parameters].map(([key, value]) => [key, or(value)])),
  }))
  copy.strayInfo = graph.strayInfo.map((value) => cloneValue(value))
  return copy
}

/** A copy of a node that makes `outputs` and reads what `map` says in place of its inputs; in no graph yet. */
export function cloneNode(node: Node, map: Map<Value, Value>, within: Graph | undefined, outputs: readonly Value[]): Node {
  const inputs = node.inputs.map((value) => (value === undefined ? undefined : (map.get(value) ?? strayTwin(value, map))))
  const copy = new Node(node.opType, inputs, outputs, { name: node.name, domain: node.domain, overload: node.overload })
  copyNotes(node, copy)
  for (const [name, value] of node.attributes) copy.setAttribute(name, cloneAttribute(value, map, within))
  return copy
}

/** A value that no graph defines gets a copy too, so that an invalid model's copy shares nothing with it. */
function strayTwin(value: Value, map: Map<Value, Value>): Value {
  if (value.graph !== undefined) return value
  const made = cloneValue(value)
  map.set(value, made)
  return made
}

function cloneAttribute(value: Attribute, map: Map<Value, Value>, within: Graph | undefined): Attribute {
  if (value.kind === 'graph') return { ...value, value: cloneGraph(value.value, map, within) }
  if (value.kind === 'graphs') return { ...value, value: value.value.map((graph) => cloneGraph(graph, map, within)) }
  return value
}

/** A copy of a model; tensors are shared. */
export function cloneModel(model: Model): Model {
  const { producerName, producerVersion, domain, modelVersion, docString } = model
  const copy = new Model(cloneGraph(model.graph), {
    opsets: model.opsets, irVersion: model.irVersion, metadata: model.metadata, functions: model.functions.map(cloneFunction),
    ...(producerName === undefined ? {} : { producerName }), ...(producerVersion === undefined ? {} : { producerVersion }),
    ...(domain === undefined ? {} : { domain }), ...(modelVersion === undefined ? {} : { modelVersion }),
    ...(docString === undefined ? {} : { docString }),
  })
  if (model.unknown !== undefined) copy.unknown = model.unknown
  return copy
}

function cloneFunction(f: FunctionDefinition): FunctionDefinition {
  const copy = new FunctionDefinition(f.domain, f.name, cloneGraph(f.body), new Map(f.opsets))
  copyNotes(f, copy)
  copy.overload = f.overload
  copy.requiredAttributes = [...f.requiredAttributes]
  for (const [name, value] of f.defaults) copy.defaults.set(name, cloneAttribute(value, new Map<Value, Value>(), undefined))
  return copy
}
