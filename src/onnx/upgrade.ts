// Raises the version of ONNX's operator set that a model needs: nodes are rewritten where an operator changed its form
// between the two versions (Changelog of onnx/docs/Operators.md). Only upward, and from version 7.
import { OnnxError } from './errors'
import { cloneModel } from './ir/clone'
import type { Graph } from './ir/graph'
import type { Model } from './ir/model'
import { Node } from './ir/node'
import { Tensor } from './ir/tensor'
import type { Value } from './ir/value'
import { inferShapes } from './infer/infer'
import { schemaOf } from './schema/schema'

/** Before version 7, operators broadcast by attributes. */
const OLDEST = 7
/** The newest version whose changes the table below holds. */
const NEWEST = 23

/** The form that a node had in the version before `since` → the form that it has from then on. */
interface Step {
  readonly since: number
  readonly opTypes: readonly string[]
  readonly change: (node: Node, graph: Graph) => void
}

const ints = (values: readonly number[]): Tensor => Tensor.from([...values], [values.length], 'int64')

function refuse(node: Node, why: string): never {
  throw new OnnxError('ONNX_SCHEMA', `${node.label} cannot be raised to a newer operator set`, { got: why })
}

/** An attribute that became an input. */
function toInput(graph: Graph, node: Node, name: string, index: number, tensor: Tensor | undefined): void {
  node.removeAttribute(name)
  if (tensor !== undefined) node.setInput(index, graph.addInitializer(graph.freshName(`${node.outputs[0]?.name ?? 'node'}_${name}`), tensor))
}

function axesToInput(node: Node, graph: Graph): void {
  const axes = node.ints('axes')
  toInput(graph, node, 'axes', 1, axes === undefined ? undefined : ints(axes))
}

function dtypeOf(node: Node): 'float32' | 'float16' | 'float64' {
  const dtype = node.inputs[0]?.dtype ?? 'float32'
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'float64') return dtype
  return refuse(node, `its input is ${dtype}`)
}

/** Resize of version 11 does what Upsample and Resize 10 did only with these settings. */
function toResize(node: Node, graph: Graph, scales: Value | undefined): void {
  const [x] = node.inputs
  const [output] = node.outputs
  if (x === undefined || output === undefined || scales === undefined) refuse(node, 'an input is missing')
  const made = new Node('Resize', [x, undefined, scales], 1, { name: node.name })
  made.setAttribute('mode', node.string('mode', 'nearest'))
  made.setAttribute('coordinate_transformation_mode', 'asymmetric')
  made.setAttribute('nearest_mode', 'floor')
  replaceNode(graph, node, made)
}

function replaceNode(graph: Graph, node: Node, made: Node): void {
  graph.insertBefore(node, made)
  node.outputs.forEach((before, i) => {
    const after = made.outputs[i]
    if (after === undefined) return
    const { name } = before
    if (before.declaredType !== undefined) after.declaredType = before.declaredType
    graph.root.replaceAllUses(before, after)
    before.currentName = after.name
    after.currentName = name
  })
  graph.remove(node)
}

/** Until version 12, Softmax worked on the matrix that Flatten(axis) makes. */
function flatSoftmax(node: Node, graph: Graph): void {
  const [x] = node.inputs
  const rank = x?.shape?.length
  if (x === undefined || rank === undefined) refuse(node, 'the rank of its input is not known, and its axis meant something else')
  const axis = node.int('axis', 1)
  const place = axis < 0 ? axis + rank : axis
  if (place === rank - 1) {
    node.setAttribute('axis', -1)
    return
  }
  const before = (made: Node): Value => {
    graph.insertBefore(node, made)
    return made.output
  }
  const flat = before(new Node('Flatten', [x], 1, { attributes: { axis: place } }))
  const soft = before(new Node(node.opType, [flat], 1, { attributes: { axis: -1 } }))
  replaceNode(graph, node, new Node('Reshape', [soft, before(new Node('Shape', [x], 1))], 1, { name: node.name }))
}

