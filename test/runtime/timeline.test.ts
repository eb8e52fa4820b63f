// Profiles of different tools in one plot: ONNX Runtime's own, measured here, beside a text of Nsight Systems.
import { expect, it } from 'vitest'
import { notebook, runtime } from 'whetstone'
import { Tensor, writeModel } from '../../src/onnx'
import { build, weights } from '../support/run'

it('a run of ONNX Runtime and a trace of Nsight Systems are drawn by the same plot', () => {
  const model = build(17, (g) => {
    const x = g.input('x', 'float32', [1, 8, 16, 16])
    g.output(g.op('Relu', [g.op('Conv', [x, weights([8, 8, 3, 3])], { pads: [1, 1, 1, 1] })]), 'y')
  })
  const data = weights([1, 8, 16, 16], 2)
  expect(data).toBeInstanceOf(Tensor)
  const profile = runtime.profileModel(writeModel(model), { x: { dtype: 'float32', shape: [1, 8, 16, 16], data: data.toArray() } }, { optimization: 'disabled', runs: 3 })
  const events = runtime.timelineOfOnnxruntime(profile)
  const rows = runtime.summarizeTimeline(events)
  const sum = (operator: string): number => profile.nodes.filter((node) => node.operator === operator).reduce((total, node) => total + node.duration, 0)
  expect(rows.find((row) => row.category === 'Conv')!.totalMicroseconds).toBeCloseTo(sum('Conv') * 1e3)
  // Nodes lie within their run, and the runs keep their provider's track busy for no longer than themselves.
  for (const event of events.filter((one) => one.category !== 'run')) {
    expect(events.some((run) => run.category === 'run' && run.startMicroseconds <= event.startMicroseconds + 1 && event.startMicroseconds + event.durationMicroseconds <= run.startMicroseconds + run.durationMicroseconds + 1)).toBe(true)
  }
  const gpu = runtime.parseNsysTrace('Start (ns),Duration (ns),CorrId,Device,Strm,Name\n1000,4000,1,GPU (0),7,kernel_a\n6000,1000,2,GPU (0),8,[CUDA memcpy Device-to-Host]\n')
  const spans = runtime.timelineSpans([...events, ...gpu])
  expect(Object.keys(runtime.timelineSpans(gpu))).toEqual(['kernel', 'memcpy'])
  expect(runtime.timelineSpans(gpu)['memcpy']).toEqual([{ lane: 'GPU (0), stream 8', start: 0.005, duration: 0.001, text: '[CUDA memcpy Device-to-Host]' }])
  const figure = notebook.timeline(spans, { title: 'Both', x: 'time (ms)', y: 'track' })
  expect(figure).toBeInstanceOf(notebook.Figure)
})
