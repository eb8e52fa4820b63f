import type { LatencySummary } from '../../../exercises/module_04/lesson_08_onnx_runtime/latency_summary/exercise'

// #region cell
export function latencySummary(samples: number[], warmup: number): LatencySummary {
  const sorted = samples.slice(warmup).sort((a, b) => a - b)
  const n = sorted.length
  const percentile = (p: number): number | null => {
    const rank = Math.ceil((p * n) / 100)
    return n - rank >= 5 ? sorted[rank - 1] ?? null : null
  }
  const total = sorted.reduce((sum, value) => sum + value, 0)
  return { p50: percentile(50), p90: percentile(90), p99: percentile(99), throughput: (1000 * n) / total }
}
// #endregion
