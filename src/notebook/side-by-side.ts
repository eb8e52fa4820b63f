// Several views in one row: charts become panels of one figure, tables and images share a line of the page.
import { displaySymbol } from '../core'
import { NotebookError } from './errors'
import { Figure, PALETTE, titleOf, type Layout, type Trace } from './figure'
import { pad, textWidth } from './text'
import { View } from './view'

const GAP = 0.09

/**
 * Views beside each other, to compare them. All charts, or all of the other kind (tables, images, graphs): a page
 * draws the two in different ways.
 *
 * @throws NotebookError `SIDE_BY_SIDE` for none, or for a mixture
 */
export function sideBySide(...views: readonly View[]): View {
  if (views.length === 0) throw new NotebookError('SIDE_BY_SIDE', 'There is nothing to put side by side', { expected: 'two views or more' })
  const figures = views.filter((view): view is Figure => view instanceof Figure)
  if (figures.length === views.length) return panels(figures)
  if (figures.length > 0) {
    throw new NotebookError('SIDE_BY_SIDE', 'Charts and tables cannot share a row', {
      got: `${figures.length} charts among ${views.length} views`, fix: 'put the charts in one row and the others in another',
    })
  }
  const html = views.map((view) => {
    const form = view[displaySymbol]()['text/html']
    return `<div style="flex:1 1 0;min-width:18em;overflow-x:auto">${typeof form === 'string' ? form : ''}</div>`
  })
  return new View({
    'text/html': `<div style="display:flex;flex-wrap:wrap;gap:2em;align-items:flex-start">${html.join('')}</div>`,
    'text/plain': columns(views.map(String)),
  })
}

/** One figure with the axes of figure i renamed to x<i>, y<i>, and drawn in the i-th part of the width. */
function panels(figures: readonly Figure[]): Figure {
  const width = (1 - GAP * (figures.length - 1)) / figures.length
  const data: Trace[] = []
  const layout: Record<string, unknown> = { showlegend: figures.some((one) => one.layout['showlegend'] === true) }
  const annotations: Layout[] = []
  const names: string[] = []
  figures.forEach((one, i) => {
    const suffix = i === 0 ? '' : String(i + 1)
    const from = i * (width + GAP)
    const x = one.layout['xaxis'] as Layout
    const y = one.layout['yaxis'] as Layout
    layout[`xaxis${suffix}`] = { ...x, domain: [from, from + width], anchor: `y${suffix}` }
    layout[`yaxis${suffix}`] = { ...y, anchor: `x${suffix}` }
    annotations.push({
      text: titleOf(one.layout), x: from, y: 1, xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'bottom',
      showarrow: false, font: { size: 15 },
    })
    for (const trace of one.data) {
      const colorbar = trace['colorbar']
      const moved = typeof colorbar === 'object' && colorbar !== null ? { colorbar: { ...colorbar, x: from + width, thickness: 10 } } : {}
      // A panel that had no legend of its own puts nothing into the common one.
      const entry = one.layout['showlegend'] === true ? alike(trace, names) : { showlegend: false }
      data.push({ ...trace, ...moved, ...entry, xaxis: `x${suffix}`, yaxis: `y${suffix}` })
    }
    if (one.layout['barmode'] !== undefined) layout['barmode'] = one.layout['barmode']
  })
  return new Figure(...sharedColours(data, { ...layout, annotations }))
}

/** Heatmaps of one quantity, told by the title of the bar, share one scale and one bar: so their colours can be compared. */
function sharedColours(data: readonly Trace[], layout: Layout): [Trace[], Layout] {
  const quantity = (trace: Trace): unknown => ((trace['colorbar'] as Layout | undefined)?.['title'] as Layout | undefined)?.['text']
  const maps = data.filter((trace) => trace['type'] === 'heatmap')
  const [first] = maps
  if (first === undefined || maps.length < 2 || maps.some((map) => quantity(map) !== quantity(first))) return [[...data], layout]
  const values = maps.flatMap((map) => (map['z'] as number[][]).flat())
  const signed = maps.find((map) => map['reversescale'] === true)
  const [low, high] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)]
  const bound = Math.max(-low, high)
  const { colorscale, reversescale } = signed ?? first
  const coloraxis = {
    colorscale, ...reversescale === true && { reversescale }, cmin: signed ? -bound : low, cmax: signed ? bound : high,
    colorbar: { title: { text: quantity(first) }, thickness: 10 },
  }
  const shared = data.map((trace) => {
    if (trace['type'] !== 'heatmap') return trace
    const own = new Set(['colorbar', 'colorscale', 'reversescale', 'zmin', 'zmax'])
    return { ...Object.fromEntries(Object.entries(trace).filter(([key]) => !own.has(key))), coloraxis: 'coloraxis' }
  })
  return [shared, { ...layout, coloraxis }]
}

/**
 * What makes series of one name look alike in every panel: one colour, and one entry in the legend that switches them
 * together.
 *
 * @param names the names so far, in the order of their colours; a new one is added
 */
function alike(trace: Trace, names: string[]): Partial<Trace> {
  const { name } = trace
  if (name === undefined) return {}
  const known = names.indexOf(name)
  const color = PALETTE[(known < 0 ? names.push(name) - 1 : known) % PALETTE.length]
  const marker = { color, ...trace['marker'] as Layout | undefined }
  return {
    marker, legendgroup: name, ...known < 0 ? {} : { showlegend: false },
    ...trace.type === 'scatter' && { line: { color, ...trace['line'] as Layout | undefined } },
  }
}

function columns(texts: readonly string[]): string {
  const blocks = texts.map((text) => text.split('\n'))
  const height = Math.max(...blocks.map((block) => block.length))
  const widths = blocks.map((block) => Math.max(...block.map(textWidth)))
  return Array.from({ length: height }, (_, row) =>
    blocks.map((block, i) => pad(block[row] ?? '', widths[i] ?? 0)).join('   ').trimEnd()).join('\n')
}
