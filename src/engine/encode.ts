// From the engine's graph to a model of the onnx room, whose codec writes the bytes.
import { Graph, Model, Node, Tensor, Value, tensorType, toAttribute } from '../onnx'
import type { Attribute, Dim } from '../onnx'
import { KEEPS_OUTPUTS } from '../runtime'
import type { GraphAttribute, GraphNode, GraphWriter, V } from './graph'

/** The operator set that lowerings are written for. */
export const OPSET = 21
/** `TensorProto.DataType` */
const BFLOAT16 = 16

const attributeOf = (name: string, value: GraphAttribute): Attribute =>
  typeof value === 'object' && 'float' in value ? toAttribute(name, value.float, 'float') : toAttribute(name, value)

/** How values are called and what is declared of them. */
export interface Naming {
  /** Name of the graph. */
  readonly graph: string
  /** Name of each output, in order. */
  readonly outputs: readonly string[]
  /** Puts the output in front with which `Session.runInto` copies nothing. */
  readonly keepsOutputs?: boolean
  /** Writes nodes for a constant that is to be computed, e.g. from the batch size; undefined leaves it a constant. */
  readonly compute?: (v: V, graph: Graph) => Value | undefined
  /** The declared shape of an input or output, when it is not the traced one. */
  readonly shapeOf?: (v: V, index: number, kind: 'input' | 'output') => readonly Dim[]
}

/**
 * The model of what `outputs` need. Inputs keep their order; those without a name become `i0`, `i1`, …. An output that is
 * itself an input or a constant goes through an Identity, as ONNX wants a node for it.
 */
export function toModel(writer: GraphWriter, outputs: readonly V[], naming: Naming): Model {
  const graph = new Graph(naming.graph)
  const made = new Map<V, Value>()
  const shapeOf = naming.shapeOf ?? ((v: V) => v.shape)
  writer.inputs.forEach((v, index) => {
    made.set(v, graph.addInput(new Value(v.name ?? `i${index}`, tensorType(v.dtype, shapeOf(v, index, 'input')))))
  })
  let constants = 0
  const read = (v: V): Value => {
    const known = made.get(v)
    if (known) return known
    if (!v.constant) throw new Error('a value of the graph has no producer')
    const value = naming.compute?.(v, graph) ?? graph.addInitializer(v.name ?? `c${constants++}`, Tensor.from(v.constant, v.shape, v.dtype))
    made.set(v, value)
    return value
  }
  const nodes: readonly GraphNode[] = writer.live(outputs)
  const used = new Set<V>(outputs)
  for (const node of nodes) for (const v of node.inputs) if (v) used.add(v)
  // All parts of a Split count, read or not.
  for (const node of nodes) if (node.op === 'Split') for (const v of node.outputs) used.add(v)
  const position = new Map<V, number>()
  outputs.forEach((v, i) => { if (v.node && !position.has(v)) position.set(v, i) })
  const counts = new Map<string, number>()
  for (const node of nodes) {
    const number = counts.get(node.op) ?? 0
    counts.set(node.op, number + 1)
    const inputs = node.inputs.map((v) => v && read(v))
    const results = node.outputs.map((v, k) => {
      const at = position.get(v)
      const name = at === undefined ? (used.has(v) || k === 0 ? `${node.op}_${number}${k === 0 ? '' : `.${k}`}` : '') : naming.outputs[at]
      const value = new Value(name ?? '')
      made.set(v, value)
      return value
    })
    while (results.length > 1 && results.at(-1)?.name === '') results.pop()
    graph.append(new Node(node.op, inputs, results, {
      name: `${node.op}_${number}`, domain: node.domain,
      attributes: new Map(Object.entries(node.attributes).map(([key, value]) => [key, attributeOf(key, value)])),
    }))
  }
  if (naming.keepsOutputs) {
    const nothing = graph.addInitializer('nothing', Tensor.from(new Float32Array(0), [0], 'float32'))
    const { output } = graph.append(new Node('Cast', [nothing], [KEEPS_OUTPUTS], { name: KEEPS_OUTPUTS, attributes: new Map([['to', toAttribute('to', BFLOAT16)]]) }))
    output.type = tensorType('bfloat16', [0])
    graph.addOutput(output)
  }
  outputs.forEach((v, index) => {
    let value = made.get(v)
    if (!value || position.get(v) !== index) {
      const copy = new Node('Identity', [read(v)], [naming.outputs[index] ?? `o${index}`], { name: `Identity_out_${index}` })
      graph.append(copy)
      value = copy.output
    }
    value.type = tensorType(v.dtype, shapeOf(v, index, 'output'))
    graph.addOutput(value)
  })
  const opsets = new Map([['', OPSET]])
  for (const { domain } of nodes) if (domain !== '') opsets.set(domain, 1)
  return new Model(graph, { opsets, irVersion: 10, producerName: 'whetstone' })
}
