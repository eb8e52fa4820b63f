// What a hyperparameter may be, and the map between its values and the unit interval in which samplers think.
import type { Random } from '../core'
import { SearchError } from './errors'

/** A value of a hyperparameter. */
export type Value = number | string | boolean

/** A real number in [low, high]; `log` searches its logarithm; `step` keeps it on low, low + step, … */
export interface FloatDistribution {
  readonly kind: 'float'
  readonly low: number
  readonly high: number
  readonly log?: boolean
  readonly step?: number
}

/** A whole number in [low, high], both included. */
export interface IntDistribution {
  readonly kind: 'int'
  readonly low: number
  readonly high: number
  readonly log?: boolean
  readonly step?: number
}

/** One of a list, without an order. */
export interface CategoricalDistribution {
  readonly kind: 'categorical'
  readonly choices: readonly Value[]
}

export type Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
export type NumericDistribution = FloatDistribution | IntDistribution

/** The hyperparameters of a search by name. */
export type Space = Readonly<Record<string, Distribution>>

const refuse = (name: string, what: string, got: string, fix: string): never => {
  throw new SearchError('SEARCH_SPACE', `Parameter "${name}": ${what}`, { got, fix })
}

/**
 * The distribution, checked.
 *
 * @throws SearchError `SEARCH_SPACE` for an empty or infinite range, a logarithm of what is not positive, a step that
 *   is not positive, no choices, or choices that repeat
 */
export function checkDistribution(name: string, d: Distribution): Distribution {
  if (name === '' || name === '__proto__') refuse(name, 'a parameter needs a name', JSON.stringify(name), 'name it')
  if (d.kind === 'categorical') {
    if (d.choices.length === 0) refuse(name, 'there is nothing to choose from', '[]', 'give at least one choice')
    if (new Set(d.choices).size !== d.choices.length) {
      refuse(name, 'a choice stands twice', JSON.stringify(d.choices), 'list every choice once')
    }
    return d
  }
  const range = `[${d.low}, ${d.high}]`
  if (!(Number.isFinite(d.low) && Number.isFinite(d.high) && d.low <= d.high)) {
    refuse(name, 'the range is empty or infinite', range, 'give finite bounds, the lower one first')
  }
  if (d.log === true && d.low <= 0) refuse(name, 'a logarithmic range must be positive', range, 'raise the lower bound')
  if (d.step !== undefined && !(d.step > 0 && Number.isFinite(d.step))) {
    refuse(name, 'the step must be positive', String(d.step), 'leave the step out, or give a positive one')
  }
  if (d.step !== undefined && d.log === true) {
    refuse(name, 'a step and a logarithm exclude each other', `step ${d.step}`, 'leave one of them out')
  }
  if (d.kind === 'int' && ![d.low, d.high, d.step ?? 1].every(Number.isSafeInteger)) {
    refuse(name, 'the bounds and the step of a whole number must be whole', range, 'use float, or whole bounds')
  }
  return d
}

/** Whether two distributions are the same, so that their values may be compared. */
export function sameDistribution(a: Distribution, b: Distribution): boolean {
  if (a === b) return true
  if (a.kind === 'categorical') {
    return b.kind === 'categorical' && a.choices.length === b.choices.length && a.choices.every((c, i) => c === b.choices[i])
  }
  return a.kind === b.kind && a.low === b.low && a.high === b.high && a.step === b.step && (a.log ?? false) === (b.log ?? false)
}

/** How many values there are; infinity for a range without steps. */
export function cardinality(d: Distribution): number {
  if (d.kind === 'categorical') return d.choices.length
  if (d.low === d.high) return 1
  const step = d.step ?? (d.kind === 'int' ? 1 : undefined)
  return step === undefined ? Infinity : Math.floor((d.high - d.low) / step + 1e-9) + 1
}

/** Every value of a finite distribution in order. */
export function everyValue(name: string, d: Distribution): Value[] {
  if (d.kind === 'categorical') return [...d.choices]
  const count = cardinality(d)
  if (count === Infinity) {
    return refuse(name, 'a continuous range has no list of values', `[${d.low}, ${d.high}]`,
      'give a step, or list the values in grid({ values })')
  }
  return Array.from({ length: count }, (_, i) => onGrid(d, i))
}

function onGrid(d: NumericDistribution, index: number): number {
  if (index === 0) return d.low
  const step = d.step ?? 1
  const value = d.low + index * step
  // 0.1 · 3 is 0.30000000000000004: round to the digits that the step has.
  return d.kind === 'int' ? value : Math.min(d.high, Number(value.toPrecision(15)))
}

/**
 * The value as a number in [0, 1]; equal lengths are equally probable. A stepped value stands in the middle of its cell:
 * (i + ½) / n. A whole number on a logarithmic axis owns [ln(v − ½), ln(v + ½)].
 */
export function toUnit(d: NumericDistribution, value: number): number {
  if (d.low === d.high) return 0.5
  if (d.log === true) {
    const half = d.kind === 'int' ? 0.5 : 0
    const low = Math.log(d.low - half)
    return (Math.log(value) - low) / (Math.log(d.high + half) - low)
  }
  const count = cardinality(d)
  if (count === Infinity) return (value - d.low) / (d.high - d.low)
  return (Math.round((value - d.low) / (d.step ?? 1)) + 0.5) / count
}

/** The value at a place in [0, 1]: the inverse of `toUnit`, on the grid of the distribution. */
export function fromUnit(d: NumericDistribution, unit: number): number {
  const u = Math.min(1, Math.max(0, unit))
  if (d.low === d.high) return d.low
  if (d.log === true) {
    const half = d.kind === 'int' ? 0.5 : 0
    const low = Math.log(d.low - half)
    const value = Math.exp(low + u * (Math.log(d.high + half) - low))
    return Math.min(d.high, Math.max(d.low, d.kind === 'int' ? Math.round(value) : value))
  }
  const count = cardinality(d)
  if (count === Infinity) return Math.min(d.high, d.low + u * (d.high - d.low))
  return onGrid(d, Math.min(count - 1, Math.floor(u * count)))
}

/** A value drawn uniformly (in the logarithm, where `log` is set). */
export function drawUniform(d: Distribution, source: Random): Value {
  if (d.kind === 'categorical') return d.choices[source.int(d.choices.length)] ?? refuse('', 'no choice', '', '')
  return fromUnit(d, source.next())
}
