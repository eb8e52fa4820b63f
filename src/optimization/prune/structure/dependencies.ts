// The dependency graph of a model's channels: which coordinates of which weights can only be removed together (the idea of
// DepGraph, Fang et al., arXiv 2301.12900, here over single coordinates, so that flattening, concatenation, splitting and
// heads are no special cases).
import type { Model, Node, Tensor, Value } from '../../../onnx'
import { isConstantNode, isFloat } from '../../constants'
import { opsetOf } from '../../pass'
import { Atoms } from './atoms'
import { tie } from './rules'

/** A part of a weight that goes when a unit goes: the coordinates `indices` of one axis. */
export interface WeightSlice {
  readonly name: string
  readonly tensor: Tensor
  readonly axis: number
  readonly indices: readonly number[]
  /** Whether the axis is summed over (input channels): zeros there make the unit's removal exact. */
  readonly contracted: boolean
}

/** What can be removed only as a whole: a channel, a neuron, a head, with everything that depends on it. */
export interface PruningUnit {
  readonly slices: readonly WeightSlice[]
  /** How many coordinates of which axis of which activation go with it. */
  readonly activations: readonly { readonly name: string; readonly axis: number; readonly count: number }[]
}

/** Units that lie in the same axes of the same weights: the channels of one layer, or of layers tied by a residual. */
export interface PruningGroup {
  /** `conv1.W[0]` and others: weights and axes. */
  readonly name: string
  readonly weights: readonly string[]
  readonly units: readonly PruningUnit[]
}

/** What can be removed from a model, and why the rest cannot. */
export interface Dependencies {
  readonly groups: readonly PruningGroup[]
  /** Axes of float weights (two axes and more) of which nothing can be removed, with the reason. */
  readonly kept: readonly { readonly weight: string; readonly axis: number; readonly reason: string }[]
}

/**
 * Analyses a model whose types are inferred and whose constants are initializers.
 */
export function analyse(model: Model): Dependencies {
  const choices = new Map<Node, number>()
  let best = attempt(model, choices)
  // Where a reshape's first choice of the factor that shrinks led nowhere, the others are tried.
  for (const [node, count] of best.open) {
    const before = choices.get(node)
    for (let k = 0; k < count; k++) {
      choices.set(node, k)
      const other = attempt(model, choices)
      if (other.free > best.free) best = other
      else if (before === undefined) choices.delete(node)
      else choices.set(node, before)
      if (best === other) break
    }
  }
  return best
}

interface Attempt extends Dependencies {
  /** Number of coordinates of weights that can go. */
  readonly free: number
  /** Reshapes whose factor had no effect, with the number of factors. */
  readonly open: ReadonlyMap<Node, number>
}

function attempt(model: Model, choices: ReadonlyMap<Node, number>): Attempt {
  const { graph } = model
  const atoms = new Atoms()
  const contracted = new Set<string>()
  const open = new Map<Node, number>()
  for (const value of graph.values()) if (value.name !== '') atoms.add(value)
  const opset = opsetOf(model)
  for (const node of graph.nodes) {
    if (isConstantNode(node)) continue
    tie(node, {
      atoms, opset,
      contracted: (value, axis) => contracted.add(`${axis} ${value.name}`),
      factor: (place, free) => {
        if (free.length > 1) open.set(place, free.length)
        return free[choices.get(place) ?? 0]
      },
    })
  }
  for (const value of graph.inputs) atoms.pinValue(value, `"${value.name}" is an input of the model`)
  for (const value of graph.outputs) atoms.pinValue(value, `"${value.name}" is an output of the model`)
  for (const value of graph.sparseInitializers.keys()) atoms.pinValue(value, `"${value.name}" is sparse`)
  for (const node of graph.allNodes()) {
    if (node.graph === graph) continue
    for (const value of node.inputs) if (value?.graph === graph) atoms.pinValue(value, `"${value.name}" is read inside another graph`)
  }
  const isWeight = (value: Value): boolean => (value.shape?.length ?? 0) >= 2 && value.tensor !== undefined && isFloat(value.dtype)
  const groups = new Map<string, { weights: string[]; units: PruningUnit[] }>()
  let free = 0
  for (const members of atoms.free()) {
    const slices = new Map<string, { value: Value; axis: number; indices: number[] }>()
    const activations = new Map<string, { name: string; axis: number; count: number }>()
    for (const { value, axis, index } of members) {
      if (value.tensor === undefined) {
        const known = activations.get(`${axis} ${value.name}`)
        if (known) known.count++
        else activations.set(`${axis} ${value.name}`, { name: value.name, axis, count: 1 })
        continue
      }
      const slice = slices.get(`${axis} ${value.name}`)
      if (slice) slice.indices.push(index)
      else slices.set(`${axis} ${value.name}`, { value, axis, indices: [index] })
    }
    const weights = [...slices.values()].filter(({ value }) => (value.shape?.length ?? 0) >= 2)
    if (weights.length === 0) continue
    free += weights.reduce((sum, { indices }) => sum + indices.length, 0)
    const key = [...activations.keys(), ...slices.keys()].sort().join('\n')
    const group = groups.get(key) ?? { weights: weights.map(({ value, axis }) => `${value.name}[${axis}]`), units: [] }
    groups.set(key, group)
    group.units.push({
      activations: [...activations.values()],
      slices: [...slices].map(([name, { value, axis, indices }]): WeightSlice => ({
        name: value.name, tensor: value.tensor as Tensor, axis, indices: indices.sort((a, b) => a - b), contracted: contracted.has(name),
      })),
    })
  }
  const kept = [...graph.initializers.keys()].filter(isWeight).flatMap((value) => (value.shape ?? []).flatMap((_, axis) => {
    const reason = atoms.pinned(value, axis)
    return reason === undefined ? [] : [{ weight: value.name, axis, reason }]
  }))
  return {
    groups: [...groups.values()].filter(({ units }) => units.length > 1).map(({ weights, units }) => ({ name: weights.join(', '), weights, units })),
    kept, free, open,
  }
}
