import type { Features } from '../../../exercises/module_04/lesson_03_transfer_learning/nearest_prototype/exercise'

// #region cell
export function nearestPrototype(support: Features[], labels: number[], queries: Features[]): number[] {
  const classes = [...new Set(labels)].sort((a, b) => a - b)
  const prototypes = classes.map((label) => {
    const examples = support.filter((_, i) => labels[i] === label)
    return (examples[0] ?? []).map((_, d) => examples.reduce((sum, example) => sum + (example[d] ?? 0), 0) / examples.length)
  })
  return queries.map((query) => {
    const distances = prototypes.map((prototype) => prototype.reduce((sum, value, d) => sum + ((query[d] ?? 0) - value) ** 2, 0))
    return classes[distances.indexOf(Math.min(...distances))] ?? NaN
  })
}
// #endregion
