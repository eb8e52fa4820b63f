// From a position in the JavaScript that runs back to the cell: two maps in a row, as tslab converts in two steps.
import { SourceMap } from 'node:module'

export interface SourceMaps {
  /** Cell → ES module. */
  toModule: string | undefined
  /** ES module → the script that runs. */
  toScript: string | undefined
}

/** A position, both counted from 1. */
export interface Position { readonly line: number; readonly column: number }

/** Lines that tslab puts before a cell's first (`export {};`). */
const CELL_OFFSET = 1

type Locate = (line: number, column: number) => Position | undefined

function parse(text: string): Locate {
  const map = new SourceMap(JSON.parse(text) as ConstructorParameters<typeof SourceMap>[0])
  return (line, column) => {
    const entry = map.findEntry(line - 1, column - 1)
    return 'originalLine' in entry ? { line: entry.originalLine + 1, column: entry.originalColumn + 1 } : undefined
  }
}

/** A function from positions of the script to positions of the cell, undefined for what tslab added. */
/**
 * @param lines lines of the script; what follows them is the wrapper's
 */
export function positions(maps: SourceMaps, lines: number): Locate {
  let steps: [Locate, Locate] | undefined
  const { toModule, toScript } = maps
  return (line, column) => {
    if (toModule === undefined || toScript === undefined || line > lines) return undefined
    // Parsed at the first error only: most cells have none.
    steps ??= [parse(toScript), parse(toModule)]
    const middle = steps[0](line, column)
    const original = middle && steps[1](middle.line, middle.column)
    if (!original || original.line <= CELL_OFFSET) return undefined
    return { line: original.line - CELL_OFFSET, column: original.column }
  }
}
