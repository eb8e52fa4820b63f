// The charts that lessons use, one function each. A title and axis titles with units are not optional.
import { NotebookError } from './errors'
import { Figure, mergeLayout, PALETTE, type Layout, type Trace } from './figure'
import { isTensor, numbers, type TensorLike } from './plain'
import { formatNumber } from './text'

/** Numbers in any of the forms that lessons have them in. */
export type Numbers = ArrayLike<number> | TensorLike

/** What every chart must say. */
export interface ChartOptions {
  readonly title: string
  /** Title of the axis with its unit in brackets: `time (ms)`, `epoch (count)`, `accuracy (%)`. */
  readonly x: string
  readonly y: string
  /** Axes with a logarithmic scale. */
  readonly log?: 'x' | 'y' | 'xy'
  /** Further plotly layout, laid over the chart's own. */
  readonly layout?: Layout
}

const DASHES = ['solid', 'dash', 'dot', 'dashdot', 'longdash']
const MARKERS = ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'x', 'star', 'triangle-down']
const at = (list: readonly string[], i: number): string => list[i % list.length] ?? ''

/** @throws NotebookError `CHART_TITLE` or `CHART_UNIT` */
function checkTitles(options: ChartOptions, categories: { readonly x?: boolean, readonly y?: boolean } = {}): void {
  // Cells of a notebook may come from untyped code, so an absent title must not become "undefined" on the page.
  const given = options as Partial<ChartOptions>
  if (typeof given.title !== 'string' || given.title.trim() === '') {
    throw new NotebookError('CHART_TITLE', 'The chart has no title', { fix: "say what it shows: { title: 'Loss by epoch', … }" })
  }
  for (const axis of ['x', 'y'] as const) {
    const title = given[axis]
    if (typeof title === 'string' && (categories[axis] === true ? title.trim() !== '' : /\S\s*[([][^)\]]+[)\]]/.test(title))) continue
    throw new NotebookError('CHART_UNIT', `The ${axis} axis has no title with a unit`, {
      expected: "a title with the unit in brackets: 'time (ms)'; for plain numbers '(count)' or '(ratio)'",
      got: title === undefined ? 'no title' : JSON.stringify(title), where: `chart "${given.title}"`,
    })
  }
}

function chart(traces: readonly Trace[], options: ChartOptions, more: Layout = {}): Figure {
  const scale = (axis: 'x' | 'y'): Layout => (options.log?.includes(axis) === true ? { type: 'log' } : {})
  const base: Layout = {
    title: { text: options.title },
    xaxis: { title: { text: options.x }, ...scale('x') },
    yaxis: { title: { text: options.y }, ...scale('y') },
    showlegend: traces.length > 1,
  }
  return new Figure(traces, mergeLayout(mergeLayout(base, more), options.layout ?? {}))
}

/** Points of one series; without `x` they are numbered from 1. With `points` no line joins them. */
export type Series = Numbers | { readonly x?: Numbers, readonly y: Numbers, readonly points?: boolean }

function points(series: Series): { x: number[], y: number[] } {
  const { x, y } = 'y' in series ? series : { x: undefined, y: series }
  const ys = numbers(y)
  const xs = x === undefined ? ys.map((_, i) => i + 1) : numbers(x)
  if (xs.length !== ys.length) {
    throw new NotebookError('CHART_LENGTH', 'A series has not as many x as y', { expected: `${ys.length} x`, got: `${xs.length}` })
  }
  return { x: xs, y: ys }
}

/**
 * One curve for each series; they differ in dash as well as in colour.
 *
 * @example
 * lines({ train: [0.9, 0.4], test: [1.0, 0.6] }, { title: 'Loss by epoch', x: 'epoch (count)', y: 'loss (nats)' })
 */
export function lines(series: Readonly<Record<string, Series>>, options: ChartOptions & { readonly markers?: boolean }): Figure {
  checkTitles(options)
  const traces = Object.entries(series).map(([name, one], i): Trace => {
    const { x, y } = points(one)
    const alone = 'y' in one && one.points === true
    return {
      type: 'scatter', name, x, y, mode: alone ? 'markers' : options.markers ?? y.length <= 30 ? 'lines+markers' : 'lines',
      line: { dash: at(DASHES, i) }, marker: { symbol: at(MARKERS, i), ...alone && { size: 9 } },
    }
  })
  return chart(traces, options, wholeTicks(traces, options.x))
}

/** Few whole numbers that count something get a tick each, not one at 1.5. */
function wholeTicks(traces: readonly Trace[], title: string): Layout {
  const xs = traces.flatMap((trace) => trace.x as number[])
  const whole = xs.length <= 1000 && title.includes('(count)') && xs.every(Number.isInteger) && Math.max(...xs) - Math.min(...xs) <= 12
  return whole ? { xaxis: { dtick: 1 } } : {}
}

