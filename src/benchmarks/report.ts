// A suite's result as pictures: one chart a case, the table, the targets. The same in a page of its own and in a notebook.
import { Bundled, escapeHtml, page, type Displayable } from '../core'
import { differs, type Row, type SuiteResult } from './compare'

/** A suite's result with what it was measured on. */
export interface BenchRecord extends SuiteResult {
  readonly suite: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGB: number; readonly node: string; readonly platform: string }
  /** When it was measured; ISO 8601. */
  readonly at?: string
}

/** A number with three digits or as many as it has before the point; `–` when it is none. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return value === Infinity ? '∞' : '–'
  return value.toLocaleString('en-US', { maximumSignificantDigits: Math.min(21, Math.max(3, Math.ceil(Math.log10(Math.abs(value) + 1)))), useGrouping: Math.abs(value) >= 10_000 })
}

/** A row's value with its unit. Of a percentage the hundredths count: 98.91% and 98.89% are not the same. */
export function valueText({ median = Number.NaN, unit }: Row): string {
  return `${unit.startsWith('%') && Number.isFinite(median) ? median.toFixed(2) : digits(median)} ${unit}`
}

/** What a row's ratio says: `× 0.31 [0.29, 0.34]`, and that no difference is shown when the interval contains 1. */
export function ratioText(row: Row): string {
  if (row.missing !== undefined) return row.missing
  if (row.ratio === undefined || !row.interval) return ''
  const [low, high] = row.interval
  return `× ${digits(row.ratio)}  [${digits(low)}, ${digits(high)}]${low === 1 && high === 1 ? '' : differs(row) ? '' : '  no difference shown'}`
}

const [LEFT, RIGHT, LINE] = [300, 860, 26]

/** Ratios to the first contestant of each case, on a logarithmic axis, with their intervals and a line at 1. */
function ratioChart(name: string, rows: readonly Row[]): string {
  const drawn = rows.filter((row) => row.ratio !== undefined && row.ratio > 0 && Number.isFinite(row.ratio))
  const values = drawn.flatMap((row) => [row.ratio ?? 1, ...(row.interval ?? [])]).filter((value) => value > 0 && Number.isFinite(value))
  const [low, high] = [Math.log(Math.min(0.8, ...values)), Math.log(Math.max(1.25, ...values))]
  // What has no place on the axis (0, infinity) lies at its end.
  const x = (value: number): number => LEFT + ((Math.min(high, Math.max(low, Math.log(value > 0 ? value : 0))) - low) / (high - low)) * (RIGHT - LEFT)
  const height = rows.length * LINE + 46
  const ticks = ticksBetween(Math.exp(low), Math.exp(high))
  const axis = ticks.map((tick) => `<line x1="${x(tick).toFixed(1)}" y1="8" x2="${x(tick).toFixed(1)}" y2="${height - 40}" stroke="var(--line)"/><text x="${x(tick).toFixed(1)}" y="${height - 24}" text-anchor="middle" class="small">${digits(tick)}</text>`)
  const marks = rows.map((row, i) => {
    const y = 20 + i * LINE
    const label = `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escapeHtml(shorten(row.contestant))}</text>`
    if (row.missing !== undefined) return `${label}<text x="${LEFT}" y="${y + 4}" class="small">${escapeHtml(shorten(row.missing, 80))}</text>`
    if (!drawn.includes(row)) return label
    const [from, to] = row.interval ?? [row.ratio ?? 1, row.ratio ?? 1]
    const colour = differs(row) ? 'var(--accent)' : 'var(--none)'
    const at = x(row.ratio ?? 1)
    return `${label}<line x1="${x(from).toFixed(1)}" y1="${y}" x2="${x(to).toFixed(1)}" y2="${y}" stroke="${colour}" stroke-width="3"/>`
      + `<circle cx="${at.toFixed(1)}" cy="${y}" r="5" fill="${colour}"/><text x="${RIGHT + 14}" y="${y + 4}">${escapeHtml(valueText(row))}</text>`
  })
  return `<svg class="chart" viewBox="0 0 1000 ${height}" role="img" aria-label="${escapeHtml(name)}: ratios to ${escapeHtml(rows[0]?.contestant ?? '')}">${axis.join('')}`
    + `<line x1="${x(1).toFixed(1)}" y1="8" x2="${x(1).toFixed(1)}" y2="${height - 40}" stroke="var(--ink)"/>${marks.join('')}`
    + `<text x="${(LEFT + RIGHT) / 2}" y="${height - 6}" text-anchor="middle" class="small">${escapeHtml(rows[0]?.unit ?? '')} ÷ ${escapeHtml(unitOf(rows))}, median and 95% interval (ratio, logarithmic)</text></svg>`
}

