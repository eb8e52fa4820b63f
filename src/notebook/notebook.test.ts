import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inflateSync } from 'node:zlib'
import { afterAll, afterEach, expect, test } from 'vitest'
import * as tf from '@tensorflow/tfjs'
import { displaySymbol, type MimeBundle, type NotebookHost } from '../core'
import { bars, heatmap, histogram, images, lines, NotebookError, plot, progress, scatter, sideBySide, table, timeline, type Progress } from './index'
import { toPlain } from './plain'
import { formatBytes, formatNumber, formatSeconds, textWidth } from './text'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'whetstone-notebook-'))
const symbol = Symbol.for('whetstone.kernel')
afterEach(() => Reflect.deleteProperty(globalThis, symbol))
afterAll(() => fs.rmSync(folder, { recursive: true }))

interface Shown { readonly bundle: MimeBundle, readonly id: string | undefined }
function installHost(): { shown: Shown[], interrupt(): void, host: NotebookHost } {
  const shown: Shown[] = []
  const controller = new AbortController()
  const host: NotebookHost = {
    display: (bundle, options) => void shown.push({ bundle, id: options?.id }),
    clearOutput: () => undefined, input: () => Promise.resolve(''), signal: controller.signal, renderers: [],
  }
  ;(globalThis as Record<symbol, unknown>)[symbol] = host
  return { shown, interrupt: () => controller.abort(), host }
}
interface PlotlyJson { data: Record<string, unknown>[], layout: Record<string, Record<string, unknown>> }
const plotly = (figure: { [displaySymbol](): MimeBundle }): PlotlyJson =>
  figure[displaySymbol]()['application/vnd.plotly.v1+json'] as PlotlyJson
const code = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    return error instanceof NotebookError ? error.code : String(error)
  }
  return 'nothing thrown'
}
const titles = { title: 'Loss by epoch', x: 'epoch (count)', y: 'loss (nats)' }

test('plot gives a figure that is shown once: by the cell, or by show()', () => {
  const { shown } = installHost()
  const figure = plot([{ y: new Float32Array([0.1, NaN, 3]) }], { title: 'A <b>' })
  expect(shown).toHaveLength(0)
  expect(plotly(figure).data).toEqual([{ y: [0.1, null, 3] }])
  expect(plotly(figure).layout['title']!['text']).toBe('A <b>')
  expect(figure.toString()).toContain('0.1 to 3')
  // show() gives nothing that the cell could show again.
  expect((figure as { show(): unknown }).show()).toBeUndefined()
  expect(shown.map(({ bundle }) => Object.keys(bundle))).toEqual([['application/vnd.plotly.v1+json', 'text/plain']])
  expect(code(() => plot([]))).toBe('FIGURE_DATA')
  JSON.stringify(figure[displaySymbol]())
})

test('a saved figure is a page of its own that no data can break out of', () => {
  const file = path.join(folder, 'figure é.html')
  const hostile = '</script><script>alert(1)</script><!--'
  expect(plot([{ y: [1, 2], name: hostile }], { title: hostile }).save(file)).toBe(file)
  const html = fs.readFileSync(file, 'utf8')
  expect(html).not.toContain(hostile)
  expect(html.match(/<\/script>/g)).toHaveLength(2)
  expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)=/)
  expect(html.length).toBeGreaterThan(5_000_000)
  expect(code(() => plot({ y: [1] }).save(path.join(folder, 'x.png')))).toBe('FIGURE_PATH')
  expect(code(() => plot({ y: [1] }).save(path.join(folder, 'no', 'x.html')))).toBe('FIGURE_SAVE')
})

test('charts demand a title and units', () => {
  expect(code(() => lines({ a: [1] }, { ...titles, title: ' ' }))).toBe('CHART_TITLE')
  expect(code(() => lines({ a: [1] }, { ...titles, x: 'epoch' }))).toBe('CHART_UNIT')
  expect(code(() => bars({ a: 1 }, { title: 't', x: 'model', y: 'size' }))).toBe('CHART_UNIT')
  expect(code(() => bars({ a: 1 }, { title: 't', x: 'model', y: 'size (MB)' }))).toBe('nothing thrown')
  expect(code(() => bars({ a: 1 }, { title: 't', x: 'size (MB)', y: 'model', horizontal: true }))).toBe('nothing thrown')
})

