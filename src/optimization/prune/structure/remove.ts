// Taking units out of a model: weights are cut, and whatever states a size is rewritten.
import { sameDomain, Tensor, type Graph, type Model, type Node, type Value } from '../../../onnx'
import { constantOf, integers, isConstantNode } from '../../constants'
import { OptimizationError } from '../../errors'
import { opsetOf, typedClone } from '../../pass'
import { ensureTypes, requireNoNewProblems, requireWhole } from '../../structure'
import { analyse, type Dependencies, type PruningUnit } from './dependencies'
import { headCounts } from './rules-attention'

/** A copy with inferred types and every constant an initializer, ready for the analysis. */
export function prepared(model: Model): Model {
  requireWhole(model)
  const copy = typedClone(model)
  const { graph } = copy
  for (const node of graph.nodes) {
    const value = node.outputs[0]
    const tensor = value && isConstantNode(node) && !value.isGraphOutput ? constantOf(value) : undefined
    if (value === undefined || tensor === undefined) continue
    const { name } = value
    const held = graph.addInitializer(`${name}_value`, tensor)
    graph.replaceAllUses(value, held)
    graph.remove(node)
  }
  ensureTypes(copy, true)
  return copy
}

/** What can be removed from a model, and why the rest cannot be. */
export function dependencies(model: Model): Dependencies {
  return analyse(prepared(model))
}

/** Elements of a tensor with only some coordinates of each axis. */
export function cut(tensor: Tensor, keep: readonly (readonly number[] | undefined)[]): Tensor {
  let { shape } = tensor
  let data = tensor.toArray() as ArrayLike<number | bigint>
  keep.forEach((indices, axis) => {
    if (indices === undefined) return
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
    const size = shape[axis] ?? 1
    const out = new Array<number | bigint>(outer * indices.length * inner)
    let at = 0
    for (let o = 0; o < outer; o++) {
      for (const i of indices) for (let k = 0; k < inner; k++) out[at++] = data[(o * size + i) * inner + k] ?? 0
    }
    data = out
    shape = shape.map((n, a) => (a === axis ? indices.length : n))
  })
  return Tensor.from(data as number[], shape, tensor.dtype)
}

/**
 * The model without these units. Weights, biases, normalization parameters, groups, splits and the shapes of reshapes
 * follow; the result is checked against ONNX's rules, and inputs and outputs stay as they are.
 *
 * @param units of the analysis of `model` (by weights and coordinates; the model is not changed)
 * @throws OptimizationError `OPTIMIZATION_INVALID` when the result breaks a rule
 */
export function removeUnits(model: Model, units: readonly PruningUnit[]): Model {
  const work = prepared(model)
  const { graph } = work
  const gone = new Map<Value, Map<number, Set<number>>>()
  for (const { slices } of units) {
    for (const { name, axis, indices } of slices) {
      const value = graph.find(name)
      if (value?.tensor === undefined) {
        throw new OptimizationError('OPTIMIZATION_OPTION', `There is no weight "${name}" to cut`, { fix: 'analyse the model that is cut: dependencies(model)' })
      }
      const axes = gone.get(value) ?? new Map<number, Set<number>>()
      gone.set(value, axes)
      const set = axes.get(axis) ?? new Set<number>()
      axes.set(axis, set)
      for (const index of indices) set.add(index)
    }
  }
  for (const [value, axes] of gone) {
    const { tensor } = value
    if (tensor === undefined) continue
    graph.setInitializer(value, cut(tensor, tensor.shape.map((size, axis) => {
      const set = axes.get(axis)
      return set && Array.from({ length: size }, (_, i) => i).filter((i) => !set.has(i))
    })))
    value.declaredType = undefined
  }
  const removed = new Map<string, number>()
  for (const { activations } of units) {
    for (const { name, axis, count } of activations) removed.set(`${axis} ${name}`, (removed.get(`${axis} ${name}`) ?? 0) + count)
  }
  restate(work, (value, axis) => {
    const size = value.shape?.[axis]
    return typeof size === 'number' ? size - (removed.get(`${axis} ${value.name}`) ?? 0) : undefined
  })
  requireNoNewProblems(model, work, 'prune')
  return work
}

/** The size of an axis after the removal; undefined where it is not a number. */
type SizeAfter = (value: Value, axis: number) => number | undefined

/** Corrects what states a size. */
function restate(model: Model, after: SizeAfter): void {
  const { graph } = model
  for (const node of graph.nodes) {
    const [x] = node.inputs
    const [y] = node.outputs
    if (x === undefined || y === undefined) continue
    if (node.opType === 'Reshape') restateReshape(graph, node, y, after)
    else if (node.opType === 'Split') restateSplit(model, node, x, after)
    else if (['Conv', 'ConvTranspose', 'FusedConv'].includes(node.opType)) {
      // A depthwise convolution has as many groups as channels; others keep theirs.
      const group = node.int('group', 1)
      const channels = after(x, 1)
      if (group > 1 && x.shape?.[1] === group && channels !== undefined) node.setAttribute('group', channels)
    } else for (const [attribute, index] of headCounts(node)) restateHeads(node, attribute, node.inputs[index], after)
  }
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      const type = output.declaredType
      if (output.isGraphOutput) continue
      // What inference knows, it finds again; of operators of other domains it may know nothing.
      output.declaredType = sameDomain(node.domain, '') || type?.kind !== 'tensor' || type.shape === undefined ? undefined
        : { ...type, shape: type.shape.map((size, axis) => after(output, axis) ?? size) }
    }
  }
  ensureTypes(model, true)
}

/** Heads that one axis holds one after the other; with an axis of their own they are stated by nothing. */
function restateHeads(node: Node, attribute: string, value: Value | undefined, after: SizeAfter): void {
  const [count, width] = [node.int(attribute, 0), value?.shape?.[2]]
  if (value === undefined || value.shape?.length !== 3 || count === 0 || typeof width !== 'number') return
  const size = after(value, 2)
  if (size !== undefined && size !== width) node.setAttribute(attribute, Math.round((count * size) / width))
}

function restateReshape(graph: Graph, node: Node, y: Value, after: SizeAfter): void {
  const stated = integers(node.inputs[1])
  const shape = y.shape ?? []
  if (!shape.some((size, axis) => typeof size === 'number' && after(y, axis) !== size)) return
  const sizes = shape.map((size, axis) => (typeof size === 'number' && (stated === undefined || (stated[axis] ?? 0) > 0) ? after(y, axis) ?? -1 : stated?.[axis] ?? -1))
  const made = graph.addInitializer(`${node.inputs[1]?.name ?? y.name}_pruned`, Tensor.from(sizes, [sizes.length], 'int64'))
  const old = node.inputs[1]
  node.setInput(1, made)
  if (old?.tensor !== undefined && old.consumers.size === 0 && !old.isGraphInput && !old.isGraphOutput) graph.removeInitializer(old)
}

function restateSplit(model: Model, node: Node, x: Value, after: SizeAfter): void {
  const rank = x.shape?.length ?? 0
  const given = node.int('axis', 0)
  const axis = given < 0 ? given + rank : given
  const sizes = node.outputs.map((output) => after(output, axis))
  if (sizes.every((size, i) => size === node.outputs[i]?.shape?.[axis]) || sizes.includes(undefined)) return
  node.removeAttribute('num_outputs')
  if (opsetOf(model) < 13) node.setAttribute('split', sizes as number[])
  else node.setInput(1, model.graph.addInitializer(`${x.name}_split`, Tensor.from(sizes as number[], [sizes.length], 'int64')))
}
