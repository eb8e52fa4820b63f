import { SearchError } from '../errors'
import type { Sampler } from '../sampler'
import type { Value } from '../space'

/** A sampler that knows how many trials it has. */
export interface GridSampler extends Sampler {
  /** The number of combinations; `study.optimize` stops there by itself. */
  readonly size: number
}

/**
 * Grid search: every combination once, the last parameter changing fastest. Trial n takes combination n modulo the size,
 * so several workers on one journal share the grid without talking.
 *
 * @param values the values of every parameter
 * @example gridSampler({ units: [16, 32, 64], learningRate: [1e-3, 1e-2] }) // 6 trials
 */
export function gridSampler(values: Readonly<Record<string, readonly Value[]>>): GridSampler {
  const names = Object.keys(values)
  const empty = names.find((name) => values[name]?.length === 0)
  if (names.length === 0 || empty !== undefined) {
    throw new SearchError('SEARCH_SPACE', empty === undefined ? 'The grid has no parameters' : `Parameter "${empty}" has no values`, {
      fix: 'give every parameter of the objective at least one value',
    })
  }
  const size = names.reduce((product, name) => product * (values[name]?.length ?? 0), 1)
  return {
    name: 'grid',
    size,
    single(_history, name, distribution, { number }) {
      const place = names.indexOf(name)
      if (place < 0) {
        throw new SearchError('SEARCH_SPACE', `The grid does not name the parameter "${name}"`, {
          expected: names.join(', '), got: name, fix: 'add it to the grid',
        })
      }
      const stride = names.slice(place + 1).reduce((product, later) => product * (values[later]?.length ?? 0), 1)
      const choices = values[name] ?? []
      const value = choices[Math.floor((number % size) / stride) % choices.length]
      const allowed = distribution.kind === 'categorical' ? distribution.choices.some((c) => c === value)
        : typeof value === 'number' && value >= distribution.low && value <= distribution.high
      if (value === undefined || !allowed) {
        throw new SearchError('SEARCH_SPACE', `The grid's value of "${name}" is outside what the objective allows`, {
          expected: JSON.stringify(distribution), got: JSON.stringify(value), fix: 'change the grid or the range',
        })
      }
      return value
    },
  }
}