test('lines take arrays, typed arrays and tensors, numbered from 1', () => {
  const { data, layout } = plotly(lines({ a: [3, 2], b: new Float32Array([1, 0.5]), c: { x: [0, 4], y: tf.tensor1d([5, 6]) } },
    { ...titles, log: 'y' }))
  expect(data.map(({ x, y }) => [x, y])).toEqual([[[1, 2], [3, 2]], [[1, 2], [1, 0.5]], [[0, 4], [5, 6]]])
  expect(layout['yaxis']!['type']).toBe('log')
  expect(layout['xaxis']!['dtick']).toBe(1)
  expect(plotly(lines({ a: new Float32Array(100) }, titles)).layout['xaxis']!['dtick']).toBeUndefined()
  expect(code(() => lines({ a: { x: [1], y: [1, 2] } }, titles))).toBe('CHART_LENGTH')
  expect(plotly(scatter({ a: { x: [1], y: [2] } }, titles)).data[0]).toMatchObject({ mode: 'markers', x: [1], y: [2] })
})

test('bars group by name, with errors', () => {
  const options = { title: 't', x: 'layer', y: 'time (ms)' }
  const { data } = plotly(bars({ before: { a: 3, b: 5 }, after: { a: 1, b: 2 } }, { ...options, errors: { after: { a: 0.1, b: 0.2 } } }))
  expect(data.map(({ name, y }) => [name, y])).toEqual([['before', [3, 5]], ['after', [1, 2]]])
  expect(data[1]!['error_y']).toEqual({ type: 'data', array: [0.1, 0.2] })
  expect(data[0]!['text']).toEqual(['3', '5'])
  const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`layer ${i}`, i]))
  expect(plotly(bars({ before: many, after: many }, options)).data.map((trace) => trace['text'])).toEqual([undefined, undefined])
})

test('a histogram counts every value once', () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i))
  const { data } = plotly(histogram(values, { title: 't', x: 'weight (1)', bins: 7 }))
  expect((data[0]!['y'] as number[]).reduce((a, b) => a + b)).toBe(1000)
  const flat = plotly(histogram({ a: [2, 2, NaN], b: [2] }, { title: 't', x: 'weight (1)' }))
  expect(flat.data.map(({ y }) => (y as number[]).reduce((a, b) => a + b))).toEqual([2, 1])
  expect(code(() => histogram([NaN], { title: 't', x: 'a (1)' }))).toBe('CHART_BINS')
})

test('a heat map takes rows, a flat list with a shape, or a tensor', () => {
  const options = { ...titles, value: 'samples (count)' }
  const expected = [[1, 2, 3], [4, 5, 6]]
  for (const matrix of [expected, { data: [1, 2, 3, 4, 5, 6], shape: [2, 3] }, tf.tensor2d(expected)]) {
    expect(plotly(heatmap(matrix, options)).data[0]!['z']).toEqual(expected)
  }
  expect(code(() => heatmap({ data: [1, 2], shape: [2] }, options))).toBe('CHART_SHAPE')
})

test('values that JSON cannot say are made plain, and a cycle is an error', () => {
  expect(toPlain({ a: 1n, b: [Infinity, () => 1], c: new Int8Array([1]), d: undefined })).toEqual({ a: 1, b: [null, null], c: [1], d: undefined })
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  expect(code(() => toPlain(cycle))).toBe('SHOW_CYCLE')
})

test('a table escapes its cells, aligns numbers and counts what it leaves out', () => {
  const rows = Array.from({ length: 25 }, (_, i) => ({ name: `<img src=x onerror=alert(${i})>`, ms: i + 0.123456, note: null }))
  const view = table(rows, { units: { ms: 'ms' }, caption: 'A & B', limit: 2, precision: 3 })
  const html = view[displaySymbol]()['text/html'] as string
  expect(html).not.toContain('<img')
  expect(html).toContain('A &amp; B')
  expect(html).toContain('… 23 more rows')
  expect(table([{ 模型: '大', n: 1 }, { 模型: 'small', n: 100.25 }]).toString()).toBe(
    ['模型       n', '─────  ─────', '大         1', 'small  100.3'].join('\n'))
  expect(code(() => table(rows, { columns: ['nope'] }))).toBe('TABLE_COLUMN')
  expect(code(() => table([1] as unknown as object[]))).toBe('TABLE_ROWS')
  expect(table([]).toString()).toBe('\n')
  expect(table([{ text: 'a\u001b[31m\nb' }]).toString()).not.toContain('\u001b')
})

test('a table shows a danfojs frame', async () => {
  const { DataFrame } = await import('danfojs-node')
  const frame = new DataFrame([{ a: 1, b: 'x' }, { a: 2, b: 'y' }])
  expect(table(frame, { columns: ['b', 'a'] }).toString()).toBe(['b  a', '─  ─', 'x  1', 'y  2'].join('\n'))
})

