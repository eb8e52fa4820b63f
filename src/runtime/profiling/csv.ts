// Comma-separated values as NVIDIA's tools write them (RFC 4180): quoted fields, and lines of other text before the table.
import { ProfilingError } from './errors'

/** Rows of fields. Quotes are doubled inside quoted fields, which may hold line breaks. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = [], field = '', quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? ''
    if (quoted) {
      if (c !== '"') field += c
      else if (text[i + 1] === '"') {
        field += '"'
        i++
      } else quoted = false
    } else if (c === '"' && field === '') quoted = true
    else if (c === ',') {
      row.push(field)
      field = ''
    } else if (c === '\n') {
      row.push(field.replace(/\r$/, ''))
      rows.push(row)
      row = []
      field = ''
    } else field += c
  }
  if (field !== '' || row.length > 0) rows.push([...row, field])
  return rows
}

/** A table: the names of its columns, and rows by name. */
export interface CsvTable {
  readonly columns: readonly string[]
  readonly rows: readonly ReadonlyMap<string, string>[]
}

/**
 * The table that begins with a header that has all of `needed`; what is printed before it (`==PROF==`, `Processing …`) is
 * skipped, and the table ends at a line of another width.
 *
 * @throws ProfilingError `PROFILING_FORMAT` when there is no such header
 */
export function csvTable(text: string, needed: readonly string[], what: string): CsvTable {
  // A line of other text can hold a quote that is never closed: so tables are looked for from the line of the header on.
  const lines = text.split('\n')
  const at = lines.findIndex((line) => {
    const [names = []] = parseCsv(line)
    return needed.every((name) => names.some((column) => column.trim() === name))
  })
  if (at < 0) {
    throw new ProfilingError('PROFILING_FORMAT', `This is not the output of ${what}`, { expected: `a header with ${needed.join(', ')}`, got: text.trim().slice(0, 200) || 'nothing' })
  }
  const [header = [], ...rows] = parseCsv(lines.slice(at).join('\n'))
  const columns = header.map((name) => name.trim())
  const end = rows.findIndex((row) => row.length !== columns.length)
  return { columns, rows: rows.slice(0, end < 0 ? undefined : end).map((row) => new Map(columns.map((name, i) => [name, (row[i] ?? '').trim()]))) }
}

/** `1,234.5` → 1234.5; undefined for what is no number (`n/a`, `[N/A]`, nothing). */
export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^[+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?$/i.test(text)) return undefined
  return Number(text.replaceAll(',', ''))
}
