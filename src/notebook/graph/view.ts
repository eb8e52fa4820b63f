// The picture of a model: boxes coloured by what they do, shapes on the edges, the rest in tooltips; and the same as text.
import { NotebookError } from '../errors'
import { escapeHtml, oneLine, pad, textWidth } from '../text'
import { View } from '../view'
import { collapse, counts } from './collapse'
import { layered } from './layout'
import { isGraph, isModel, partsOf, shapeText, type Box, type Family, type GraphLike, type ModelLike, type NodeLike, type Parts } from './parts'

/** How the picture looks. */
export interface GraphViewOptions {
  readonly title?: string
  /** Boxes drawn at most before repeats and chains are folded; default 100. */
  readonly limit?: number
  /** Nodes to outline, by their names or themselves. */
  readonly highlight?: readonly (string | NodeLike)[]
}

/** More boxes than this cannot be drawn in reasonable time, nor read. */
const MAX_BOXES = 400
/** Lines of the text form. */
const MAX_LINES = 120
const LINE = 15
const CHARACTER = 6.6
/** Room beside the boxes for the labels of edges. */
const MARGIN = 70

/** Light fills under dark text: readable on a light page and on a dark one. */
const COLOURS: Readonly<Record<Family, string>> = {
  matrix: '#a9cdec', activation: '#f6c6a0', normalize: '#e2bcd6', pool: '#a5dcc5', arithmetic: '#c9e6f7',
  layout: '#d9d9d9', quantize: '#f1dd8a', control: '#c7b8e8', other: '#eeeeee', border: '#ffffff',
}
const LEGEND: readonly [Family, string][] = [
  ['matrix', 'matrix product, convolution'], ['activation', 'activation'], ['normalize', 'normalization'],
  ['pool', 'pooling, reduction'], ['arithmetic', 'arithmetic'], ['layout', 'shape, layout'], ['quantize', 'quantization'],
  ['control', 'control flow'], ['other', 'other or folded'],
]

/**
 * A picture of an ONNX model or graph. Above `limit` boxes, repeated blocks and chains are folded into one box with a
 * count; a list below the picture says what is inside.
 *
 * @throws NotebookError `GRAPH_VALUE` when it is neither a model nor a graph, `GRAPH_LIMIT` for a limit out of range
 */
export function graphView(model: ModelLike | GraphLike, options: GraphViewOptions = {}): View {
  const limit = options.limit ?? 100
  if (!Number.isInteger(limit) || limit < 3 || limit > MAX_BOXES) {
    throw new NotebookError('GRAPH_LIMIT', 'The number of boxes is out of range', { expected: `3 to ${MAX_BOXES}`, got: `${limit}` })
  }
  const graph = isModel(model) ? model.graph : isGraph(model) ? model : undefined
  if (!graph) {
    throw new NotebookError('GRAPH_VALUE', 'This is not an ONNX model', { expected: 'a Model or a Graph', fix: 'read a file with onnx.read first' })
  }
  const whole = partsOf(graph)
  const parts = collapse(whole, limit)
  const opsets = isModel(model) ? [...(model.opsets ?? [])].map(([domain, version]) => `${domain || 'ONNX'} ${version}`).join(', ') : ''
  const title = [options.title ?? 'Graph', `${graph.nodes.length.toLocaleString('en-US')} node${graph.nodes.length === 1 ? '' : 's'}`, ...opsets === '' ? [] : [`opset ${opsets}`]].join(' · ')
  const marked = new Set((options.highlight ?? []).flatMap((which) => (typeof which === 'string' ? graph.nodes.filter((n) => n.name === which) : [which])))
  return new View({ 'text/html': html(parts, title, marked), 'text/plain': text(parts, title) })
}

function html(parts: Parts, title: string, marked: ReadonlySet<NodeLike>): string {
  const used = new Set(parts.boxes.map((box) => box.family))
  const legend = LEGEND.filter(([family]) => used.has(family)).map(([family, name]) =>
    `<span style="margin-right:1em;white-space:nowrap"><span style="display:inline-block;width:.8em;height:.8em;background:${COLOURS[family]};border:1px solid #777"></span> ${name}</span>`)
  const groups = parts.boxes.filter((box) => box.kind === 'group').map((box) =>
    `<details><summary>${escapeHtml(box.title)}: ${box.nodes.length} nodes (${escapeHtml(counts(box.nodes))})</summary><ol>${
      box.nodes.slice(0, 200).map((node) => `<li>${escapeHtml(nodeText(node))}</li>`).join('')}</ol></details>`)
  return `<div><strong>${escapeHtml(title)}</strong><div style="font-size:12px">${legend.join('')}</div>`
    + `<div style="overflow:auto;max-height:760px">${svg(parts, marked)}</div>${groups.join('')}</div>`
}