test('images are PNGs with the pixels given, and half blocks in a terminal', () => {
  const view = images({ features: [0, 255, 255, 0], shape: [1, 2, 2, 1], labels: [1], classNames: ['no', 'yes'] }, { title: 'One' })
  const html = view[displaySymbol]()['text/html'] as string
  const png = Buffer.from(/base64,([^"]+)/.exec(html)![1]!, 'base64')
  expect(png.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001a\n')
  const at = png.indexOf('IDAT')
  expect([...inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))]).toEqual([0, 0, 255, 0, 255, 0])
  expect(view.toString()).toBe('One\n▄▀\nyes')
  expect(code(() => images({ features: [1], shape: [1] }, { title: 't' }))).toBe('IMAGES_SHAPE')
})

test('charts side by side become panels of one figure; tables share a row', () => {
  const { data, layout } = plotly(sideBySide(lines({ a: [1, 2] }, titles), bars({ b: 1 }, { title: 'B', x: 'model', y: 'size (MB)' })))
  expect(data.map(({ xaxis, yaxis }) => [xaxis, yaxis])).toEqual([['x', 'y'], ['x2', 'y2']])
  expect((layout['xaxis']!['domain'] as number[])[1]).toBeLessThan((layout['xaxis2']!['domain'] as number[])[0]!)
  expect(layout['yaxis2']!['title']).toEqual({ text: 'size (MB)' })
  const mixed = plotly(sideBySide(lines({ a: [1], b: [2] }, titles), bars({ c: 1 }, { title: 'C', x: 'model', y: 'size (MB)' })))
  expect(mixed.data.map((trace) => trace['showlegend'])).toEqual([undefined, undefined, false])
  // Of one name: one colour, one entry in the legend, also where the other panel has them in another order.
  const twice = plotly(sideBySide(lines({ a: [1], b: [2] }, titles), bars({ b: { x: 1 }, a: { x: 2 } }, { title: 'B', x: 'model', y: 'size (MB)' })))
  const colours = twice.data.map((trace) => [trace['name'], (trace['marker'] as Record<string, unknown>)['color'], trace['showlegend'] ?? true])
  expect(colours).toEqual([['a', '#0072b2', true], ['b', '#d55e00', true], ['b', '#d55e00', false], ['a', '#0072b2', false]])
  expect(sideBySide(table([{ a: 1 }]), table([{ b: 2 }, { b: 3 }])).toString()).toBe(['a   b', '─   ─', '1   2', '    3'].join('\n'))
  expect(code(() => sideBySide(table([]), lines({ a: [1] }, titles)))).toBe('SIDE_BY_SIDE')
})

test('names that look like numbers stay names', () => {
  const map = plotly(heatmap([[1, 2], [3, 4]], { title: 't', x: 'γ', y: 'λ', value: 'wrong (%)', xLabels: ['1e-3', '1e1'], yLabels: ['1e-6', '1'] }))
  expect(map.layout).toMatchObject({ xaxis: { type: 'category', title: { text: 'γ' } }, yaxis: { type: 'category', autorange: 'reversed' } })
  expect(plotly(bars({ 1: 3, 10: 4 }, { title: 't', x: 'batch', y: 'time (ms)' })).layout).toMatchObject({ xaxis: { type: 'category' } })
  const plain = plotly(heatmap([[1, 2]], { title: 't', x: 'column (px)', y: 'row (px)', value: 'v (ratio)' })).layout
  expect(plain).not.toHaveProperty('xaxis.type')
})

test('a series of points is joined by no line', () => {
  const made = plotly(lines({ mean: { x: [1, 2], y: [3, 4] }, seen: { x: [1], y: [3], points: true } }, { title: 't', x: 'x (m)', y: 'y (m)' }))
  expect(made.data.map((trace) => trace['mode'])).toEqual(['lines+markers', 'markers'])
})

test('heatmaps of one quantity share a scale, others keep their own', () => {
  const map = (z: number[][], value: string) => heatmap(z, { title: 't', x: 'column (px)', y: 'row (px)', value })
  const one = plotly(sideBySide(map([[1, 2]], 'share (%)'), map([[7, 5]], 'share (%)')))
  expect(one.layout['coloraxis']).toMatchObject({ cmin: 1, cmax: 7, colorscale: 'Viridis', colorbar: { title: { text: 'share (%)' } } })
  expect(one.data.map((trace) => [trace['coloraxis'], trace['colorbar']])).toEqual([['coloraxis', undefined], ['coloraxis', undefined]])
  expect(plotly(sideBySide(map([[1, 2]], 'share (%)'), map([[-7, 5]], 'share (%)'))).layout['coloraxis']).toMatchObject({ cmin: -7, cmax: 7, colorscale: 'RdBu' })
  const two = plotly(sideBySide(map([[1, 2]], 'share (%)'), map([[7, 5]], 'time (ms)')))
  expect(two.layout['coloraxis']).toBeUndefined()
  expect(two.data.every((trace) => trace['colorbar'] !== undefined)).toBe(true)
})

const surface = (isTTY: boolean, host?: NotebookHost) => {
  const written: string[] = []
  const clock = { time: 0 }
  return { written, clock, surface: { host, stream: { isTTY, write: (text: string) => written.push(text) }, now: () => clock.time } }
}

test('progress in a terminal is one line with rate and time left', () => {
  const { written, clock, surface: where } = surface(true)
  const seen: number[] = []
  for (const i of progress(4, { label: 'steps', surface: where })) {
    seen.push(i)
    clock.time += 2
  }
  expect(seen).toEqual([0, 1, 2, 3])
  expect(written.slice(0, -1).every((text) => text.startsWith('\r') && !text.includes('\n'))).toBe(true)
  expect(written[2]).toContain('2/4 · 2.0 s each · 4.0 s left')
  expect(written.at(-1)).toMatch(/^\rsteps █{20} 100% 4\/4 · 2\.0 s each · took 8\.0 s *\n$/)
})

test('progress in a pipe writes a line now and then', () => {
  const { written, clock, surface: where } = surface(false)
  const bar = progress(1000, { surface: where })
  for (let i = 1; i <= 1000; i++) {
    clock.time += 0.05
    bar.update(i, { loss: 1 / i })
  }
  expect(written).toHaveLength(5)
  expect(written[0]).toContain('loss 0.005')
  expect(written.every((line) => /^[^\r]+\n$/.test(line))).toBe(true)
})

test('progress in a notebook updates one output, and an interrupt stops it between steps', async () => {
  const { shown, interrupt, host } = installHost()
  const { clock, surface: where } = surface(false, host)
  let steps = 0
  const loop = async (bar: Progress<string>): Promise<void> => {
    for await (const item of bar) {
      clock.time += 1
      steps++
      if (item === 'b') interrupt()
    }
  }
  await expect(loop(progress(['a', 'b', 'c', 'd'], { surface: where }))).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(steps).toBe(2)
  expect(new Set(shown.map(({ id }) => id)).size).toBe(1)
  expect(shown.at(-1)!.bundle['text/plain']).toContain('stopped after')
})

test('progress without a total counts; a loop left early says so', () => {
  const { written, surface: where } = surface(true)
  const items = (function* (): Generator<number, void> { for (let i = 0; ; i++) yield i })()
  for (const i of progress(items, { surface: where })) if (i === 3) break
  expect(written.at(-1)).toContain('3')
  expect(progress(new Set([1, 2]), { surface: where }).done).toBe(0)
  expect(code(() => progress(1.5))).toBe('PROGRESS_TOTAL')
})

test('numbers, bytes and times are readable', () => {
  expect([0.000123456, 1234.5678, 12, 0, -0.5, NaN].map((x) => formatNumber(x))).toEqual(['1.235e-4', '1,235', '12', '0', '-0.5', 'NaN'])
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(formatBytes)).toEqual(['0 bytes', '1,023 bytes', '1.5 KiB', '5 GiB'])
  expect([0.04, 59.6, 125, 3780].map(formatSeconds)).toEqual(['0.0 s', '1 min 00 s', '2 min 05 s', '1 h 03 min'])
  expect(textWidth('aé大')).toBe(4)
})

test('a timeline has a lane for each name, in the order of the spans, and boxes where the time was', () => {
  const options = { title: 'One run', x: 'time (ms)', y: 'operator' }
  const { data: [first, second], layout } = plotly(timeline({ run: [{ lane: 'Conv', start: 1, duration: 2, text: 'conv1' }, { lane: 'Relu', start: 3, duration: 0.5 }], other: [{ lane: 'Add', start: 0, duration: 1 }] }, options))
  expect(first).toMatchObject({ type: 'bar', name: 'run', base: [1, 3], x: [2, 0.5], y: ['Conv', 'Relu'], text: ['conv1', ''] })
  expect(second).toMatchObject({ name: 'other', base: [0], y: ['Add'] })
  expect(layout['yaxis']).toMatchObject({ categoryarray: ['Conv', 'Relu', 'Add'], autorange: 'reversed' })
  expect(plotly(timeline([{ lane: 'a', start: 0, duration: 0 }], options)).data).toHaveLength(1)
  expect(code(() => timeline([{ lane: 'a', start: NaN, duration: 1 }], options))).toBe('CHART_SPAN')
  expect(code(() => timeline([{ lane: 'a', start: 0, duration: -1 }], options))).toBe('CHART_SPAN')
  expect(code(() => timeline([], { ...options, x: 'time' }))).toBe('CHART_UNIT')
})
