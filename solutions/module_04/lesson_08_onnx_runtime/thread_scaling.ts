import type { Scaling, ThreadTiming } from '../../../exercises/module_04/lesson_08_onnx_runtime/thread_scaling/exercise'

// #region cell
export function threadScaling(timings: ThreadTiming[]): Scaling {
  if (new Set(timings.map((each) => each.threads)).size < 2) throw new Error('two different numbers of threads are needed')
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const xs = timings.map((each) => 1 / each.threads)
  const meanX = mean(xs), meanT = mean(timings.map((each) => each.milliseconds))
  let shared = 0, spread = 0
  timings.forEach(({ threads, milliseconds }) => {
    shared += (1 / threads - meanX) * (milliseconds - meanT)
    spread += (1 / threads - meanX) ** 2
  })
  const parallel = shared / spread
  const serial = Math.max(0, meanT - parallel * meanX)
  return { serial, parallel, limit: serial === 0 ? Infinity : (serial + parallel) / serial }
}
// #endregion
