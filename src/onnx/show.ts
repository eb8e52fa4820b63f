// Tables as text and as HTML: how statistics, differences and the parts of a model show themselves in a notebook.
import type { MimeBundle } from '../core'

/** A table: column titles and rows. Numbers stand to the right. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
  readonly footer?: string
}

/** Rows shown of a long table in a notebook. */
const MAX_ROWS = 200

/** The table in columns of text. */
export function textTable(table: Table): string {
  const cells = [table.columns, ...table.rows.map((row) => row.map(format))]
  const widths = table.columns.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)))
  const numeric = table.columns.map((_, i) => table.rows.length > 0 && table.rows.every((row) => typeof row[i] === 'number'))
  const lines = cells.map((row) => row.map((cell, i) => (numeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ').trimEnd())
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
  return [table.title, ...lines, ...(table.footer === undefined ? [] : [table.footer])].join('\n')
}

/** The table as HTML. */
export function htmlTable(table: Table): string {
  const shown = table.rows.slice(0, MAX_ROWS)
  const cell = (value: string | number) => `<td style="text-align:${typeof value === 'number' ? 'right' : 'left'}">${escape(format(value))}</td>`
  const more = table.rows.length - shown.length
  const notes = [...(more > 0 ? [`… and ${more} more rows`] : []), ...(table.footer === undefined ? [] : [table.footer])]
  return `<table><caption style="text-align:left">${escape(table.title)}</caption>`
    + `<thead><tr>${table.columns.map((column) => `<th>${escape(column)}</th>`).join('')}</tr></thead>`
    + `<tbody>${shown.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('')}</tbody></table>`
    + notes.map((note) => `<p>${escape(note)}</p>`).join('')
}

/** Both forms, as a notebook takes them. */
export function tableBundle(table: Table): MimeBundle {
  const long = table.rows.length > MAX_ROWS
  return {
    'text/plain': textTable(long ? { ...table, rows: table.rows.slice(0, MAX_ROWS), footer: `… and ${table.rows.length - MAX_ROWS} more rows` } : table),
    'text/html': htmlTable(table),
  }
}

function format(value: string | number): string {
  if (typeof value === 'string') return value
  return Number.isInteger(value) ? value.toLocaleString('en-US') : Number(value.toPrecision(4)).toString()
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** Bytes as people read them: `1.5 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** Counts as people read them: `1.5 G`. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T'])
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value
  let unit = 0
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 ? rest : Number(rest.toPrecision(3))} ${units[unit] ?? ''}`.trimEnd()
}
