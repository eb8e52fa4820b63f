// What a pass must not get wrong, checked from outside: whether the structure changed (a hash), and whether it is whole.
import { sha256 } from '../core'
import {
  formatProblem, formatType, inferShapes, validateModel, type Attribute, type Graph, type Model, type ModelProblem, type SparseTensor, type Tensor, type Value,
} from '../onnx'
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

const inferred = new WeakSet<Model>()

/** Infers the types of all values of a model that this room owns; once, until the model is edited. */
export function ensureTypes(model: Model, edited = false): void {
  if (inferred.has(model) && !edited) return
  inferShapes(model)
  inferred.add(model)
}

/** Marks a clone of a model whose types are inferred. */
export function inheritTypes(from: Model, to: Model): void {
  if (inferred.has(from)) inferred.add(to)
}

/** Rules without which a graph means nothing: no pass can work on one that breaks them. */
const STRUCTURAL: ReadonlySet<ModelProblem['rule']> = new Set<ModelProblem['rule']>(['single-assignment', 'undefined-value', 'node-order', 'cycle'])

/**
 * Checks that nodes are in order and every name is defined once.
 *
 * @throws OptimizationError `OPTIMIZATION_INVALID`
 */
export function requireWhole(model: Model): void {
  const fault = validateModel(model, { inference: false }).find(({ rule }) => STRUCTURAL.has(rule))
  if (fault === undefined) return
  throw new OptimizationError('OPTIMIZATION_INVALID', 'The model is not whole, so nothing can be made of it', {
    got: formatProblem(fault), fix: 'onnx.validateModel(model) lists every problem',
  })
}

/**
 * Checks that a pass did not break a rule of ONNX that its input kept, and kept what callers of the model rely on.
 *
 * @throws OptimizationError `OPTIMIZATION_INVALID`
 */
export function requireNoNewProblems(before: Model, after: Model, pass: string): void {
  const found = validateModel(after)
  if (found.length > 0) {
    const left = new Map<string, number>()
    for (const { rule } of validateModel(before)) left.set(rule, (left.get(rule) ?? 0) + 1)
    const fault = found.find(({ rule }) => {
      const count = left.get(rule) ?? 0
      left.set(rule, count - 1)
      return count <= 0
    })
    if (fault !== undefined) {
      throw new OptimizationError('OPTIMIZATION_INVALID', `The pass ${pass} made a graph that breaks a rule of ONNX`, {
        got: formatProblem(fault), fix: 'leave this pass out, and report the model',
      })
    }
  }
  if (signature(before) !== signature(after)) {
    throw new OptimizationError('OPTIMIZATION_INVALID', `The pass ${pass} changed what callers of the model rely on`, {
      expected: signature(before), got: signature(after),
    })
  }
}

/** Inputs and outputs of a model by name and type: what its callers rely on. */
function signature(model: Model): string {
  const outputs = model.graph.outputs.map((value) => value.name)
  return JSON.stringify([model.graph.inputs.map(typed), outputs])
}
