// Structured pruning: whole channels, neurons and heads, chosen by importance until a budget is met.
import { random } from '../../core'
import { statistics, type Model, type ModelStatistics } from '../../onnx'
import { OptimizationError } from '../errors'
import type { Dependencies, PruningGroup, PruningUnit } from './structure/dependencies'
import { dependencies, removeUnits } from './structure/remove'
import { magnitude, squaredMagnitude, type Gradients, type Score } from './scores'

/** The importance of a unit: a number for each unit of a group. */
export type UnitScore = (group: PruningGroup, gradients: Gradients) => Float64Array

/** How far to prune: shares of the model before, of which what is named must be reached. */
export type StructuredTarget =
  | { readonly macs: number }
  | { readonly parameters: number }
  /** The share of units to remove, of each group (`layer`) or of all (`global`). */
  | { readonly removed: number }

export interface StructuredOptions {
  readonly target: StructuredTarget
  /** `layer` (default): the same share of every group. `global`: the least important of all, scores scaled to a mean of 1 in each group. */
  readonly scope?: 'layer' | 'global'
  /** Default: L2 norm of the unit's weights. */
  readonly score?: UnitScore
  readonly gradients?: Gradients
  /** Sizes that remain are multiples of this where the group has as many: vector units like 8 or 16. Default 1. */
  readonly multiple?: number
  /** The largest share of a group that may go; default 0.95. At least one unit always stays. */
  readonly most?: number
  /** Weights whose groups stay whole, by name. */
  readonly keep?: readonly string[]
  /** Numbers for symbolic sizes, for counting multiply-accumulates; the first axis (the batch) is 1 when it is not named. */
  readonly sizes?: Readonly<Record<string, number>>
}

/** What was done to a group. */
export interface GroupReport {
  readonly group: string
  readonly before: number
  readonly after: number
}

export interface StructuredResult {
  readonly model: Model
  readonly groups: readonly GroupReport[]
  /** What was removed, of the analysis of the model before. */
  readonly removed: readonly PruningUnit[]
  readonly macs: { readonly before: number; readonly after: number }
  readonly parameters: { readonly before: number; readonly after: number }
  /** Weights that could not be pruned, with the reason. */
  readonly kept: Dependencies['kept']
}

/** Σ over the unit's weights (two axes and more) of √(mean of `score` over its elements): no layer counts more for its size. */
export function unitScore(score: Score = squaredMagnitude): UnitScore {
  return (group, gradients) => {
    const known = new Map<string, Float64Array>()
    return Float64Array.from(group.units, ({ slices }) => {
      let total = 0
      for (const { name, tensor, axis, indices } of slices) {
        if (tensor.shape.length < 2) continue
        let scores = known.get(name)
        if (!scores) known.set(name, scores = score({ name, tensor, gradient: gradients.get(name) }))
        const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
        const size = tensor.shape[axis] ?? 1
        const outer = tensor.size / inner / size
        let sum = 0
        for (let o = 0; o < outer; o++) {
          for (const i of indices) for (let k = 0; k < inner; k++) sum += scores[(o * size + i) * inner + k] ?? 0
        }
        const mean = sum / Math.max(1, outer * inner * indices.length)
        total += Math.sign(mean) * Math.sqrt(Math.abs(mean))
      }
      return total
    })
  }
}

/**
 * |γ| of the batch normalization behind a layer (Liu et al., arXiv 1708.06519): constants of one axis that scale the unit.
 * Groups without one are scored by the norm of their weights.
 *
 * @param scales names of the γ: `batchNormScales(model)`
 */
export function batchNormScore(scales: ReadonlySet<string>): UnitScore {
  const otherwise = unitScore()
  return (group, gradients) => {
    const has = group.units[0]?.slices.some(({ name }) => scales.has(name)) ?? false
    if (!has) return otherwise(group, gradients)
    return Float64Array.from(group.units, ({ slices }) => {
      let sum = 0
      for (const { name, tensor, indices } of slices) {
        if (!scales.has(name)) continue
        const scores = magnitude({ name, tensor, gradient: undefined })
        for (const i of indices) sum += scores[i] ?? 0
      }
      return sum
    })
  }
}

/** Names of the scales of all batch normalizations. */
export function batchNormScales(model: Model): Set<string> {
  return new Set(model.graph.nodes.flatMap((node) => (node.opType === 'BatchNormalization' && node.inputs[1] ? [node.inputs[1].name] : [])))
}

/** A random number for each unit: the control. */
export function randomUnits(seed = 0): UnitScore {
  const source = random(seed)
  return (group) => Float64Array.from(group.units, () => source.next())
}

/**
 * Removes the least important units until the target is reached. The outputs are those of the model before with the
 * removed units' outgoing weights set to zero.
 *
 * @throws OptimizationError `OPTIMIZATION_BUDGET` when even the smallest model misses the target, saying how far it gets;
 * `OPTIMIZATION_OPTION` when the target is not a share; `OPTIMIZATION_INPUTS` when multiply-accumulates are to be counted and
 * depend on sizes that are open
 * @example
 * const { model: small, groups } = pruneStructured(model, { target: { macs: 0.5 }, multiple: 8 })
 */
