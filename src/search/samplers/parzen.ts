// A Parzen estimator over a space of mixed parameters: a weighted sum of product kernels, one per observed trial and one
// for the prior. The density that TPE divides.
import type { Random } from '../../core'
import { drawTruncated, massInUnit, normalCumulative, normalDensity } from '../normal'
import { cardinality, fromUnit, toUnit } from '../space'
import type { Space, Value } from '../space'

/** A density over the values of a space. */
export interface ParzenEstimator {
  draw(source: Random): Record<string, Value>
  /** ln p(x). Of a stepped parameter it is the mass of the value's cell. */
  logDensity(x: Readonly<Record<string, Value>>): number
}

interface Kernel {
  draw(component: number, source: Random): Value
  logDensity(component: number, value: Value): number
}

/** Observations with recent ones at full weight, older ones fading (Bergstra, Yamins, Cox, ICML 2013). */
function ageWeights(count: number): number[] {
  const full = 25
  return Array.from({ length: count }, (_, i) => {
    const old = count - full
    if (i >= old) return 1
    return old === 1 ? 1 / count : 1 / count + ((1 - 1 / count) * i) / (old - 1)
  })
}

/**
 * Bandwidths of numbers in one dimension: the larger gap to the neighbours, not below 1/min(100, n + 2). The borders
 * count as neighbours only of a single observation (Watanabe, arXiv 2304.11127, sections 3.3.2 and 3.3.3).
 */
function neighbourDeviations(centres: readonly number[]): number[] {
  const order = centres.map((_, i) => i).sort((a, b) => (centres[a] ?? 0) - (centres[b] ?? 0))
  const least = 1 / Math.min(100, centres.length + 2)
  const deviations = centres.map(() => 1)
  order.forEach((i, place) => {
    const centre = centres[i] ?? 0
    const before = order[place - 1]
    const after = order[place + 1]
    const left = before === undefined ? (after === undefined ? centre : 0) : centre - (centres[before] ?? 0)
    const right = after === undefined ? (before === undefined ? 1 - centre : 0) : (centres[after] ?? 0) - centre
    deviations[i] = Math.min(1, Math.max(least, left, right))
  })
  return deviations
}

/**
 * @param observations in the order of time
 * @param space the parameters; every observation has them all
 * @param options.fade older observations count less
 */
export function parzenEstimator(
  observations: readonly Readonly<Record<string, Value>>[], space: Space, options: { readonly fade?: boolean } = {},
): ParzenEstimator {
  const names = Object.keys(space)
  const count = observations.length
  const raw = [...(options.fade === true ? ageWeights(count) : observations.map(() => 1)), 1]
  const total = raw.reduce((a, b) => a + b, 0)
  const logWeights = raw.map((w) => Math.log(w / total))
  const kernels = names.map((name) => kernel(observations.map((o) => o[name]), name, space))
  return {
    draw(source) {
      let left = source.next() * total
      let component = 0
      while (component < count && (left -= raw[component] ?? 0) >= 0) component++
      return Object.fromEntries(names.map((name, i) => [name, kernels[i]?.draw(component, source) ?? 0]))
    },
    logDensity(x) {
      const terms = logWeights.map((w, component) =>
        names.reduce((sum, name, i) => sum + (kernels[i]?.logDensity(component, x[name] ?? NaN) ?? 0), w))
      const top = Math.max(...terms)
      return top + Math.log(terms.reduce((sum, t) => sum + Math.exp(t - top), 0))
    },
  }
}

function kernel(values: readonly (Value | undefined)[], name: string, space: Space): Kernel {
  const d = space[name]
  if (!d) throw new TypeError(`no parameter ${name}`)
  const count = values.length
  if (d.kind === 'categorical') {
    // Each kernel is uniform with one more count on its own choice: (1/k + [c = own]) / 2 for the prior weight 1.
    const k = d.choices.length
    const probability = (component: number, value: Value): number =>
      component === count ? 1 / k : (1 / k / (count + 1) + (values[component] === value ? 1 : 0)) / (1 + 1 / (count + 1))
    return {
      logDensity: (component, value) => Math.log(probability(component, value)),
      draw(component, source) {
        let left = source.next()
        for (const choice of d.choices) if ((left -= probability(component, choice)) < 0) return choice
        return d.choices[k - 1] ?? 0
      },
    }
  }
  const centres = [...values.map((v) => toUnit(d, Number(v))), 0.5]
  const deviations = [...neighbourDeviations(centres.slice(0, -1)), 1]
  const masses = centres.map((c, i) => massInUnit(c, deviations[i] ?? 1))
  const cells = cardinality(d)
  const half = cells === Infinity ? 0 : d.log === true ? 0.5 / (d.high - d.low + 1) : 0.5 / cells
  return {
    draw: (component, source) => fromUnit(d, drawTruncated(centres[component] ?? 0.5, deviations[component] ?? 1, source)),
    logDensity(component, value) {
      const u = toUnit(d, Number(value))
      const centre = centres[component] ?? 0.5
      const deviation = deviations[component] ?? 1
      const z = (u - centre) / deviation
      const density = half === 0 ? normalDensity(z) / deviation
        : normalCumulative((u + half - centre) / deviation) - normalCumulative((u - half - centre) / deviation)
      return Math.log(Math.max(1e-300, density / (masses[component] ?? 1)))
    },
  }
}
