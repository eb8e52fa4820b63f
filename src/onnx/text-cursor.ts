// A place in a text and how to move it on: symbols, words, quoted texts, JSON. Knows nothing of models.
import { OnnxError } from './errors'

/** Every failure is an OnnxError `ONNX_TEXT` with line and column. */
export class Cursor {
  protected at = 0

  constructor(protected readonly text: string) {}

  /** A plain word, or a quoted one. */
  protected word(): string {
    return this.peek('"') ? this.string() : this.match(/[A-Za-z_]\w*/y, 'a word')
  }

  protected string(): string {
    const text = this.match(/"(?:[^"\\\n]|\\.)*"/y, 'a quoted text')
    try {
      return JSON.parse(text) as string
    } catch {
      return this.fail('a quoted text as JSON has it', text)
    }
  }

  /** A JSON value that starts here: brackets are counted outside of quoted texts. */
  protected json(): unknown {
    this.space()
    const start = this.at
    let open = 0
    for (const token of this.text.slice(start).matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
      if (token[0] === '{' || token[0] === '[') open++
      else if (token[0] === '}' || token[0] === ']') open--
      if (open > 0) continue
      this.at = start + token.index + token[0].length
      break
    }
    try {
      const value: unknown = JSON.parse(this.text.slice(start, this.at))
      if (typeof value === 'object' && value !== null) return value
    } catch { /* Reported below. */ }
    this.at = start
    return this.fail('JSON')
  }

  protected list(open: string, close: string, item: () => void): void {
    this.expect(open)
    if (this.take(close)) return
    do item()
    while (this.take(','))
    this.expect(close)
  }

  protected space(): void {
    // Every character up to the space is white.
    while (this.text.charCodeAt(this.at) <= 32) this.at++
  }

  protected ended(): boolean {
    this.space()
    return this.at === this.text.length
  }

  protected peek(symbol: string): boolean {
    this.space()
    return this.text.startsWith(symbol, this.at)
  }

  protected peekDigit(): boolean {
    this.space()
    return /[-\d]/.test(this.text[this.at] ?? '')
  }

  /** Takes a symbol or keyword if it comes next; a keyword must end there, and before `:` it is a name. */
  protected take(symbol: string, value = false): boolean {
    if (!this.peek(symbol)) return false
    const after = this.text[this.at + symbol.length] ?? ''
    if (/\w$/.test(symbol) && /\w/.test(after)) return false
    if (value && after !== ' ') return false
    this.at += symbol.length
    return true
  }

  protected expect(symbol: string): void {
    if (!this.take(symbol)) this.fail(JSON.stringify(symbol))
  }

  /** @param pattern sticky */
  protected match(pattern: RegExp, what: string): string {
    this.space()
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) return this.fail(what)
    this.at += found[0].length
    return found[0]
  }

  protected fail(expected: string, got: string = this.text.slice(this.at, this.at + 30).split('\n')[0] ?? ''): never {
    const before = this.text.slice(0, this.at).split('\n')
    throw new OnnxError('ONNX_TEXT', 'The text is not a model in text form', {
      expected, got: got === '' ? 'the end of the text' : got, where: `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`,
    })
  }
}
