// How the parts of a model show themselves: in a notebook by the display convention, elsewhere as text.
import type { Graph } from './graph'
import type { Model } from './model'
import type { Tensor } from './tensor'
import { formatShape, formatType } from './types'
import { formatBytes, formatCount, type Table } from '../show'

/** Elements of a tensor that are shown. */
const SHOWN_ELEMENTS = 20

/** The nodes of a graph, one a row. */
export function graphTable(graph: Graph): Table {
  const values = (list: Graph['inputs']) => list.map((value) => `${value.name}: ${formatType(value.type)}`).join(', ')
  let parameters = 0
  let bytes = 0
  for (const tensor of graph.initializers.values()) {
    parameters += tensor.size
    bytes += tensor.byteLength
  }
  return {
    title: `graph "${graph.name}"(${values(graph.inputs)}) → ${values(graph.outputs)}; ${graph.nodeCount} nodes, `
      + `${graph.initializers.size} constants with ${formatCount(parameters)} elements (${formatBytes(bytes)})`,
    columns: ['node', 'operator', 'inputs', 'outputs'],
    rows: graph.nodes.map((node) => [
      node.name, node.domain === '' ? node.opType : `${node.domain}.${node.opType}`,
      node.inputs.map((value) => value?.name ?? '').join(', '),
      node.outputs.map((value) => (value.type === undefined ? value.name : `${value.name}: ${formatType(value.type)}`)).join(', '),
    ]),
  }
}

/** The main graph, with what the model says about itself. */
export function modelTable(model: Model): Table {
  const opsets = [...model.opsets].map(([domain, version]) => `${domain === '' ? 'ai.onnx' : domain} ${version}`).join(', ')
  const maker = [model.producerName, model.producerVersion].filter((part) => part !== undefined && part !== '').join(' ')
  const table = graphTable(model.graph)
  const functions = model.functions.length === 0 ? '' : `, ${model.functions.length} functions`
  return { ...table, title: `ONNX model, IR ${model.irVersion}, opset ${opsets}${maker === '' ? '' : `, by ${maker}`}${functions}\n${table.title}` }
}

/** Type, range and first elements of a tensor. */
export function tensorSummary(tensor: Tensor): string {
  const head = `Tensor ${tensor.dtype}${formatShape(tensor.shape)}, ${formatBytes(tensor.byteLength)}`
  if (tensor.source !== undefined) return `${head}, in ${tensor.source.entries?.get('location') ?? 'a file'}`
  const array = tensor.toArray()
  const shown = Array.from(array.slice(0, SHOWN_ELEMENTS) as ArrayLike<string | number | bigint>, (element) =>
    (typeof element === 'number' ? String(Number(element.toPrecision(6))) : typeof element === 'string' ? JSON.stringify(element) : String(element)))
  const elements = `[${shown.join(', ')}${array.length > SHOWN_ELEMENTS ? ', …' : ''}]`
  if (Array.isArray(array) || array.length === 0) return `${head}\n${elements}`
  let [low, high, sum] = [Infinity, -Infinity, 0]
  for (const element of array as Iterable<number | bigint>) {
    const number = Number(element)
    if (number < low) low = number
    if (number > high) high = number
    sum += number
  }
  const range = [low, high, sum / array.length].map((number) => Number(number.toPrecision(6)))
  return `${head}, from ${range[0] ?? ''} to ${range[1] ?? ''}, mean ${range[2] ?? ''}\n${elements}`
}
