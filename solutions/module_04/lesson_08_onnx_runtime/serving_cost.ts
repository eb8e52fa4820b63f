import type { ServingCost, ServingWay, Traffic } from '../../../exercises/module_04/lesson_08_onnx_runtime/serving_cost/exercise'

// #region cell
export function servingCost(way: ServingWay, traffic: Traffic): ServingCost {
  const { batch, milliseconds, workers, pricePerHour } = way
  const { mean, peak, utilization } = traffic
  if (!(utilization > 0 && utilization <= 1)) throw new Error('the utilization must be above 0 and at most 1')
  if (peak < mean) throw new Error('the peak cannot be below the mean')
  const capacity = (workers * batch * 1000) / milliseconds
  const machines = Math.ceil(peak / (utilization * capacity))
  const perMonth = machines * pricePerHour * 730
  return { machines, perMonth, perMillion: (1e6 * perMonth) / (mean * 3600 * 730) }
}
// #endregion
