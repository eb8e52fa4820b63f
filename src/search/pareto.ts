// Several objectives at once: dominance, fronts, crowding and hypervolume. Everything here minimizes.
import { SearchError } from './errors'

/** Whether `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  let better = false
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? NaN
    const y = b[i] ?? NaN
    if (!(x <= y)) return false
    if (x < y) better = true
  }
  return better
}

/**
 * The rank of every point: 0 for those that none dominates, 1 for those that only rank 0 dominates, and so on.
 * Fast nondominated sorting: Deb, Pratap, Agarwal, Meyarivan, "NSGA-II", IEEE TEC 6(2), 2002. O(m·n²).
 */
export function nondominatedRanks(points: readonly (readonly number[])[]): number[] {
  const above = points.map(() => 0)
  const below: number[][] = points.map(() => [])
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const a = points[i] ?? []
      const b = points[j] ?? []
      const [winner, loser] = dominates(a, b) ? [i, j] : dominates(b, a) ? [j, i] : [-1, -1]
      if (winner < 0) continue
      below[winner]?.push(loser)
      above[loser] = (above[loser] ?? 0) + 1
    }
  }
  const ranks = points.map(() => -1)
  let front = above.flatMap((count, i) => (count === 0 ? [i] : []))
  for (let rank = 0; front.length > 0; rank++) {
    const next: number[] = []
    for (const i of front) {
      ranks[i] = rank
      for (const j of below[i] ?? []) {
        above[j] = (above[j] ?? 0) - 1
        if (above[j] === 0) next.push(j)
      }
    }
    front = next
  }
  return ranks
}

/** The places of the points that none dominates, in order. Equal points are all kept. */
export function paretoFront(points: readonly (readonly number[])[]): number[] {
  return points.flatMap((p, i) => (points.some((q) => dominates(q, p)) ? [] : [i]))
}

/**
 * The crowding distance of every point of one front: the sum over the objectives of the gap between its neighbours,
 * divided by the objective's range; infinite at the ends (Deb et al. 2002, section III-B).
 */
export function crowdingDistances(points: readonly (readonly number[])[]): number[] {
  const distance = points.map(() => 0)
  const objectives = points[0]?.length ?? 0
  for (let k = 0; k < objectives; k++) {
    const order = points.map((_, i) => i).sort((a, b) => (points[a]?.[k] ?? 0) - (points[b]?.[k] ?? 0))
    const at = (place: number): number => points[order[place] ?? 0]?.[k] ?? 0
    const range = at(order.length - 1) - at(0)
    order.forEach((i, place) => {
      if (place === 0 || place === order.length - 1) distance[i] = Infinity
      else if (range > 0) distance[i] = (distance[i] ?? 0) + (at(place + 1) - at(place - 1)) / range
    })
  }
  return distance
}

/**
 * The volume that the points dominate, up to the reference point (Zitzler and Thiele 1999). Slices along the last
 * objective (While, Bradstreet, Barone, "A fast way of calculating exact hypervolumes", 2012, calls this HSO):
 * exact for any number of objectives, quick for two and three.
 *
 * @param reference a point that is worse than the others in every objective; what lies beyond it counts nothing
 * @throws SearchError `SEARCH_ARGUMENT` when the numbers of objectives differ
 */
export function hypervolume(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const wrong = points.find((p) => p.length !== reference.length)
  if (wrong) {
    throw new SearchError('SEARCH_ARGUMENT', 'The reference point has another number of objectives than the points', {
      expected: `${reference.length} objectives`, got: `${wrong.length}`, fix: 'give one reference value per objective',
    })
  }
  return volume(points.filter((p) => p.every((v, i) => v < (reference[i] ?? NaN))), reference)
}

function volume(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const last = reference.length - 1
  if (points.length === 0) return 0
  if (last < 0) return 1
  if (last === 0) return (reference[0] ?? 0) - Math.min(...points.map((p) => p[0] ?? Infinity))
  const front = paretoFront(points).map((i) => points[i] ?? []).sort((a, b) => (a[last] ?? 0) - (b[last] ?? 0))
  let total = 0
  for (let i = 0; i < front.length; i++) {
    const depth = (front[i + 1]?.[last] ?? reference[last] ?? 0) - (front[i]?.[last] ?? 0)
    if (depth > 0) total += depth * volume(front.slice(0, i + 1).map((p) => p.slice(0, last)), reference.slice(0, last))
  }
  return total
}
