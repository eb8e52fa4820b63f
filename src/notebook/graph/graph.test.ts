import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as tf from '@tensorflow/tfjs'
import { displaySymbol, type NotebookHost } from '../../core'
import { NotebookError } from '../errors'
import { registerRenderers } from '../renderers'
import { collapse } from './collapse'
import { crossings, isotonic, layered } from './layout'
import { partsOf, type GraphLike, type ModelLike, type NodeLike, type Parts, type ValueLike } from './parts'
import { graphView } from './view'

const value = (name: string, shape?: (number | string | null)[]): ValueLike => ({ name, dtype: 'float32', ...shape && { shape } })
const weight = (name: string, shape: number[]): ValueLike => ({ name, dtype: 'float32', shape, tensor: { dtype: 'float32', shape } })
const node = (opType: string, inputs: (ValueLike | undefined)[], outputs: ValueLike[], more: Partial<NodeLike> = {}): NodeLike =>
  ({ opType, domain: '', name: `${opType}_${outputs[0]!.name}`, inputs, outputs, attributes: new Map(), ...more })
const model = (inputs: ValueLike[], nodes: NodeLike[], outputs: ValueLike[]): ModelLike & { graph: GraphLike & { initializers: Map<unknown, unknown> } } =>
  ({ graph: { inputs, nodes, outputs, initializers: new Map() }, opsets: new Map([['', 21]]) })

/** `blocks` residual blocks of Conv, Relu, Conv, Add. */
function residual(blocks: number): ReturnType<typeof model> {
  const x = value('x', ['N', 16, 28, 28])
  const nodes: NodeLike[] = []
  let now = x
  for (let b = 0; b < blocks; b++) {
    const step = (opType: string, inputs: ValueLike[], i: number): ValueLike => {
      const out = value(`b${b}_${i}`, ['N', 16, 28, 28])
      nodes.push(node(opType, inputs, [out]))
      return out
    }
    const a = step('Conv', [now, weight(`w${b}a`, [16, 16, 3, 3])], 0)
    const r = step('Relu', [a], 1)
    now = step('Add', [step('Conv', [r, weight(`w${b}b`, [16, 16, 3, 3])], 2), now], 3)
  }
  return model([x], nodes, [now])
}

test('initializers and constants are lines in the boxes that read them; shapes are on the edges', () => {
  const x = value('x', ['N', 784]), h = value('h', ['N', 10]), c = value('c'), y = value('y', ['N', 10])
  const { graph } = model([x, weight('old.style', [1])], [
    node('Gemm', [x, weight('fc.weight', [784, 10]), undefined], [h], { attributes: new Map([['transB', { kind: 'int', value: 1 }]]) }),
    node('Constant', [], [c], { attributes: new Map([['value', { shape: [2], dtype: 'float32' }]]) }),
    node('Add', [h, c], [y]),
  ], [y])
  const { boxes, edges } = partsOf(graph)
  expect(boxes.map((box) => [box.kind, box.title])).toEqual([['input', 'x'], ['node', 'Gemm'], ['node', 'Add'], ['output', 'y']])
  expect(boxes[1]!.lines).toEqual(['weight 784×10', 'transB 1'])
  expect(boxes[2]!.lines).toEqual(['c 2'])
  expect(edges.map(({ from, to, label }) => [from, to, label])).toEqual([[0, 1, 'N×784'], [1, 2, 'N×10'], [2, 3, 'N×10']])
})

test('what a graph inside a node reads from outside is an edge too', () => {
  const x = value('x'), cond = value('cond'), inner = value('i'), y = value('y')
  const body: GraphLike = { inputs: [], nodes: [node('Relu', [x], [inner])], outputs: [inner] }
  const { edges, boxes } = partsOf(model([x, cond], [node('If', [cond], [y], { subgraphs: [body] })], [y]).graph)
  expect(boxes[2]!.family).toBe('control')
  expect(edges.map(({ from, to, inner: hidden }) => [from, to, hidden])).toEqual([[1, 2, false], [0, 2, true], [2, 3, false]])
})

