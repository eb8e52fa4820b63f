// Fault 4: what a failed cell answers: Jupyter's `error` with name, message and a traceback that points at the cell.
import type { Diagnostic } from 'tslab/dist/converter'

export interface ErrorReply {
  readonly ename: string
  readonly evalue: string
  readonly traceback: string[]
}

const RED = '\u001b[31m', BOLD = '\u001b[1m', DIM = '\u001b[2m', RESET = '\u001b[0m'

/** The lines around `line` (from 1) with a mark under `column` (from 1), `width` characters wide. */
export function excerpt(source: string, line: number, column: number, width = 1): string[] {
  const lines = source.split('\n')
  const first = Math.max(1, line - 2)
  const last = Math.min(lines.length, line + 1)
  const digits = String(last).length
  const out: string[] = []
  for (let at = first; at <= last; at++) {
    const text = (lines[at - 1] ?? '').replaceAll('\t', ' ')
    const number = String(at).padStart(digits)
    out.push(at === line ? `${RED}> ${number} |${RESET} ${text}` : `${DIM}  ${number} |${RESET} ${text}`)
    if (at === line) {
      const marks = '^'.repeat(Math.max(1, Math.min(width, text.length - column + 1)))
      out.push(`${DIM}  ${' '.repeat(digits)} |${RESET} ${' '.repeat(Math.max(0, column - 1))}${RED}${marks}${RESET}`)
    }
  }
  return out
}

/** Errors of the type checker. One traceback entry per error, with the cell's lines. */
export function diagnosticsReply(diagnostics: readonly Diagnostic[], source: string, cell: string): ErrorReply {
  const groups: { at: Diagnostic; messages: string[] }[] = []
  for (const diagnostic of diagnostics) {
    // tslab flattens a message and its explanations into entries at one place.
    const last = groups.at(-1)
    if (last && last.at.start.offset === diagnostic.start.offset && last.at.end.offset === diagnostic.end.offset
      && diagnostic.fileName === undefined) last.messages.push(diagnostic.messageText)
    else groups.push({ at: diagnostic, messages: [diagnostic.messageText] })
  }
  const traceback = groups.map(({ at, messages }) => {
    const line = at.start.line + 1
    const column = at.start.character + 1
    const where = `${at.fileName ?? cell}:${line}:${column}`
    const text = [`${RED}${BOLD}TypeError at compile time${RESET} ${where} (TS${at.code})`,
      ...messages.map((message, depth) => `${'  '.repeat(depth)}${message}`)]
    if (at.fileName === undefined) text.push(...excerpt(source, line, column, at.end.offset - at.start.offset))
    return text.join('\n')
  })
  const first = groups[0]
  return {
    ename: 'TypeScriptError',
    evalue: first ? `${first.at.start.line + 1}:${first.at.start.character + 1} - ${first.messages[0] ?? ''}` : '',
    traceback,
  }
}

function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]'
}

/** Text of a thrown value, its causes and members included; `stack` is already mapped to the cells. */
export function describeError(thrown: unknown, inspect: (value: unknown) => string, seen: Set<unknown> = new Set()): string {
  if (!isError(thrown)) return inspect(thrown)
  if (seen.has(thrown)) return '[the same error again]'
  seen.add(thrown)
  const head = `${thrown.name}: ${thrown.message}`
  const stack = typeof thrown.stack === 'string' ? thrown.stack : ''
  // Code may change `message` or `name` after the stack was captured; frames are the part that starts at "    at ".
  const frames = stack.slice(Math.max(0, stack.search(/^ {4}at /m)))
  const text = [/^ {4}at /m.test(stack) ? `${head}\n${frames.trimEnd()}` : head]
  if (thrown.cause !== undefined) text.push(`Caused by: ${describeError(thrown.cause, inspect, seen)}`)
  const { errors } = thrown as { errors?: unknown }
  if (Array.isArray(errors)) for (const one of errors.slice(0, 5)) text.push(`  - ${describeError(one, inspect, seen).replaceAll('\n', '\n    ')}`)
  return text.join('\n')
}

/** A thrown value as Jupyter reports it. `sourceOf` gives the source of a cell by the name in its frames. */
export function thrownReply(
  thrown: unknown, sourceOf: (cell: string) => string | undefined, inspect: (value: unknown) => string,
): ErrorReply {
  if (!isError(thrown)) {
    const evalue = typeof thrown === 'string' ? thrown : inspect(thrown)
    return { ename: `thrown ${typeof thrown}`, evalue, traceback: [`${RED}Thrown:${RESET} ${evalue}`] }
  }
  const text = describeError(thrown, inspect)
  const traceback: string[] = []
  const frame = /(cell\[\d+\]):(\d+):(\d+)/.exec(text)
  const [, cell, line, column] = frame ?? []
  const source = cell === undefined ? undefined : sourceOf(cell)
  if (source !== undefined) {
    traceback.push([`${cell ?? ''}, line ${line ?? ''}`, ...excerpt(source, Number(line), Number(column))].join('\n'))
  }
  const name = thrown.name || 'Error'
  traceback.push(text.startsWith(name) ? `${RED}${BOLD}${name}${RESET}${text.slice(name.length)}` : text)
  return { ename: name, evalue: thrown.message, traceback }
}
