// A second model with its own nodes and values over the same tensors, so that a pass can edit without touching its input.
import { attribute, Graph, Model, Node, Value, type Attribute, type AttributeInput } from '../onnx'

/** Copies the structure of a model. Tensors are immutable and shared; functions are not copied, as no pass edits them. */
export function cloneModel(model: Model): Model {
  const copy = new Model(cloneGraph(model.graph, new Map()), {
    opsets: model.opsets, irVersion: model.irVersion, functions: model.functions, metadata: model.metadata,
    ...(model.producerName === undefined ? {} : { producerName: model.producerName }),
    ...(model.producerVersion === undefined ? {} : { producerVersion: model.producerVersion }),
    ...(model.domain === undefined ? {} : { domain: model.domain }),
    ...(model.modelVersion === undefined ? {} : { modelVersion: model.modelVersion }),
    ...(model.docString === undefined ? {} : { docString: model.docString }),
  })
  if (model.unknown !== undefined) copy.unknown = model.unknown
  return copy
}

/** @param seen from values of the original to their copies: the graphs around this one are in it already */
function cloneGraph(graph: Graph, seen: Map<Value, Value>, within?: Graph): Graph {
  const copy = new Graph(graph.name, within)
  copyNotes(graph, copy)
  const value = (original: Value): Value => {
    let made = seen.get(original)
    if (made === undefined) {
      made = new Value(original.name, original.declaredType)
      copyNotes(original, made)
      seen.set(original, made)
    }
    return made
  }
  for (const input of graph.inputs) copy.addInput(value(input))
  for (const [target, tensor] of graph.initializers) copy.addInitializer(value(target), tensor)
  for (const [target, tensor] of graph.sparseInitializers) copy.addInitializer(value(target), tensor)
  for (const node of graph.nodes) {
    const made = new Node(node.opType, node.inputs.map((input) => input && value(input)), node.outputs.map(value), {
      name: node.name, domain: node.domain, overload: node.overload,
    })
    copyNotes(node, made)
    copy.append(made)
    for (const [name, held] of node.attributes) made.setAttribute(name, cloneAttribute(held, seen, copy))
  }
  copy.setOutputs(graph.outputs.map(value))
  if (graph.outputInfo !== undefined) copy.outputInfo = new Map(graph.outputInfo)
  copy.strayInfo = [...graph.strayInfo]
  copy.quantization = graph.quantization.map((annotation) => ({
    ...annotation, value: value(annotation.value),
    parameters: new Map([...annotation.parameters].map(([key, parameter]) => [key, value(parameter)])),
  }))
  return copy
}

function cloneAttribute(held: Attribute, seen: Map<Value, Value>, within: Graph): Attribute {
  if (held.kind === 'graph') return attribute('graph', cloneGraph(held.value, seen, within))
  if (held.kind === 'graphs') return attribute('graphs', held.value.map((graph) => cloneGraph(graph, seen, within)))
  return held
}

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

/** A node of the same operator and attributes on other inputs; with `opType` and `attributes`, of another operator there. */
export function cloneNode(
  node: Node, inputs: readonly (Value | undefined)[], outputs: number | readonly string[], opType?: string,
  attributes?: Readonly<Record<string, AttributeInput>>,
): Node {
  return new Node(opType ?? node.opType, inputs, outputs, opType === undefined
    ? { name: node.name, domain: node.domain, overload: node.overload, attributes: node.attributes }
    : { name: node.name, attributes: attributes ?? {} })
}