test('nodes out of order are an error', () => {
  const a = value('a'), b = value('b')
  expect(() => partsOf(model([], [node('Relu', [b], [a]), node('Relu', [a], [b])], []).graph)).toThrow('topological order')
})

const isDrawable = (parts: Parts): void => {
  for (const { from, to } of parts.edges) expect(from).toBeLessThan(to)
}
const all = (parts: Parts): NodeLike[] => parts.boxes.flatMap((box) => box.nodes)

test('repeated blocks fold into one box with a count', () => {
  const { graph } = residual(50)
  const folded = collapse(partsOf(graph), 100)
  expect(folded.boxes.map((box) => box.title)).toEqual(['x', '50 × (Conv, Relu, Conv, Add)', 'b49_3'])
  expect(folded.boxes[1]!.lines).toEqual(['200 nodes'])
  expect(folded.boxes[1]!.tooltip).toBe('100 Conv, 50 Relu, 50 Add')
})

/** Any directed acyclic graph, written as the indices that each node reads; small ones find mistakes as well. */
const anyGraph = fc.array(fc.record({
  op: fc.constantFrom('Conv', 'Relu', 'Add', 'Mul'), reads: fc.array(fc.nat(), { maxLength: 3 }),
}), { minLength: 1, maxLength: 60 }).map((specs) => {
  const values = [value('x', [1])]
  const nodes = specs.map(({ op, reads }, i) => {
    const out = value(`v${i}`, i % 2 ? [i] : undefined)
    const made = node(op, reads.map((r) => values[r % values.length]), [out])
    values.push(out)
    return made
  })
  return { parts: partsOf(model([values[0]!], nodes, [values.at(-1)!]).graph), nodes }
})

test('folding keeps every node once, makes no cycle and reaches the limit', () => {
  fc.assert(fc.property(anyGraph, fc.integer({ min: 3, max: 30 }), ({ parts, nodes }, limit) => {
    const folded = collapse(parts, limit)
    expect(folded.boxes.length).toBeLessThanOrEqual(Math.max(limit, 3))
    expect(new Set(all(folded))).toEqual(new Set(nodes))
    expect(all(folded)).toHaveLength(nodes.length)
    isDrawable(folded)
    // Whatever could be reached before can be reached after.
    const place = new Map(folded.boxes.flatMap((box, i) => box.nodes.map((one) => [one, i] as const)))
    for (const { from, to } of parts.edges) {
      const a = place.get(parts.boxes[from]!.nodes[0]!), b = place.get(parts.boxes[to]!.nodes[0]!)
      if (a !== undefined && b !== undefined && a !== b) expect(folded.edges.some((edge) => edge.from === a && edge.to === b)).toBe(true)
    }
  }))
})

test('boxes of one layer do not overlap, and edges lead down', () => {
  fc.assert(fc.property(anyGraph, ({ parts }) => {
    const sizes = parts.boxes.map((_, i) => ({ width: 60 + (i % 5) * 20, height: 30 + (i % 3) * 15 }))
    const { boxes, edges, width, height } = layered({ sizes, edges: parts.edges })
    boxes.forEach((a, i) => {
      expect(a.x - sizes[i]!.width / 2).toBeGreaterThanOrEqual(0)
      expect(a.x + sizes[i]!.width / 2).toBeLessThanOrEqual(width)
      expect(a.y + sizes[i]!.height / 2).toBeLessThanOrEqual(height)
      boxes.forEach((b, j) => {
        if (i === j) return
        const apart = Math.abs(a.x - b.x) >= (sizes[i]!.width + sizes[j]!.width) / 2 - 1e-6
          || Math.abs(a.y - b.y) >= (sizes[i]!.height + sizes[j]!.height) / 2 - 1e-6
        expect(apart).toBe(true)
      })
    })
    for (const route of edges) route.slice(1).forEach((point, i) => expect(point.y).toBeGreaterThan(route[i]!.y))
  }))
})

