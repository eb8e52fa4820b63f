import type { BatchPolicy, BatchRun } from '../../../exercises/module_04/lesson_08_onnx_runtime/dynamic_batches/exercise'

// #region cell
export function dynamicBatches(arrivals: number[], policy: BatchPolicy): BatchRun {
  const { maxBatch, maxDelay, fixed, each } = policy
  const latencies: number[] = [], batches: number[] = []
  let free = 0, next = 0
  while (next < arrivals.length) {
    const full = arrivals[next + maxBatch - 1] ?? Infinity
    const start = Math.max(free, Math.min(full, (arrivals[next] ?? 0) + maxDelay))
    const batch = arrivals.slice(next, next + maxBatch).filter((arrival) => arrival <= start)
    free = start + fixed + each * batch.length
    for (const arrival of batch) latencies.push(free - arrival)
    batches.push(batch.length)
    next += batch.length
  }
  return { latencies, batches }
}
// #endregion