/** Points of each series; they differ in shape as well as in colour. `text` labels points when pointed at. */
export function scatter(
  series: Readonly<Record<string, { readonly x: Numbers, readonly y: Numbers, readonly text?: readonly string[] }>>,
  options: ChartOptions,
): Figure {
  checkTitles(options)
  return chart(Object.entries(series).map(([name, one], i): Trace => ({
    type: 'scatter', mode: 'markers', name, ...points(one), marker: { symbol: at(MARKERS, i), size: 8, opacity: 0.8 },
    ...one.text === undefined ? {} : { text: one.text },
  })), options)
}

/**
 * A bar for each name, or groups of bars: `{ before: { conv1: 3, conv2: 5 }, after: { conv1: 1, conv2: 2 } }`. Up to 24
 * bars carry their number; in narrower ones it could not be read, and it shows when one points at them.
 *
 * @param options.horizontal names on the vertical axis, for long names; `x` is then the axis of the values
 * @param options.errors half-widths of the error bars, with the same names
 */
export function bars(
  values: Readonly<Record<string, number>> | Readonly<Record<string, Readonly<Record<string, number>>>>,
  options: ChartOptions & {
    readonly horizontal?: boolean
    readonly errors?: Readonly<Record<string, number>> | Readonly<Record<string, Readonly<Record<string, number>>>>
  },
): Figure {
  const horizontal = options.horizontal === true
  checkTitles(options, horizontal ? { y: true } : { x: true })
  type Group = Readonly<Record<string, number>>
  const groups = (given: typeof values): [string, Group][] => {
    const entries = Object.entries(given)
    return entries.every((entry): entry is [string, Group] => typeof entry[1] === 'object') ? entries : [['', given as Group]]
  }
  const errors = options.errors === undefined ? {} : Object.fromEntries(groups(options.errors))
  const shown = groups(values)
  const labelled = horizontal || shown.reduce((sum, [, group]) => sum + Object.keys(group).length, 0) <= 24
  const traces = shown.map(([name, group]): Trace => {
    const names = Object.keys(group)
    const heights = Object.values(group)
    const spread = errors[name]
    const error = spread && { type: 'data', array: names.map((key) => spread[key] ?? 0) }
    return {
      type: 'bar', name, x: horizontal ? heights : names, y: horizontal ? names : heights,
      orientation: horizontal ? 'h' : 'v',
      ...labelled && { text: heights.map((height) => formatNumber(height, 3)), textposition: 'auto', insidetextanchor: 'middle', textangle: 0 },
      ...error && { [horizontal ? 'error_x' : 'error_y']: error },
    }
  })
  return chart(traces, options, { barmode: 'group', ...horizontal ? { yaxis: { autorange: 'reversed', type: 'category' } } : { xaxis: { type: 'category' } } })
}

/** Rows of numbers, or a flat list with its shape, or a tensor of rank 2. */
export type Matrix = readonly Numbers[] | TensorLike | { readonly data: ArrayLike<number>, readonly shape: readonly number[] }

function rowsOf(matrix: Matrix): number[][] {
  if (Array.isArray(matrix)) return (matrix as readonly Numbers[]).map((row) => numbers(row))
  const { shape } = matrix as { readonly shape: readonly number[] }
  const data = numbers(isTensor(matrix) ? matrix : (matrix as { readonly data: ArrayLike<number> }).data)
  const [height = 0, width = 0] = shape
  if (shape.length !== 2 || data.length !== height * width) {
    throw new NotebookError('CHART_SHAPE', 'A heat map needs rows and columns', {
      expected: 'shape [rows, columns]', got: `[${shape.join(', ')}] with ${data.length} numbers`,
    })
  }
  return Array.from({ length: height }, (_, i) => data.slice(i * width, (i + 1) * width))
}

/**
 * A matrix as colours, the first row on top; up to 400 cells carry their number too.
 *
 * @param options.value what a cell is, with its unit: `samples (count)`
 * @param options.xLabels names of the columns, `yLabels` of the rows: then the axis needs no unit
 */
