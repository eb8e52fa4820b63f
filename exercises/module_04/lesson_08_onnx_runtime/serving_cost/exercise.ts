import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/serving_cost',
  title: 'What an answer costs',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lowering-compute-costs',
    'module04/lesson-8-onnx-runtime-production-inference/topics/production-deployment',
  ],
}

// #region cell
/** A way to serve a model, as it was measured on one machine. */
export interface ServingWay {
  /** Answers that are computed together, and the milliseconds which that takes. */
  batch: number
  milliseconds: number
  /** How many batches a machine computes side by side. */
  workers: number
  /** Of one machine, whether it computes or waits. */
  pricePerHour: number
}

/** What is asked of the service. */
export interface Traffic {
  /** Answers a second, on average over the month, and in the busiest minute. */
  mean: number
  peak: number
  /** The largest share of its capacity at which a machine may run, above 0 and at most 1. */
  utilization: number
}

/** What a month of it costs, in the unit of the price. */
export interface ServingCost {
  machines: number
  perMonth: number
  perMillion: number
}

/**
 * What a model costs to serve. One machine that always has work gives
 *
 *   capacity = workers · batch · 1000 / milliseconds                    answers a second
 *
 * It may not always have work: near its capacity a queue grows without bound, so only a share of it is used. Machines are
 * bought for the busiest minute, whole, and are paid for through all 730 hours of a month; the answers that pay for them
 * are those that were really given:
 *
 *   machines   = ⌈peak / (utilization · capacity)⌉
 *   perMonth   = machines · pricePerHour · 730
 *   perMillion = 10⁶ · perMonth / (mean · 3600 · 730)
 *
 * Example: batches of 16 in 8 ms, 2 workers: capacity 4,000 a second. At 0.1 an hour, with a mean of 500 a second, a peak
 * of 3,000 and a utilization of 0.6: 3,000 / 2,400 is more than one machine, so 2; 146 a month; 0.1111 for a million.
 *
 * @throws Error when utilization is not above 0 and at most 1, or the peak is below the mean
 */
export function servingCost(way: ServingWay, traffic: Traffic): ServingCost {
  // TODO: refuse traffic that cannot be; then the four equations.
  throw new Error('servingCost is not written yet')
}
// #endregion
