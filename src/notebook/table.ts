// Tables: danfojs frames and arrays of objects, as HTML and as aligned text. Cells are text, never markup.
import { NotebookError } from './errors'
import { escapeHtml, formatNumber, oneLine, pad, textWidth } from './text'
import { View } from './view'

/** A danfojs DataFrame, as far as a table needs it. */
export interface FrameLike {
  readonly columns: readonly string[]
  readonly values: unknown
  readonly shape: readonly number[]
}

/** How a table looks. */
export interface TableOptions {
  /** Which columns, in this order; default: all, in the order of their first appearance. */
  readonly columns?: readonly string[]
  /** Unit of a column, shown in its header: `{ median: 'ms' }`. */
  readonly units?: Readonly<Record<string, string>>
  readonly caption?: string
  /** Significant digits of fractions; default 4. */
  readonly precision?: number
  /** Rows shown; default 20. The rest is counted. */
  readonly limit?: number
}

/** Columns shown at most: a page does not get wider than that. */
const MAX_COLUMNS = 40

/** Whether a value is a danfojs frame. */
export function isFrame(value: unknown): value is FrameLike {
  return typeof value === 'object' && value !== null && 'columns' in value && Array.isArray(value.columns)
    && 'values' in value && 'shape' in value && Array.isArray(value.shape) && value.shape.length === 2
}

/**
 * A table of a danfojs frame or of objects.
 *
 * @example
 * table([{ model: 'float32', size: 1.2 }, { model: 'int8', size: 0.31 }], { units: { size: 'MB' }, caption: 'Size on disk' })
 * @throws NotebookError `TABLE_ROWS` when the rows are not objects, `TABLE_COLUMN` when no row has a chosen column
 */
export function table(rows: FrameLike | readonly object[], options: TableOptions = {}): View {
  const { names, body } = isFrame(rows) ? fromFrame(rows) : fromRows(rows)
  const chosen = options.columns ?? names
  for (const name of chosen) {
    if (names.includes(name)) continue
    throw new NotebookError('TABLE_COLUMN', 'The table has no such column', { expected: names.join(', '), got: name })
  }
  const columns = chosen.slice(0, MAX_COLUMNS).map((name) => names.indexOf(name))
  const shown = body.slice(0, options.limit ?? 20)
  const cells = shown.map((row) => columns.map((c) => cellText(row[c], options.precision ?? 4)))
  const right = columns.map((c) => shown.some((row) => isNumber(row[c])) && shown.every((row) => row[c] == null || isNumber(row[c])))
  const heads = columns.map((c) => {
    const name = names[c] ?? ''
    const unit = options.units?.[name]
    return unit === undefined ? name : `${name} (${unit})`
  })
  const more = [
    body.length > shown.length ? `… ${(body.length - shown.length).toLocaleString('en-US')} more rows` : '',
    chosen.length > columns.length ? `… ${chosen.length - columns.length} more columns` : '',
  ].filter((text) => text !== '').join(', ')
  const view = { heads, cells, right, more, caption: options.caption ?? '' }
  return new View({ 'text/html': html(view), 'text/plain': text(view) })
}

interface Drawn {
  readonly heads: readonly string[]
  readonly cells: readonly (readonly string[])[]
  /** Columns of numbers are aligned to the right. */
  readonly right: readonly boolean[]
  readonly more: string
  readonly caption: string
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint'

function fromFrame(frame: FrameLike): { names: readonly string[], body: readonly (readonly unknown[])[] } {
  const values = frame.values as readonly unknown[]
  return { names: frame.columns.map(String), body: values.map((row) => (Array.isArray(row) ? (row as unknown[]) : [row])) }
}

function fromRows(rows: readonly object[]): { names: readonly string[], body: readonly (readonly unknown[])[] } {
  if (!Array.isArray(rows) || !rows.every((row) => typeof row === 'object' && row !== null)) {
    throw new NotebookError('TABLE_ROWS', 'A table needs rows', {
      expected: 'a danfojs DataFrame or an array of objects', got: Array.isArray(rows) ? 'an array with other things in it' : typeof rows,
    })
  }
  const names = [...new Set(rows.flatMap((row) => Object.keys(row as object)))]
  return { names, body: rows.map((row) => names.map((name) => (row as Readonly<Record<string, unknown>>)[name])) }
}

function cellText(value: unknown, precision: number): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number') return formatNumber(value, precision)
  if (typeof value === 'bigint') return value.toLocaleString('en-US')
  if (typeof value === 'string') return oneLine(value, 200)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Error) return oneLine(value.message, 200)
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return listText(value as unknown as ArrayLike<unknown>)
  if (Array.isArray(value)) return listText(value)
  try {
    return typeof value === 'object' ? oneLine(JSON.stringify(value), 80) : typeof value
  } catch {
    return '{…}'
  }
}

function listText(list: ArrayLike<unknown>): string {
  const first = Array.from({ length: Math.min(8, list.length) }, (_, i) => cellText(list[i], 4))
  return `[${first.join(', ')}${list.length > 8 ? `, … ${list.length - 8} more` : ''}]`
}

function html({ heads, cells, right, more, caption }: Drawn): string {
  const align = (c: number): string => `text-align:${right[c] === true ? 'right' : 'left'}`
  const row = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((one, c) => `<${tag} style="${align(c)}">${escapeHtml(one)}</${tag}>`).join('')}</tr>`
  return '<table>'
    + (caption === '' ? '' : `<caption style="text-align:left;font-weight:bold;white-space:nowrap">${escapeHtml(caption)}</caption>`)
    + `<thead>${row('th', heads)}</thead><tbody>${cells.map((one) => row('td', one)).join('')}</tbody></table>`
    + (more === '' ? '' : `<p><em>${escapeHtml(more)}</em></p>`)
}

function text({ heads, cells, right, more, caption }: Drawn): string {
  const short = [heads, ...cells].map((row) => row.map((one) => oneLine(one, 48)))
  const widths = heads.map((_, c) => short.reduce((most, row) => Math.max(most, textWidth(row[c] ?? '')), 0))
  const line = (row: readonly string[]): string => row.map((one, c) => pad(one, widths[c] ?? 0, right[c])).join('  ').trimEnd()
  const [head = [], ...body] = short
  return [
    ...caption === '' ? [] : [caption], line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line),
    ...more === '' ? [] : [more],
  ].join('\n')
}