export function heatmap(matrix: Matrix, options: ChartOptions & {
  readonly value: string
  readonly xLabels?: readonly string[]
  readonly yLabels?: readonly string[]
}): Figure {
  checkTitles(options, { x: options.xLabels !== undefined, y: options.yLabels !== undefined })
  const z = rowsOf(matrix)
  const cells = z.reduce((count, row) => count + row.length, 0)
  const negative = z.some((row) => row.some((value) => value < 0))
  const bound = z.reduce((most, row) => row.reduce((m, value) => Math.max(m, Math.abs(value)), most), 0)
  return chart([{
    type: 'heatmap', z, ...options.xLabels && { x: options.xLabels }, ...options.yLabels && { y: options.yLabels },
    // Viridis and the red-blue scale keep their order of lightness for every colour vision.
    ...negative ? { colorscale: 'RdBu', reversescale: true, zmin: -bound, zmax: bound } : { colorscale: 'Viridis' },
    colorbar: { title: { text: options.value } },
    ...cells <= 400 ? { text: z.map((row) => row.map((value) => formatNumber(value, 3))), texttemplate: '%{text}' } : {},
  }], options, {
    // Names that look like numbers ("1e-3") would otherwise become places on a scale.
    ...options.xLabels && { xaxis: { type: 'category' } }, yaxis: { autorange: 'reversed', ...options.yLabels && { type: 'category' } },
  })
}

/**
 * How often values fall into equal intervals. Counted here, so a million weights cost the page no more than forty bars.
 *
 * @param options.y default `values (count)`
 */
export function histogram(
  values: Numbers | Readonly<Record<string, Numbers>>,
  options: Omit<ChartOptions, 'y'> & { readonly y?: string, readonly bins?: number },
): Figure {
  const full = { ...options, y: options.y ?? 'values (count)' }
  checkTitles(full)
  const isOne = 'length' in values || 'dataSync' in values
  const series: [string, number[]][] = isOne
    ? [['', numbers(values as Numbers)]]
    : Object.entries(values).map(([name, one]) => [name, numbers(one)])
  let low = Infinity, high = -Infinity
  for (const [, all] of series) {
    for (const value of all) {
      if (!Number.isFinite(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  const bins = options.bins ?? 40
  if (!Number.isInteger(bins) || bins < 1 || !Number.isFinite(low)) {
    throw new NotebookError('CHART_BINS', 'A histogram needs finite values and at least one bin', {
      got: `${bins} bins, ${Number.isFinite(low) ? 'values' : 'no finite value'}`, where: `chart "${options.title}"`,
    })
  }
  const width = (high - low) / bins || 1
  const traces = series.map(([name, all], i): Trace => {
    const counts = new Array<number>(bins).fill(0)
    for (const value of all) {
      if (!Number.isFinite(value)) continue
      const bin = Math.min(bins - 1, Math.floor((value - low) / width))
      counts[bin] = (counts[bin] ?? 0) + 1
    }
    return {
      type: 'bar', name, x: counts.map((_, bin) => low + (bin + 0.5) * width), y: counts, width,
      opacity: series.length > 1 ? 0.6 : 1, marker: { color: at(PALETTE, i) },
    }
  })
  return chart(traces, full, { barmode: 'overlay', bargap: 0 })
}

/** One stretch of time on a lane. */
export interface Span {
  readonly lane: string
  readonly start: number
  readonly duration: number
  /** Shown when pointed at. */
  readonly text?: string
}

/**
 * What happened when: a lane for each name, in the order of their first spans, and a box for each stretch of time. Spans of
 * a group have one colour.
 *
 * @param groups one list of spans, or several by name: `{ 'first run': […], 'third run': […] }`
 * @example
 * timeline([{ lane: 'Conv', start: 0, duration: 2 }, { lane: 'Relu', start: 2, duration: 0.5 }], { title: 'One run', x: 'time (ms)', y: 'operator' })
 */
export function timeline(groups: readonly Span[] | Readonly<Record<string, readonly Span[]>>, options: ChartOptions): Figure {
  checkTitles(options, { y: true })
  const isOne = (given: typeof groups): given is readonly Span[] => Array.isArray(given)
  const named: [string, readonly Span[]][] = isOne(groups) ? [['', groups]] : Object.entries(groups)
  for (const { lane, start, duration } of named.flatMap(([, spans]) => spans)) {
    if (Number.isFinite(start) && duration >= 0 && Number.isFinite(duration)) continue
    throw new NotebookError('CHART_SPAN', 'A span has no place in time', {
      expected: 'a finite start, and a duration from 0 up', got: `start ${start}, duration ${duration}`, where: `lane "${lane}" of chart "${options.title}"`,
    })
  }
  const lanes = [...new Set(named.flatMap(([, spans]) => spans.map((span) => span.lane)))]
  return chart(named.map(([name, spans]): Trace => ({
    type: 'bar', orientation: 'h', name, base: spans.map((span) => span.start), x: spans.map((span) => span.duration), y: spans.map((span) => span.lane),
    text: spans.map((span) => span.text ?? ''), textposition: 'none', hovertemplate: '%{y} %{text}<br>from %{base:.4g}, %{x:.4g} long<extra></extra>',
  })), options, { barmode: 'overlay', bargap: 0.25, height: 120 + 30 * Math.max(4, lanes.length), yaxis: { categoryorder: 'array', categoryarray: lanes, autorange: 'reversed' } })
}