test('crossings are those of the definition; isotonic is monotone and no worse than its neighbours', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 12 }), (pairs) => {
    const items = Array.from({ length: 12 }, (_, i) => ({ down: pairs.filter(([a]) => a === i).map(([, b]) => b + 6) }))
    const layers = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    let expected = 0
    pairs.forEach(([a, b], i) => pairs.slice(i + 1).forEach(([c, d]) => { if ((a - c) * (b - d) < 0) expected++ }))
    expect(crossings(items, layers)).toBe(expected)
  }))
  fc.assert(fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 8 }), (values) => {
    const fitted = isotonic(values)
    const loss = (xs: number[]): number => xs.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0)
    fitted.slice(1).forEach((x, i) => expect(x).toBeGreaterThanOrEqual(fitted[i]! - 1e-9))
    // Any other non-decreasing sequence is at least as far away: try the running maximum and the running minimum.
    const up = values.map((_, i) => Math.max(...values.slice(0, i + 1)))
    const down = values.map((_, i) => Math.min(...values.slice(i)))
    expect(loss(fitted)).toBeLessThanOrEqual(Math.min(loss(up), loss(down)) + 1e-9)
  }))
})

test('the picture escapes names, outlines nodes, and reads as text', () => {
  const x = value('<script>', ['N', 3]), y = value('y', ['N', 3])
  const relu = node('Relu', [x], [y], { name: '"><img>' })
  const view = graphView(model([x], [relu], [y]), { title: 'A & B', highlight: [relu] })
  const html = view[displaySymbol]()['text/html'] as string
  expect(html).not.toContain('<script>')
  expect(html).not.toContain('<img')
  expect(html).toContain('#d55e00')
  expect(view.toString()).toBe([
    'A & B · 1 node · opset ONNX 21', '0  input <script>   float32 N×3', '1  Relu             ← 0 (N×3)',
    '2  output y         ← 1 (N×3)   float32 N×3',
  ].join('\n'))
  expect(() => graphView({} as ModelLike)).toThrow(NotebookError)
  expect(() => graphView(model([x], [relu], [y]), { limit: 1 })).toThrow(NotebookError)
})

test('a large graph is drawn with few boxes and a list of what is inside', () => {
  const html = graphView(residual(500))[displaySymbol]()['text/html'] as string
  expect(html).toContain('500 × (Conv, Relu, Conv, Add)')
  expect(html.length).toBeLessThan(40_000)
})

test('renderers know tensors, models and frames, and are registered once', () => {
  const host: NotebookHost = {
    display: () => undefined, clearOutput: () => undefined, input: () => Promise.resolve(''), signal: new AbortController().signal, renderers: [],
  }
  registerRenderers(host)
  registerRenderers(host)
  expect(host.renderers).toHaveLength(4)
  const render = (shown: unknown): unknown => host.renderers.map((one) => one(shown)).find((bundle) => bundle !== undefined)?.['text/plain']
  expect(render(tf.tensor2d([[1, 2], [3, NaN]]))).toBe(
    'Tensor float32 [2, 2]\n  1, 2, 3, NaN\n  1 to 3, mean 2  ▁▅█\n  1 elements are NaN or infinite')
  const gone = tf.tensor1d([1])
  gone.dispose()
  expect(render(gone)).toBe('Tensor float32 [1], disposed')
  expect(render(tf.tensor1d(['a', 'b']))).toBe('Tensor string [2]\n  "a", "b"')
  expect(render(residual(1))).toContain('Conv')
  expect(render({ columns: ['a'], values: [[1]], shape: [1, 1] })).toBe('a\n─\n1')
  for (const other of [1, null, 'text', { graph: 1 }, [], new Error('x')]) expect(render(other)).toBeUndefined()
})