function svg(parts: Parts, marked: ReadonlySet<NodeLike>): string {
  const sizes = parts.boxes.map((box) => {
    const longest = [textWidth(oneLine(box.title, 40)) * 1.15, ...box.lines.map((line) => textWidth(oneLine(line, 40)))]
    return { width: Math.max(70, Math.max(...longest) * CHARACTER + 18), height: 14 + LINE * (1 + box.lines.filter((line) => line !== '').length) }
  })
  const { width, height, boxes, edges } = layered({ sizes, edges: parts.edges })
  const n = (value: number): string => value.toFixed(1)
  const drawnEdges = parts.edges.map((edge, i) => {
    const route = edges[i] ?? []
    const points = route.map((point, at) => {
      if (at === 0) return { x: point.x, y: point.y + (sizes[edge.from]?.height ?? 0) / 2 }
      if (at === route.length - 1) return { x: point.x, y: point.y - (sizes[edge.to]?.height ?? 0) / 2 }
      return point
    })
    const [start] = points
    if (!start) return ''
    const path = points.slice(1).map((point, at) => {
      const before = points[at] ?? start
      const middle = (before.y + point.y) / 2
      return `C${n(before.x)} ${n(middle)} ${n(point.x)} ${n(middle)} ${n(point.x)} ${n(point.y)}`
    }).join('')
    const end = points[1] ?? start
    // The label of a value that several boxes read is written once, under the box that makes it.
    const first = parts.edges.findIndex((other) => other.from === edge.from && other.label === edge.label) === i
    // On the side that the edge does not turn to.
    const left = end.x > start.x + 1
    const label = first && edge.label !== ''
      ? `<text x="${n(start.x + (left ? -6 : 6))}" y="${n(start.y + 15)}"${left ? ' text-anchor="end"' : ''} fill="#777" font-size="11">${
        escapeHtml(oneLine(edge.label, 28))}</text>` : ''
    return `<g><title>${escapeHtml(edge.tooltip)}</title><path d="M${n(start.x)} ${n(start.y)}${path}" fill="none" stroke="#888" stroke-width="1.4"${
      edge.inner ? ' stroke-dasharray="4 3"' : ''} marker-end="url(#whetstone-arrow)"/>${label}</g>`
  })
  const drawnBoxes = parts.boxes.map((box, i) => {
    const { x, y } = boxes[i] ?? { x: 0, y: 0 }
    const size = sizes[i] ?? { width: 0, height: 0 }
    const highlight = box.nodes.some((node) => marked.has(node))
    const rows = [box.title, ...box.lines.filter((line) => line !== '')].map((line, row) =>
      `<text x="${n(x)}" y="${n(y - size.height / 2 + 18 + row * LINE)}" text-anchor="middle" fill="#111" font-size="${row === 0 ? 13 : 11}"${
        row === 0 ? ' font-weight="bold"' : ''}>${escapeHtml(oneLine(line, 40))}</text>`)
    return `<g><title>${escapeHtml(box.tooltip)}</title><rect x="${n(x - size.width / 2)}" y="${n(y - size.height / 2)}" width="${n(size.width)}" height="${
      n(size.height)}" rx="${box.family === 'border' ? 12 : 4}" fill="${COLOURS[box.family]}" stroke="${highlight ? '#d55e00' : '#777'}" stroke-width="${
      highlight ? 3 : 1}"${box.kind === 'group' ? ' stroke-dasharray="5 3"' : ''}/>${rows.join('')}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width + 2 * MARGIN)}" height="${n(height)}" viewBox="${-MARGIN} 0 ${n(width + 2 * MARGIN)} ${n(height)}" role="img" `
    + 'font-family="system-ui, sans-serif"><defs><marker id="whetstone-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    + `orient="auto"><path d="M0 0L8 4L0 8z" fill="#888"/></marker></defs>${drawnEdges.join('')}${drawnBoxes.join('')}</svg>`
}

function nodeText(node: NodeLike): string {
  const outputs = node.outputs.map((value) => `${value.name} ${shapeText(value.shape)}`.trim()).join(', ')
  return `${node.opType}${node.name === '' ? '' : ` ${node.name}`} → ${outputs}`
}

function text(parts: Parts, title: string): string {
  const reads = parts.boxes.map((_, i) => parts.edges.filter((edge) => edge.to === i))
  const name = (box: Box): string => (box.kind === 'node' ? box.title : box.kind === 'group' ? `[${box.title}]` : `${box.kind} ${box.title}`)
  const shown = parts.boxes.slice(0, MAX_LINES)
  const digits = String(parts.boxes.length - 1).length
  const rows = shown.map((box, i) => ({
    head: `${pad(String(i), digits, true)}  ${oneLine(name(box), 48)}`,
    from: (reads[i] ?? []).map((edge) => `${edge.from}${edge.label === '' ? '' : ` (${edge.label})`}`).join(', '),
    more: box.lines.filter((line) => line !== '').join(', '),
  }))
  const width = rows.reduce((most, row) => Math.max(most, textWidth(row.head)), 0)
  const lines = rows.map(({ head, from, more }) =>
    oneLine([pad(head, width), from === '' ? '' : `← ${from}`, more].filter((part) => part !== '').join('   ').trimEnd(), 150))
  if (parts.boxes.length > shown.length) lines.push(`… ${parts.boxes.length - shown.length} more`)
  return [title, ...lines].join('\n')
}
