// Reads comma-separated values as RFC 4180 describes them, strictly: a damaged file is an error, never a guess.
import { DataError } from './errors'

/** A table of text: every row has as many cells as there are columns. */
export interface CsvTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Longest file read. The datasets here are thousands of rows; more is not meant for this reader. */
const MAX_CHARACTERS = 64 * 1024 * 1024

/**
 * Splits CSV text (RFC 4180) into a header and rows: cells in double quotes may hold commas, line breaks and doubled
 * quotes; lines end in LF or CRLF; the last line end may be missing; a byte order mark is ignored.
 *
 * @param where the file's name, for errors
 * @throws DataError `CSV_FORMAT` for an unclosed or misplaced quote, `CSV_SHAPE` for rows of unequal length
 */
export function readCsv(text: string, where: string): CsvTable {
  const fail = (code: string, what: string, line: number, expected: string, got: string): DataError =>
    new DataError(code, what, { expected, got, where: `${where}, line ${line}` })
  if (text.length > MAX_CHARACTERS) {
    throw fail('CSV_LENGTH', 'The CSV file is too long', 1, `at most ${MAX_CHARACTERS} characters`, `${text.length}`)
  }
  const rows: string[][] = []
  let row: string[] = []
  let line = 1
  let rowLine = 1
  let i = text.startsWith('\ufeff') ? 1 : 0
  const endRow = (): void => {
    const [first] = rows
    if (first && row.length !== first.length) {
      throw fail('CSV_SHAPE', 'The rows do not have the same number of cells', rowLine,
        `${first.length} cells, as in the header`, `${row.length}`)
    }
    rows.push(row)
    row = []
    rowLine = line
  }
  while (i < text.length) {
    let cell = ''
    if (text[i] === '"') {
      const opened = line
      for (i++; ; i++) {
        if (i >= text.length) {
          throw fail('CSV_FORMAT', 'A quoted cell is never closed', opened, 'a closing quote', 'the end of the file')
        }
        if (text[i] === '"') {
          if (text[i + 1] !== '"') break
          i++
        }
        if (text[i] === '\n') line++
        cell += text[i] ?? ''
      }
      i++
    } else {
      const start = i
      while (i < text.length && text[i] !== ',' && text[i] !== '\n' && text[i] !== '\r') {
        if (text[i] === '"') {
          throw fail('CSV_FORMAT', 'A quote stands inside a cell that has none around it', line, 'text', '"')
        }
        i++
      }
      cell = text.slice(start, i)
    }
    row.push(cell)
    if (i >= text.length) break
    if (text[i] === ',') {
      i++
      // A comma at the very end: one more, empty, cell.
      if (i >= text.length) row.push('')
    } else {
      if (text[i] === '\r' && text[i + 1] === '\n') i++
      if (text[i] !== '\n') {
        throw fail('CSV_FORMAT', 'A cell does not end where it should', line, 'a comma or a line end', text.charAt(i))
      }
      i++
      line++
      endRow()
    }
  }
  if (row.length > 0) endRow()
  const [columns, ...body] = rows
  if (!columns) throw fail('CSV_SHAPE', 'The CSV file is empty', 1, 'a header line', 'nothing')
  return { columns, rows: body }
}

/**
 * The number in one cell.
 *
 * @throws DataError `CSV_NUMBER` when the cell is not a finite decimal number
 */
export function numberCell(table: CsvTable, row: number, column: number, where: string): number {
  const text = table.rows[row]?.[column] ?? ''
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(Number(text))) {
    throw new DataError('CSV_NUMBER', 'A cell is not a number', {
      expected: 'a finite decimal number', got: JSON.stringify(text),
      where: `${where}, row ${row + 1}, column "${table.columns[column] ?? ''}"`,
    })
  }
  return Number(text)
}