/** In order of `since`. */
const STEPS: readonly Step[] = [
  { since: 9, opTypes: ['BatchNormalization'], change: (node) => { if (node.int('spatial', 1) === 0) refuse(node, 'spatial is 0'); node.removeAttribute('spatial') } },
  { since: 9, opTypes: ['Scan'], change: (node) => refuse(node, 'Scan 8 has another form') },
  { since: 9, opTypes: ['Upsample'], change: (node, graph) => {
    const scales = node.get('scales', 'floats')
    if (scales !== undefined) toInput(graph, node, 'scales', 1, Tensor.from([...scales], [scales.length], 'float32'))
  } },
  { since: 10, opTypes: ['Slice'], change: (node, graph) => {
    const [starts, ends, axes] = [node.ints('starts', []), node.ints('ends', []), node.ints('axes')]
    toInput(graph, node, 'starts', 1, ints(starts))
    toInput(graph, node, 'ends', 2, ints(ends))
    toInput(graph, node, 'axes', 3, axes === undefined ? undefined : ints(axes))
  } },
  { since: 10, opTypes: ['TopK'], change: (node, graph) => { toInput(graph, node, 'k', 1, ints([node.int('k', 1)])) } },
  { since: 11, opTypes: ['Upsample', 'Resize'], change: (node, graph) => { toResize(node, graph, node.inputs[1]) } },
  { since: 11, opTypes: ['Clip'], change: (node, graph) => {
    const [min, max] = [node.float('min'), node.float('max')]
    const dtype = dtypeOf(node)
    toInput(graph, node, 'min', 1, min === undefined ? undefined : Tensor.scalar(min, dtype))
    toInput(graph, node, 'max', 2, max === undefined ? undefined : Tensor.scalar(max, dtype))
  } },
  { since: 11, opTypes: ['Pad'], change: (node, graph) => {
    const [pads, value] = [node.ints('pads', []), node.float('value', 0)]
    toInput(graph, node, 'pads', 1, ints(pads))
    toInput(graph, node, 'value', 2, Tensor.scalar(value, dtypeOf(node)))
  } },
  { since: 11, opTypes: ['Scatter'], change: (node, graph) => {
    replaceNode(graph, node, new Node('ScatterElements', node.inputs, 1, { name: node.name, attributes: { axis: node.int('axis', 0) } }))
  } },
  // In inference the ratio says nothing.
  { since: 12, opTypes: ['Dropout'], change: (node) => { node.removeAttribute('ratio') } },
  { since: 13, opTypes: ['Squeeze', 'Unsqueeze', 'ReduceSum'], change: axesToInput },
  { since: 13, opTypes: ['Softmax', 'LogSoftmax', 'Hardmax'], change: flatSoftmax },
  { since: 13, opTypes: ['Split'], change: (node, graph) => {
    const split = node.ints('split')
    toInput(graph, node, 'split', 1, split === undefined ? undefined : ints(split))
  } },
  { since: 14, opTypes: ['BatchNormalization'], change: (node) => {
    if (node.outputs.some((output, i) => i > 0 && output.name !== '')) refuse(node, 'it is in training mode')
  } },
  { since: 16, opTypes: ['RoiAlign'], change: (node) => { node.setAttribute('coordinate_transformation_mode', 'output_half_pixel') } },
  { since: 18, opTypes: ['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare'], change: axesToInput },
  { since: 18, opTypes: ['Split'], change: (node) => { if (node.inputs[1] === undefined) node.setAttribute('num_outputs', node.outputs.length) } },
  { since: 21, opTypes: ['GroupNormalization'], change: (node) => refuse(node, 'its scale became one number for each channel') },
]

/**
 * A copy of the model that states a newer version of ONNX's operator set and computes the same.
 *
 * @throws OnnxError `ONNX_SCHEMA` when the model is newer already, older than version 7, or a node has no equal form
 */
export function upgradeOpset(model: Model, version: number): Model {
  const from = model.opset
  if (version < from || from < OLDEST || version > NEWEST) {
    throw new OnnxError('ONNX_SCHEMA', `A model of operator set ${from} cannot become one of ${version}`, {
      expected: `from ${OLDEST} upward, to at most ${NEWEST}`, got: `${from} → ${version}`,
    })
  }
  const copy = cloneModel(model)
  if (version === from) return copy
  if (copy.functions.length > 0) throw new OnnxError('ONNX_SCHEMA', 'A model with functions of its own cannot be raised', { fix: 'inline them: inlineFunctions(model)' })
  if (STEPS.some((step) => step.since > from && step.since <= version)) inferShapes(copy)
  for (const step of STEPS) {
    if (step.since <= from || step.since > version) continue
    for (const node of [...copy.graph.allNodes()]) {
      if (node.graph !== undefined && node.domain === '' && step.opTypes.includes(node.opType)) step.change(node, node.graph)
    }
  }
  for (const node of copy.graph.allNodes()) {
    const schema = node.domain === '' ? schemaOf(node.opType, version) : undefined
    if (schema?.deprecated === true) refuse(node, `version ${version} has no such operator`)
  }
  copy.irVersion = Math.max(copy.irVersion, version >= 21 ? 10 : version >= 19 ? 9 : version >= 15 ? 8 : 7)
  copy.opsets.delete('ai.onnx')
  copy.opsets.set('', version)
  return copy
}
