import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/profile_rows',
  title: 'Read a profile',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/performance-optimization',
    'module04/lesson-8-onnx-runtime-production-inference/hands-on/apply-runtime-optimizations',
    'frameworks/assessment-criteria/debug-and-profile-ml-models-for',
  ],
}

// #region cell
/** An event of ONNX Runtime's trace. Times are in microseconds. */
export interface TraceEvent {
  /** 'Session' for a run as a whole and for loading; 'Node' for what happened in a node. */
  cat: string
  /** 'model_run' for a run; '<name of the node>_kernel_time' for the work of a node. */
  name: string
  /** When it began, since the profiler was started. */
  ts: number
  /** How long it took. */
  dur: number
  /** The operator of a node is in `args.op_name`. */
  args: { op_name?: string }
}

/** One line of the summary, for a mean run. */
export interface OperatorTime {
  operator: string
  calls: number
  milliseconds: number
  /** Of the time of all operators, from 0 to 1. */
  share: number
}

/**
 * Where the time goes: the kernel times of a trace, added up by operator.
 *
 *   milliseconds(op) = Σ dur / 1000 / runs        calls(op) = events / runs        share(op) = Σ dur(op) / Σ dur
 *
 * over the events with category 'Node' whose name ends with '_kernel_time', in all runs **but the first**, which allocates
 * memory and is not typical. A run begins at the `ts` of its 'model_run' and ends `dur` later; `runs` is the number of
 * those that are counted. Events come in any order. No node here contains another.
 *
 * Example: two runs, [0, 100) and [200, 290); a Conv of 80 in the first; a Conv of 60 and a Relu of 20 in the second. The
 * answer: Conv, 1 call, 0.06 ms, share 0.75; Relu, 1 call, 0.02 ms, share 0.25.
 *
 * @returns the largest time first
 */
export function operatorTimes(events: TraceEvent[]): OperatorTime[] {
  // TODO: when does the second run begin? Then add up, in a Map, what comes after.
  throw new Error('operatorTimes is not written yet')
}
// #endregion
