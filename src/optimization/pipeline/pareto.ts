// What is worth having: results of which no other is better in everything.

/** What a model is judged by. */
export interface Quality {
  /** Higher is better: accuracy on held-out data. */
  readonly score: number
  /** Milliseconds. */
  readonly latency: number
  /** Bytes. */
  readonly size: number
}

/** Whether `a` is at least as good as `b` in everything, and better in something. */
export function dominates(a: Quality, b: Quality): boolean {
  return a.score >= b.score && a.latency <= b.latency && a.size <= b.size && (a.score > b.score || a.latency < b.latency || a.size < b.size)
}

/** The results that no other dominates, fastest first. */
export function paretoFront<T extends Quality>(results: readonly T[]): T[] {
  return results.filter((result) => !results.some((other) => dominates(other, result))).sort((a, b) => a.latency - b.latency || b.score - a.score)
}
