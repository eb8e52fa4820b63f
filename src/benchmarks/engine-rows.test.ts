import { expect, it } from 'vitest'
import type { InferenceTime } from '../runtime'
import { engineRows } from './engine-rows'

const inference = (start: number, compute: number): InferenceTime => ({
  startEnqueueMs: start, endEnqueueMs: start, startH2dMs: start, endH2dMs: start + 0.5, startComputeMs: start + 0.5, endComputeMs: start + 0.5 + compute,
  startD2hMs: start + 0.5 + compute, endD2hMs: start + 1 + compute, h2dMs: 0.5, computeMs: compute, d2hMs: 0.5, latencyMs: 1 + compute,
})

it('medians, the throughput over the whole run, the slowest layers first', () => {
  const rows = engineRows('resnet', 'TensorRT', {
    times: [inference(0, 1), inference(2, 3), inference(6, 2)],
    profile: { iterations: 3, layers: [{ name: 'a', totalMs: 3, averageMs: 1, medianMs: 0.9, share: 0.25 }, { name: 'b', totalMs: 9, averageMs: 3, medianMs: undefined, share: 0.75 }] },
  }, 1)
  expect(Object.fromEntries(rows.map((row) => [row.case, row.median]))).toMatchObject({
    // Three inferences from 0 ms to 9 ms.
    'resnet: latency': 3, 'resnet: computation': 2, 'resnet: copy to the device': 0.5, 'resnet: throughput': 3 / 9 * 1e3, 'resnet: layer b': 3,
  })
  expect(rows.filter((row) => row.case.includes('layer'))).toHaveLength(1)
})
