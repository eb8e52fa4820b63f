// A plotly figure: how it looks by default, how it is shown, how it is saved as a page of its own.
import fs from 'node:fs'
import path from 'node:path'
import { messageOf } from '../core'
import { NotebookError } from './errors'
import { toPlain } from './plain'
import { escapeHtml, formatNumber, oneLine, sparkline } from './text'
import { View } from './view'

/** One plotly trace (https://plotly.com/javascript/reference): typed arrays and tensors are welcome as data. */
export interface Trace {
  readonly type?: string
  readonly name?: string
  readonly x?: unknown
  readonly y?: unknown
  readonly z?: unknown
  readonly [attribute: string]: unknown
}

/** A plotly layout. */
export type Layout = Readonly<Record<string, unknown>>

/**
 * Eight colours that people with any colour vision tell apart (M. Okabe, K. Ito, "Color Universal Design", 2008), in an
 * order that stays readable on white and on black; its black and yellow are replaced by greys.
 */
export const PALETTE: readonly string[] = [
  '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#888888', '#b8860b',
]

/** The grey with the best contrast that one colour can have on white and on JupyterLab's dark page: 4.3 to 1. */
const INK = '#777777'
const GRID = 'rgba(128, 128, 128, 0.25)'

const AXIS: Layout = { gridcolor: GRID, zerolinecolor: GRID, linecolor: INK, automargin: true, ticks: 'outside', exponentformat: 'power' }

const DEFAULTS: Layout = {
  colorway: PALETTE,
  paper_bgcolor: 'rgba(0, 0, 0, 0)',
  plot_bgcolor: 'rgba(0, 0, 0, 0)',
  font: { color: INK, size: 13 },
  title: { font: { size: 16 }, x: 0.02, xanchor: 'left' },
  margin: { l: 70, r: 20, t: 48, b: 56 },
  height: 380,
  hovermode: 'closest',
  xaxis: AXIS,
  yaxis: AXIS,
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `over` laid on `base`, object by object; lists are replaced whole. Plotly's short form `title: 'text'` is kept. */
export function mergeLayout(base: Layout, over: Layout): Layout {
  const out: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = base[key]
    if (isObject(below) && isObject(value)) out[key] = mergeLayout(below, value)
    else if (key === 'title' && isObject(below) && typeof value === 'string') out[key] = { ...below, text: value }
    else out[key] = value
  }
  return out
}

/** The text of a title in either of plotly's forms. */
export function titleOf(holder: unknown): string {
  if (!isObject(holder)) return ''
  const { title } = holder
  const text = isObject(title) ? title['text'] : title
  return typeof text === 'string' ? text : ''
}

/** A figure that can be shown and saved. */
export class Figure extends View {
  readonly data: readonly Trace[]
  readonly layout: Layout

  constructor(data: readonly Trace[], layout: Layout) {
    const axes = Object.fromEntries(Object.keys(layout).filter((key) => /^[xy]axis\d+$/.test(key)).map((key) => [key, AXIS]))
    const plainData = toPlain(data) as Trace[]
    const plainLayout = toPlain(mergeLayout({ ...DEFAULTS, ...axes }, layout)) as Layout
    super({
      // Not responsive: JupyterLab's renderer resizes by itself, and the two together fold the figure to nothing.
      'application/vnd.plotly.v1+json': { data: plainData, layout: plainLayout, config: { displaylogo: false } },
      'text/plain': describe(plainData, plainLayout),
    })
    this.data = plainData
    this.layout = plainLayout
  }

  /**
   * Writes a page that shows the figure anywhere, without a network: plotly.js (MIT) is inside, so it takes 10 MB.
   *
   * @returns the path written
   * @throws NotebookError `FIGURE_PATH` when the name does not end in .html, `FIGURE_SAVE` when it cannot be written
   */
  save(file: string): string {
    if (!/\.html?$/i.test(file)) {
      throw new NotebookError('FIGURE_PATH', 'A figure is saved as an HTML page', { expected: 'a name in .html', got: file })
    }
    const where = path.resolve(file)
    try {
      fs.writeFileSync(where, page(this.data, this.layout))
    } catch (cause) {
      throw new NotebookError('FIGURE_SAVE', 'The figure cannot be written', {
        got: messageOf(cause), where, fix: 'choose a folder that exists and that you may write to', cause,
      })
    }
    return where
  }
}

/**
 * A figure of plotly traces.
 *
 * @example
 * plot([{ y: [1, 4, 9] }], { title: 'Squares', xaxis: { title: 'n (count)' }, yaxis: { title: 'n² (count)' } })
 * @throws NotebookError `FIGURE_DATA` when there is no trace
 */
export function plot(
  figure: readonly Trace[] | Trace | { readonly data: readonly Trace[], readonly layout?: Layout }, layout: Layout = {},
): Figure {
  if (isObject(figure) && Array.isArray(figure['data'])) {
    const given = figure as { readonly data: readonly Trace[], readonly layout?: Layout }
    return plot(given.data, mergeLayout(given.layout ?? {}, layout))
  }
  const traces = (Array.isArray(figure) ? figure : [figure]) as readonly Trace[]
  if (traces.length === 0 || !traces.every(isObject)) {
    throw new NotebookError('FIGURE_DATA', 'A figure needs at least one trace', {
      expected: 'plotly traces, such as { y: [1, 2, 3] }', got: traces.length === 0 ? 'none' : typeof traces[0],
    })
  }
  return new Figure(traces, layout)
}

/** What a terminal shows: the titles, then a line with range and curve for each trace. */
function describe(data: readonly Trace[], layout: Layout): string {
  const axes = [titleOf(layout['xaxis']), titleOf(layout['yaxis'])].filter((title) => title !== '')
  const head = [titleOf(layout) || 'Figure', axes.length === 2 ? `${axes[1] ?? ''} over ${axes[0] ?? ''}` : axes.join('')]
  const lines = data.map((trace, i) => {
    const name = oneLine(trace.name ?? trace.type ?? `trace ${i + 1}`, 24)
    const horizontal = trace['orientation'] === 'h'
    const values = (horizontal ? trace.x : trace.y) ?? trace.z
    const flat = Array.isArray(values) ? (values as unknown[]).flat().map((v) => (typeof v === 'number' ? v : NaN)) : []
    const finite = flat.filter((value) => Number.isFinite(value))
    if (finite.length === 0) return `  ${name}`
    let low = Infinity, high = -Infinity
    for (const value of finite) {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
    return `  ${name}  ${sparkline(flat)}  ${formatNumber(low)} to ${formatNumber(high)}, ${finite.length} values`
  })
  return [head.filter((part) => part !== '').join(' — '), ...lines].join('\n')
}

function page(data: readonly Trace[], layout: Layout): string {
  const library = fs.readFileSync(require.resolve('plotly.js-dist'), 'utf8')
  // Inside <script> only "</script" and "<!--" mean anything to HTML; neither may come from the figure or the library.
  const safe = (json: unknown): string => JSON.stringify(json).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(titleOf(layout) || 'Figure')}</title>
<style>html, body { height: 100%; margin: 0; background: #fff }</style>
<script>${library.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')}</script></head>
<body><div id="figure" style="height:100%"></div>
<script>Plotly.newPlot('figure', ${safe(data)}, ${safe({ ...layout, height: undefined })}, {responsive: true})</script>
</body></html>
`
}
