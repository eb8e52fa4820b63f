// Inference for control flow (If, Loop, Scan, SequenceMap) and for sequences and optionals.
import { OnnxError } from '../errors'
import type { Graph } from '../ir/graph'
import { tensorType, type ContainerType, type Dim, type Type } from '../ir/types'
import { dtypeAttribute } from './elementwise'
import type { InferContext, InferFunction } from './context'

function body(c: InferContext, name: string): Graph {
  return c.get(name, 'graph') ?? c.fail(`The attribute ${name} is missing`, 'a graph')
}

/** What two types have in common: sizes that differ become unknown, and so does the shape when the ranks differ. */
export function commonType(a: Type | undefined, b: Type | undefined): Type | undefined {
  if (a === undefined || b === undefined) return undefined
  if ((a.kind === 'tensor' || a.kind === 'sparse') && a.kind === b.kind) {
    if (a.dtype !== b.dtype) throw new OnnxError('ONNX_INFER', 'Branches give values of different element types', { expected: a.dtype ?? '?', got: b.dtype ?? '?' })
    const shape = a.shape === undefined || b.shape?.length !== a.shape.length ? undefined : a.shape.map((dim, i) => (dim === b.shape?.[i] ? dim : null))
    return { ...tensorType(a.dtype, shape), kind: a.kind }
  }
  if ((a.kind === 'sequence' || a.kind === 'optional') && a.kind === b.kind) {
    const element = commonType(a.element, b.element)
    return { kind: a.kind, ...(element === undefined ? {} : { element }) }
  }
  return a.kind === b.kind ? a : undefined
}

const ifElse: InferFunction = (c) => {
  const then = c.inferGraph(body(c, 'then_branch'), [])
  const otherwise = c.inferGraph(body(c, 'else_branch'), [])
  if (then.length !== otherwise.length || then.length !== c.node.outputs.length) {
    c.fail('The branches of If return another number of values than If', String(c.node.outputs.length), `${then.length} and ${otherwise.length}`)
  }
  then.forEach((type, i) => { c.setType(i, commonType(type, otherwise[i])) })
}

/** The type without sizes: what a loop carries may change its shape from turn to turn. */
function withoutShape(type: Type | undefined): Type | undefined {
  return type?.kind === 'tensor' ? tensorType(type.dtype) : type
}

function stacked(type: Type | undefined, count: Dim, axis = 0): Type | undefined {
  if (type?.kind !== 'tensor') return undefined
  const { dtype, shape } = type
  if (shape === undefined) return tensorType(dtype)
  const at = axis < 0 ? axis + shape.length + 1 : axis
  return tensorType(dtype, [...shape.slice(0, at), count, ...shape.slice(at)])
}

const loop: InferFunction = (c) => {
  const graph = body(c, 'body')
  const carried = c.inputCount - 2
  const initial = Array.from({ length: Math.max(0, carried) }, (_, i) => c.type(i + 2))
  const given = [tensorType('int64', []), tensorType('bool', []), ...initial.map(withoutShape)]
  if (graph.inputs.length !== given.length && graph.inputs.length > 0) {
    c.fail('The body of Loop has the wrong number of inputs', String(given.length), String(graph.inputs.length))
  }
  const made = c.inferGraph(graph, given)
  if (made.length !== c.node.outputs.length + 1) {
    c.fail('The body of Loop returns the wrong number of values', String(c.node.outputs.length + 1), String(made.length))
  }
  c.node.outputs.forEach((_, i) => {
    const type = made[i + 1]
    // After no turn at all the result is what was given, so only what both have in common is sure.
    c.setType(i, i < carried ? (commonType(type ?? withoutShape(initial[i]), initial[i]) ?? withoutShape(type)) : stacked(type, null))
  })
}

const scan: InferFunction = (c) => {
  const graph = body(c, 'body')
  const scanned = c.int('num_scan_inputs') ?? 0
  // Version 8 has the lengths of sequences as input 0 and a batch axis in front.
  const offset = c.since < 9 ? 1 : 0
  const states = c.inputCount - offset - scanned
  if (c.since < 9) {
    c.inferGraph(graph, [])
    return
  }
  const axes = c.ints('scan_input_axes') ?? []
  let length: Dim = null
  const given = Array.from({ length: states + scanned }, (_, i): Type | undefined => {
    const type = c.type(i)
    if (i < states || type?.kind !== 'tensor' || type.shape === undefined) return type
    const axis = c.axis(axes[i - states] ?? 0, type.shape.length)
    length = c.same(length, type.shape[axis] ?? null, 'The inputs of Scan have different lengths')
    return tensorType(type.dtype, type.shape.filter((_, k) => k !== axis))
  })
  const made = c.inferGraph(graph, given)
  const outputAxes = c.ints('scan_output_axes') ?? []
  c.node.outputs.forEach((_, i) => {
    c.setType(i, i < states ? (commonType(made[i], given[i]) ?? withoutShape(made[i])) : stacked(made[i], length, outputAxes[i - states] ?? 0))
  })
}

