import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/wasted_time'

const { wastedTime } = course.subject(reference)
const { assertClose, freshRandom } = course
const close = { rtol: 1e-9, atol: 1e-12 }

test('the example: types that are changed', async () => {
  assertClose(await wastedTime({ run: 10, operators: { Conv: 5, Cast: 3, Transpose: 1 } }),
    { shares: { copies: 0, layout: 0.1, conversion: 0.3, overhead: 0.1 }, verdict: 'conversion' }, close)
})

test('several operators of one kind add up', async () => {
  assertClose(await wastedTime({ run: 20, operators: { Conv: 8, ReorderInput: 3, ReorderOutput: 3, Transpose: 2, Cast: 3 } }),
    { shares: { copies: 0, layout: 0.4, conversion: 0.15, overhead: 0.05 }, verdict: 'layout' }, close)
  assertClose(await wastedTime({ run: 8, operators: { QuantizeLinear: 1, DequantizeLinear: 1, DynamicQuantizeLinear: 1, MatMulInteger: 4 } }),
    { shares: { copies: 0, layout: 0, conversion: 0.375, overhead: 0.125 }, verdict: 'conversion' }, close)
})

test('a graph that is cut between two devices', async () => {
  assertClose(await wastedTime({ run: 5, operators: { MatMul: 2, MemcpyToHost: 1, MemcpyFromHost: 0.5, NonZero: 1.5 } }),
    { shares: { copies: 0.3, layout: 0, conversion: 0, overhead: 0 }, verdict: 'copies' }, close)
})

test('a model of tiny nodes', async () => {
  assertClose(await wastedTime({ run: 0.5, operators: { Add: 0.1, Mul: 0.1 } }), { shares: { copies: 0, layout: 0, conversion: 0, overhead: 0.6 }, verdict: 'overhead' }, close)
})

test('a healthy session: nothing is a fifth of the time', async () => {
  assertClose(await wastedTime({ run: 10, operators: { Conv: 8, Cast: 1, Transpose: 0.5 } }), { shares: { copies: 0, layout: 0.05, conversion: 0.1, overhead: 0.05 }, verdict: 'compute' }, close)
})

test('exactly a fifth is waste', async () => {
  assertClose(await wastedTime({ run: 8, operators: { Conv: 6.4, Cast: 1.6 } }), { shares: { copies: 0, layout: 0, conversion: 0.2, overhead: 0 }, verdict: 'conversion' }, close)
})

test('nodes that seem to take longer than the run: the clock rounds', async () => {
  assertClose(await wastedTime({ run: 10, operators: { Conv: 8.5, Cast: 2 } }), { shares: { copies: 0, layout: 0, conversion: 0.2, overhead: 0 }, verdict: 'conversion' }, close)
})

test('profiles that nobody knows ahead', async () => {
  const random = freshRandom()
  for (let i = 0; i < 6; i++) {
    const [conv, cast, reorder, copy, rest] = Array.from({ length: 5 }, () => 0.5 + 4 * random.next()) as [number, number, number, number, number]
    const run = conv + cast + reorder + copy + rest
    const shares = { copies: copy / run, layout: reorder / run, conversion: cast / run, overhead: rest / run }
    const [worst] = Object.entries(shares).sort((a, b) => b[1] - a[1])
    assertClose(await wastedTime({ run, operators: { Conv: conv, Cast: cast, ReorderInput: reorder, MemcpyFromHost: copy } }),
      { shares, verdict: worst![1] >= 0.2 ? worst![0] : 'compute' }, { rtol: 1e-6 })
  }
})
