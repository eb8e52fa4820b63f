// Comma-separated values (RFC 4180), read and written. Names come from strangers, so a cell that a spreadsheet would take
// for a formula is written as text.
import { GradingError } from './errors'

type Cell = string | number | undefined

/** Characters with which a spreadsheet begins a formula (OWASP, "CSV Injection"). */
const FORMULA = /^[=+\-@\t\r]/

/** Lines of cells as a file. Numbers are numbers; texts cannot become formulas. */
export function formatCsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => row.map(cellText).join(',') + '\r\n').join('')
}

function cellText(cell: Cell): string {
  if (cell === undefined) return ''
  if (typeof cell === 'number') return String(cell)
  const text = FORMULA.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * The lines of a file, each as an object by the names of the first line, in lower case.
 *
 * @throws GradingError `GRADE_CSV` when a quote is not closed or the first line is empty
 */
export function parseCsv(text: string, where: string): Record<string, string>[] {
  const [header, ...lines] = cells(text.replace(/^\ufeff/, ''), where)
  const names = header?.map((name) => name.trim().toLowerCase()) ?? []
  if (!names.some((name) => name !== '')) throw new GradingError('GRADE_CSV', 'The table has no first line with names of columns', { where })
  return lines.filter((line) => line.some((cell) => cell !== ''))
    .map((line) => Object.fromEntries(names.map((name, i) => [name, line[i]?.trim() ?? ''])))
}

function cells(text: string, where: string): string[][] {
  const rows: string[][] = []
  let row: string[] = [], cell = '', quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? ''
    if (quoted) {
      if (c !== '"') cell += c
      else if (text[i + 1] === '"') cell += text[++i] ?? ''
      else quoted = false
    } else if (c === '"' && cell === '') quoted = true
    else if (c === ',' || c === '\n') {
      row.push(cell.replace(/\r$/, ''))
      cell = ''
      if (c === '\n') {
        rows.push(row)
        row = []
      }
    } else cell += c
  }
  if (quoted) throw new GradingError('GRADE_CSV', 'A quoted cell of the table does not end', { expected: 'a closing "', where })
  if (cell !== '' || row.length > 0) rows.push([...row, cell])
  return rows
}