const unitOf = (rows: readonly Row[]): string => `those of ${shorten(rows[0]?.contestant ?? 'the first')}`
const shorten = (text: string, most = 40): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

/** 1, 2, 5 and their decades between two numbers; fewer when they are many. */
function ticksBetween(low: number, high: number): number[] {
  const decades = Math.log10(high / low)
  const steps = decades > 4 ? [1] : decades > 1.5 ? [1, 3] : [1, 1.5, 2, 3, 5, 7]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) for (const step of steps) ticks.push(step * 10 ** power)
  return ticks.filter((tick) => tick >= low && tick <= high)
}

/** The charts, table and targets as HTML. */
export function benchHtml({ rows, targets }: SuiteResult): string {
  const cases = [...new Set(rows.map((row) => row.case))]
  const charts = cases.map((name) => {
    const own = rows.filter((row) => row.case === name)
    return own.filter((row) => row.ratio !== undefined).length > 1 ? `<h3>${escapeHtml(name)}</h3>${ratioChart(name, own)}` : ''
  })
  const table = rows.map((row) => `<tr><td>${escapeHtml(row.case)}</td><td>${escapeHtml(row.contestant)}</td><td class="number">${row.missing !== undefined ? 'missing' : escapeHtml(valueText(row))}</td><td>${escapeHtml(ratioText(row))}</td></tr>`)
  const lines = targets.map((target) => `<tr class="${target.met === null ? 'none' : target.met ? 'pass' : 'fail'}"><td class="mark">${target.met === null ? '–' : target.met ? '✓' : '✗'}</td><td>${escapeHtml(target.name)}</td><td>${escapeHtml(target.wanted)}</td><td>${escapeHtml(target.met === null ? `not measured here: ${target.reached}` : target.reached)}</td></tr>`)
  return [
    ...(lines.length === 0 ? [] : [`<h2>Targets</h2><table><thead><tr><th></th><th>target</th><th>wanted</th><th>reached</th></tr></thead><tbody>${lines.join('')}</tbody></table>`]),
    `<h2>Contestants</h2><p class="faint">Measured in turn, in one run. A grey interval contains 1: no difference is shown.</p>`, ...charts,
    `<h2>Every number</h2><table><thead><tr><th>case</th><th>contestant</th><th class="number">median</th><th>ratio to the first contestant, 95% interval</th></tr></thead><tbody>${table.join('')}</tbody></table>`,
  ].join('\n')
}

/** A page that needs nothing but itself. */
export function benchPage(record: BenchRecord): string {
  const { suite, machine, at, stopped } = record
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, Node ${machine.node}, ${machine.platform}${at === undefined ? '' : ` · ${new Date(at).toUTCString()}`}`
  return page(`Benchmark: ${suite}`, `<h1>Benchmark: ${escapeHtml(suite)}</h1><p class="faint">${escapeHtml(where)}</p>\n${stopped === undefined ? '' : `<p><strong>Stopped before the end:</strong> ${escapeHtml(stopped)}</p>\n`}${benchHtml(record)}`)
}

const NOTEBOOK_STYLE = '<style>.bench { --ink: currentColor; --faint: #7a8490; --line: #8885; --accent: #2f6fb0; --none: #87919c } .bench svg text { fill: currentColor; font: 13px system-ui, sans-serif } .bench svg .small { fill: var(--faint); font-size: 12px } .bench td, .bench th { text-align: left } .bench svg { max-width: 56rem }</style>'

/** The same charts as the value of a notebook's cell. */
export function benchView(result: SuiteResult): Displayable {
  const text = result.rows.map((row) => `${row.case}  ${row.contestant}  ${row.missing ?? `${valueText(row)}  ${ratioText(row)}`}`).join('\n')
  return new Bundled({ 'text/html': `<div class="bench">${NOTEBOOK_STYLE}${benchHtml(result)}</div>`, 'text/plain': text })
}
