// Stack traces that a learner can read: positions are those of the cell's own lines, and frames of the kernel, of tslab
// and of Node's inside are left out. Applies to every `error.stack` in the notebook's process.
import path from 'node:path'
import type { Position } from './source-map'

interface Cell {
  readonly source: string
  readonly locate: (line: number, column: number) => Position | undefined
}

/** The cells that ran, by the name that their frames carry. */
export class CellFrames {
  private readonly cells = new Map<string, Cell>()

  constructor(private readonly internal: readonly string[]) {}

  /** The name under which the `count`th execution appears in stack traces. */
  static fileName(count: number): string {
    return `cell[${count}]`
  }

  add(name: string, cell: Cell): void {
    this.cells.set(name, cell)
  }

  source(name: string): string | undefined {
    return this.cells.get(name)?.source
  }

  /** Puts this in charge of `error.stack`. */
  install(): void {
    Error.stackTraceLimit = 30
    Error.prepareStackTrace = (error, frames) => {
      let text: string
      try {
        text = Error.prototype.toString.call(error)
      } catch {
        text = 'Error'
      }
      const lines = frames.flatMap((frame) => this.line(frame) ?? [])
      return [text, ...lines.slice(0, 15)].join('\n')
    }
  }

  private line(frame: NodeJS.CallSite): string | undefined {
    const file = frame.getFileName() ?? frame.getEvalOrigin() ?? ''
    if (file.startsWith('node:') || this.internal.some((folder) => file.startsWith(folder))) return undefined
    const cell = this.cells.get(file)
    // A call site describes itself: `name (file:line:column)`.
    const text = (frame as { toString(): string }).toString()
    if (!cell) return `    at ${text}`
    const line = frame.getLineNumber() ?? 0
    const column = frame.getColumnNumber() ?? 0
    const at = cell.locate(line, column)
    return at && `    at ${text.replace(`${file}:${line}:${column}`, `${file}:${at.line}:${at.column}`)}`
  }
}

/** The folders whose frames are the tool's own. */
export function internalFolders(kernel: string, tslab: string): string[] {
  return [kernel + path.sep, path.join(tslab, 'dist') + path.sep]
}