export function pruneStructured(model: Model, options: StructuredOptions): StructuredResult {
  const { scope = 'layer', score = unitScore(), gradients = new Map<string, ArrayLike<number>>(), multiple = 1, most = 0.95, keep = [] } = options
  const [measure, wanted] = share(options.target)
  if (!(wanted > 0) || !(wanted <= 1) || !(most >= 0) || !(most < 1) || !Number.isInteger(multiple) || multiple < 1) {
    throw new OptimizationError('OPTIMIZATION_OPTION', 'The target of the pruning means nothing', {
      expected: 'a share in (0, 1], most in [0, 1), a whole multiple', got: JSON.stringify({ target: options.target, most, multiple }),
    })
  }
  if (measure === 'macs') requireSizes(model, options.sizes ?? {})
  const found = dependencies(model)
  const groups = found.groups.filter(({ units }) => !units.some(({ slices }) => slices.some(({ name }) => keep.includes(name))))
  const ranked = rank(groups, score, gradients, scope)
  const count = (m: Model): ModelStatistics => statistics(m, { ...(options.sizes && { sizes: options.sizes }) })
  const before = count(model)
  const total = groups.reduce((sum, { units }) => sum + units.length, 0)
  const at = (k: number): { units: PruningUnit[]; model: Model; after: ModelStatistics } => {
    const units = pick(groups, ranked, scope, k / STEPS, multiple, most)
    const pruned = units.length === 0 ? model : removeUnits(model, units)
    return { units, model: pruned, after: count(pruned) }
  }
  const reached = ({ after, units }: ReturnType<typeof at>): boolean =>
    (measure === 'macs' ? after.macs <= wanted * before.macs : measure === 'parameters' ? after.parameters <= wanted * before.parameters
      : units.length >= wanted * total)
  // The share of units to remove is found by bisection: each step makes the model and counts.
  let [low, high] = [0, STEPS]
  if (measure === 'removed') high = low = Math.round(wanted * STEPS)
  let result = at(high)
  if (measure !== 'removed' && !reached(result)) {
    throw new OptimizationError('OPTIMIZATION_BUDGET', `Pruning cannot bring the model to ${percent(wanted)} of its ${measure}`, {
      expected: `${percent(wanted)} or less`, got: `${percent(measure === 'macs' ? result.after.macs / before.macs : result.after.parameters / before.parameters)} at most`,
      fix: 'allow more (most, multiple, keep), or ask for less; `kept` of dependencies(model) says what cannot be pruned, and why',
    })
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1
    const candidate = at(middle)
    if (reached(candidate)) [high, result] = [middle, candidate]
    else low = middle
  }
  const removed = new Set(result.units)
  return {
    model: result.model, removed: result.units, kept: found.kept,
    groups: found.groups.map(({ name, units }) => ({ group: name, before: units.length, after: units.filter((unit) => !removed.has(unit)).length })),
    macs: { before: before.macs, after: result.after.macs }, parameters: { before: before.parameters, after: result.after.parameters },
  }
}

/** How much each layer counts depends on the sizes of the inputs, but not on the batch, which multiplies all alike. */
function requireSizes(model: Model, sizes: Readonly<Record<string, number>>): void {
  for (const { name, type, tensor } of model.graph.inputs) {
    if (type?.kind !== 'tensor' || tensor !== undefined) continue
    const open = type.shape?.find((size, axis) => axis > 0 && (size === null || (typeof size === 'string' && sizes[size] === undefined)))
    if (open === undefined && type.shape !== undefined) continue
    throw new OptimizationError('OPTIMIZATION_INPUTS', `The sizes of the input ${name} are open, so its multiply-accumulates cannot be counted`, {
      got: `[${type.shape?.map((size) => size ?? '?').join(', ') ?? 'unknown'}]`,
      fix: typeof open === 'string' ? `give sizes: { ${open}: … }, or a target in parameters` : 'state the shape of the input, or give a target in parameters',
    })
  }
}

/** Resolution of the search for the share of units. */
const STEPS = 256

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`

function share(target: StructuredTarget): ['macs' | 'parameters' | 'removed', number] {
  if ('macs' in target) return ['macs', target.macs]
  return 'parameters' in target ? ['parameters', target.parameters] : ['removed', target.removed]
}

interface Ranked {
  readonly group: number
  readonly unit: number
  readonly score: number
}

/** Units in the order of removal; for `layer`, by group. */
function rank(groups: readonly PruningGroup[], score: UnitScore, gradients: Gradients, scope: 'layer' | 'global'): Ranked[] {
  const all = groups.flatMap((group, g) => {
    const scores = score(group, gradients)
    const mean = scores.reduce((sum, s) => sum + Math.abs(s), 0) / scores.length || 1
    return group.units.map((_, unit): Ranked => ({ group: g, unit, score: (scores[unit] ?? 0) / (scope === 'global' ? mean : 1) }))
  })
  return all.sort((a, b) => a.score - b.score || a.group - b.group || a.unit - b.unit)
}

function pick(groups: readonly PruningGroup[], ranked: readonly Ranked[], scope: 'layer' | 'global', removed: number, multiple: number, most: number): PruningUnit[] {
  const total = ranked.length
  const taken = groups.map(() => 0)
  const wanted = groups.map(({ units }) => Math.round(removed * units.length))
  if (scope === 'global') {
    wanted.fill(0)
    for (const { group } of ranked.slice(0, Math.round(removed * total))) wanted[group] = (wanted[group] ?? 0) + 1
  }
  // Rounded so that a multiple remains, where there is more than one.
  const limits = groups.map(({ units }, g) => {
    const limit = Math.min(wanted[g] ?? 0, Math.floor(most * units.length), units.length - 1)
    const left = units.length - limit
    return units.length <= multiple ? (multiple === 1 ? limit : 0) : Math.max(0, units.length - Math.max(multiple, Math.round(left / multiple) * multiple))
  })
  const units: PruningUnit[] = []
  for (const { group, unit } of ranked) {
    if ((taken[group] ?? 0) >= (limits[group] ?? 0)) continue
    taken[group] = (taken[group] ?? 0) + 1
    const chosen = groups[group]?.units[unit]
    if (chosen) units.push(chosen)
  }
  return units
}
