import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/dynamic_batches',
  title: 'A queue that batches',
  points: 8,
  minutes: 18,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/production-deployment',
    'module04/lesson-8-onnx-runtime-production-inference/hands-on/deploy-with-onnx-runtime',
    'module04/interview-preparation/model-optimization-questions/explain-batching-strategies-for-throughput',
    'performance/deliverables/tensorrt-optimization/dynamic-batching',
  ],
}

// #region cell
/** How a server batches, and how long its model takes. All times in milliseconds. */
export interface BatchPolicy {
  maxBatch: number
  /** How long the oldest waiting request may wait for company. */
  maxDelay: number
  /** A batch of b takes fixed + each · b. */
  fixed: number
  each: number
}

/** What became of the requests. */
export interface BatchRun {
  /** From arrival to answer, in the order of the arrivals. */
  latencies: number[]
  /** Sizes of the batches, in order. */
  batches: number[]
}

/**
 * Simulates a server with dynamic batching and one worker. The worker starts its next batch at
 *
 *   start = max(when the worker is free, min(when maxBatch requests are waiting, arrival of the oldest + maxDelay))
 *
 * and takes the oldest waiting requests, those that arrive exactly at `start` too, at most maxBatch. All of a batch are
 * answered at start + fixed + each · size; then the worker is free.
 *
 * Example: arrivals 0, 1, 9 with maxBatch 2, maxDelay 5, fixed 10, each 1. Two are waiting at 1, so the first batch starts
 * there and ends at 1 + 10 + 2 = 13. The third could have left at 9 + 5 = 14, alone: it ends at 14 + 11 = 25. The answer is
 * { latencies: [13, 12, 16], batches: [2, 1] }.
 *
 * @param arrivals in ascending order; may be empty
 */
export function dynamicBatches(arrivals: number[], policy: BatchPolicy): BatchRun {
  // TODO: while requests are left: when does the next batch start, and how many does it take?
  throw new Error('dynamicBatches is not written yet')
}
// #endregion
