import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/profile_rows'
import type { TraceEvent } from './exercise'

const { operatorTimes } = course.subject(reference)
const { assertClose, freshRandom } = course

const run = (ts: number, dur: number): TraceEvent => ({ cat: 'Session', name: 'model_run', ts, dur, args: {} })
const node = (op: string, ts: number, dur: number): TraceEvent => ({ cat: 'Node', name: `${op.toLowerCase()}_${ts}_kernel_time`, ts, dur, args: { op_name: op } })
const close = { rtol: 1e-9 }

test('the example', async () => {
  assertClose(await operatorTimes([run(0, 100), node('Conv', 5, 80), run(200, 90), node('Conv', 205, 60), node('Relu', 268, 20)]), [
    { operator: 'Conv', calls: 1, milliseconds: 0.06, share: 0.75 }, { operator: 'Relu', calls: 1, milliseconds: 0.02, share: 0.25 },
  ], close)
})

test('a mean run, not all runs together', async () => {
  assertClose(await operatorTimes([
    run(0, 50), node('Gemm', 1, 40), run(100, 50), node('Gemm', 101, 10), node('Gemm', 120, 20), run(200, 50), node('Gemm', 201, 30), node('Gemm', 240, 40),
  ]), [{ operator: 'Gemm', calls: 2, milliseconds: 0.05, share: 1 }], close)
})

test('the slowest operator is on top', async () => {
  const events = [run(0, 9), run(10, 99), node('Add', 11, 7), node('Conv', 20, 9), node('Add', 30, 7), node('MaxPool', 40, 30)]
  assertClose(await operatorTimes(events), [
    { operator: 'MaxPool', calls: 1, milliseconds: 0.03, share: 30 / 53 }, { operator: 'Add', calls: 2, milliseconds: 0.014, share: 14 / 53 }, { operator: 'Conv', calls: 1, milliseconds: 0.009, share: 9 / 53 },
  ], close)
})

test('loading, and waiting around a kernel, are no kernel times', async () => {
  const events: TraceEvent[] = [
    { cat: 'Session', name: 'session_initialization', ts: 0, dur: 90_000, args: {} }, run(100_000, 10), run(100_020, 40), node('Conv', 100_022, 30),
    { cat: 'Node', name: 'conv_fence_before', ts: 100_021, dur: 5, args: { op_name: 'Conv' } }, { cat: 'Session', name: 'SequentialExecutor::Execute', ts: 100_021, dur: 38, args: {} },
  ]
  assertClose(await operatorTimes(events), [{ operator: 'Conv', calls: 1, milliseconds: 0.03, share: 1 }], close)
})

test('events in no order, as several threads write them', async () => {
  const random = freshRandom()
  const times = Array.from({ length: 4 }, () => [5 + random.int(40), 5 + random.int(40)] as const)
  const events = random.shuffle(times.flatMap(([conv, relu], i) => [run(1000 * i, 500), node('Conv', 1000 * i + 2, conv), node('Relu', 1000 * i + 99, relu), node('Conv', 1000 * i + 200, conv)]))
  const sum = (k: 0 | 1): number => times.slice(1).reduce((total, each) => total + each[k], 0)
  const expected = [{ operator: 'Conv', calls: 2, time: 2 * sum(0) }, { operator: 'Relu', calls: 1, time: sum(1) }].sort((a, b) => b.time - a.time)
  assertClose(await operatorTimes(events), expected.map(({ operator, calls, time }) => ({ operator, calls, milliseconds: time / 3000, share: time / (2 * sum(0) + sum(1)) })), close)
})
