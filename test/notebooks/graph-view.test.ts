// The graph view knows ONNX models only by their shape; this holds it together with the real ones.
import { expect, test } from 'vitest'
import { displaySymbol, type NotebookHost } from '../../src/core'
import { graphView, registerRenderers } from '../../src/notebook'
import { GraphBuilder, type Model } from '../../src/onnx'

function model(): Model {
  const g = new GraphBuilder('net')
  const x = g.input('x', 'float32', ['N', 4])
  const h = g.op('Gemm', [x, g.constant(new Float32Array(12), 'fc.weight', 'float32', [4, 3]), g.constant(new Float32Array(3), 'fc.bias')], { transB: 0 })
  const two = g.op('Constant', [], { value_float: 2 })
  g.output(g.op('Mul', [g.op('Relu', [h]), two]), 'y')
  return g.model({ opsets: { '': 21 } })
}

test('a real model is drawn, with its weights in the boxes that read them', () => {
  const text = graphView(model(), { title: 'net' }).toString()
  expect(text).toMatch(/^net · 4 nodes · opset ONNX 21\n/)
  expect(text).toMatch(/1 {2}Gemm +← 0 \(N×4\) +weight 4×3, bias 3, transB 0/)
  expect(text).toMatch(/3 {2}Mul +← 2.* 2\n/)
  expect(graphView(model().graph).toString()).toContain('Relu')
})

test('a real model is shown richly without any helper', () => {
  const host: NotebookHost = {
    display: () => undefined, clearOutput: () => undefined, input: () => Promise.resolve(''), signal: new AbortController().signal, renderers: [],
  }
  registerRenderers(host)
  const shown = [...host.renderers].reverse().map((render) => render(model())).find((bundle) => bundle !== undefined)
  expect(shown).toEqual(graphView(model())[displaySymbol]())
})
