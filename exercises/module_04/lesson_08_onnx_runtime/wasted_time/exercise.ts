import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/wasted_time',
  title: 'Diagnose: the session that got slower',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/performance-optimization',
    'module04/lesson-8-onnx-runtime-production-inference/interview-questions/how-do-you-optimize-inference',
    'module04/interview-preparation/model-optimization-questions/your-model-is-too-slow-in',
  ],
}

// #region cell
/** A profiled run: its time, and the time of its nodes by operator, in milliseconds. */
export interface ProfiledTimes {
  run: number
  operators: Record<string, number>
}

/** What a session may waste its time on. */
export type Waste = 'copies' | 'layout' | 'conversion' | 'overhead'

/**
 * What a slow session does instead of arithmetic. Four kinds of waste, each as a share of the time of the run:
 *
 *   copies       values that go between devices: MemcpyToHost, MemcpyFromHost
 *   layout       the same numbers in another order: Transpose, ReorderInput, ReorderOutput
 *   conversion   the same numbers in another type: Cast, QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear
 *   overhead     time in no node at all: run − Σ operators, at least 0
 *
 * The verdict is the largest of the four if it is **at least a fifth** of the run, otherwise 'compute': then the model does
 * what it should, and only a faster kernel, fewer operations or more threads will help.
 *
 * Example: a run of 10 ms with Conv 5, Cast 3, Transpose 1: conversion 0.3, layout 0.1, overhead 0.1, copies 0. The verdict
 * is 'conversion'.
 *
 * @returns the four shares, from 0 to 1, and the verdict
 */
export function wastedTime(times: ProfiledTimes): { shares: Record<Waste, number>; verdict: Waste | 'compute' } {
  // TODO: which kind is each operator of? Add up; then the overhead; then the largest.
  throw new Error('wastedTime is not written yet')
}
// #endregion
