import type { OperatorTime, TraceEvent } from '../../../exercises/module_04/lesson_08_onnx_runtime/profile_rows/exercise'

// #region cell
export function operatorTimes(events: TraceEvent[]): OperatorTime[] {
  const starts = events.filter((event) => event.name === 'model_run').map((event) => event.ts).sort((a, b) => a - b)
  const second = starts[1] ?? Infinity
  const runs = starts.length - 1
  const sums = new Map<string, { calls: number; time: number }>()
  let total = 0
  for (const { cat, name, ts, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < second) continue
    const operator = args.op_name ?? ''
    const sum = sums.get(operator) ?? { calls: 0, time: 0 }
    sums.set(operator, { calls: sum.calls + 1, time: sum.time + dur })
    total += dur
  }
  return [...sums]
    .map(([operator, { calls, time }]) => ({ operator, calls: calls / runs, milliseconds: time / 1000 / runs, share: time / total }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}
// #endregion
