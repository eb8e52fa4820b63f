// Joins small pieces of stream text into few messages: 100,000 lines are some dozens of messages, not 100,000.
// The order of text and everything else is kept by flushing before anything else is sent.

/** Milliseconds after which text is sent although more may come. */
const DELAY = 15
/** Characters after which text is sent at once. */
const LIMIT = 128 * 1024

export class StreamBuffer {
  private name: 'stdout' | 'stderr' = 'stdout'
  private parts: string[] = []
  private length = 0
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly send: (name: 'stdout' | 'stderr', text: string) => void) {}

  write(name: 'stdout' | 'stderr', text: string): void {
    if (name !== this.name) this.flush()
    this.name = name
    this.parts.push(text)
    this.length += text.length
    if (this.length >= LIMIT) this.flush()
    else this.timer ??= setTimeout(() => this.flush(), DELAY)
  }

  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.parts.length === 0) return
    const text = this.parts.join('')
    this.parts = []
    this.length = 0
    this.send(this.name, text)
  }
}