function elementOf(type: Type | undefined): Type | undefined {
  return type?.kind === 'sequence' || type?.kind === 'optional' ? type.element : undefined
}

function sequenceOf(element: Type | undefined): ContainerType {
  return { kind: 'sequence', ...(element === undefined ? {} : { element }) }
}

const sequenceMap: InferFunction = (c) => {
  const given = Array.from({ length: c.inputCount }, (_, i) => {
    const type = c.type(i)
    return type?.kind === 'sequence' ? type.element : type
  })
  c.inferGraph(body(c, 'body'), given).forEach((type, i) => { c.setType(i, sequenceOf(type)) })
}

const sequenceConstruct: InferFunction = (c) => {
  let element = c.type(0)
  for (let i = 1; i < c.inputCount; i++) element = commonType(element, c.type(i))
  c.setType(0, sequenceOf(element ?? withoutShape(c.type(0))))
}

const sequenceInsert: InferFunction = (c) => {
  const element = elementOf(c.type(0))
  // A sequence that never had elements takes over nothing of their shape.
  c.setType(0, sequenceOf(element === undefined ? undefined : (commonType(element, c.type(1)) ?? withoutShape(element))))
}

const splitToSequence: InferFunction = (c) => {
  const dims = c.shape(0)
  if (dims === undefined) {
    c.setType(0, sequenceOf(tensorType(c.dtype(0))))
    return
  }
  const axis = c.axis(c.int('axis') ?? 0, dims.length)
  const sizes = c.has(1) ? c.numbers(1) : [1]
  const scalar = c.has(1) && c.rank(1) === 0
  const total = dims[axis] ?? null
  const [first] = sizes ?? []
  const even = sizes !== undefined && first !== undefined && sizes.every((size) => size === first)
    && (!scalar || (typeof total === 'number' && total % first === 0))
  if (!c.has(1) && c.int('keepdims') === 0) c.setType(0, sequenceOf(tensorType(c.dtype(0), dims.filter((_, i) => i !== axis))))
  else c.setType(0, sequenceOf(tensorType(c.dtype(0), dims.map((dim, i) => (i === axis ? (even ? first : null) : dim)))))
}

const concatFromSequence: InferFunction = (c) => {
  const element = elementOf(c.type(0))
  if (element?.kind !== 'tensor') return
  const { dtype, shape } = element
  if (shape === undefined) {
    c.set(0, dtype)
    return
  }
  const adds = c.int('new_axis') === 1
  const axis = c.axis(c.int('axis') ?? 0, shape.length + (adds ? 1 : 0))
  c.set(0, dtype, adds ? [...shape.slice(0, axis), null, ...shape.slice(axis)] : shape.map((dim, i) => (i === axis ? null : dim)))
}

const optional: InferFunction = (c) => {
  const element = c.get('type', 'type') ?? c.type(0)
  c.setType(0, { kind: 'optional', ...(element === undefined ? {} : { element }) })
}

export const CONTROL: Readonly<Record<string, InferFunction>> = {
  If: ifElse, Loop: loop, Scan: scan, SequenceMap: sequenceMap, SequenceConstruct: sequenceConstruct,
  SequenceEmpty: (c) => { c.setType(0, sequenceOf(tensorType(c.node.attributes.has('dtype') ? dtypeAttribute(c, 'dtype') : 'float32'))) },
  SequenceInsert: sequenceInsert,
  SequenceErase: (c) => { c.setType(0, c.type(0)) },
  SequenceAt: (c) => { c.setType(0, elementOf(c.type(0))) },
  SequenceLength: (c) => { c.set(0, 'int64', []) },
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
  Optional: optional,
  OptionalHasElement: (c) => { c.set(0, 'bool', []) },
  OptionalGetElement: (c) => {
    const type = c.type(0)
    c.setType(0, type?.kind === 'optional' ? type.element : type)
  },
}
