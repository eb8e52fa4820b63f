// Fault 6: `input()`: a question goes to the front end that runs the cell, on the stdin channel, and its answer back.
import type { Message } from './wire'

interface Question {
  readonly id: number
  readonly to: Message
}

/** The open questions of the running cell, asked one at a time, as front ends can show only one. */
export class StdinQuestions {
  private readonly waiting: (Question & { readonly prompt: string; readonly password: boolean })[] = []
  private open: Question | undefined

  constructor(
    private readonly send: (to: Message, content: { prompt: string; password: boolean }) => void,
    private readonly answered: (id: number, line: string) => void,
  ) {}

  ask(id: number, to: Message, prompt: string, password: boolean): void {
    this.waiting.push({ id, to, prompt, password })
    this.next()
  }

  answer(value: unknown): void {
    const question = this.open
    if (!question) return
    this.open = undefined
    this.answered(question.id, typeof value === 'string' ? value : '')
    this.next()
  }

  /** The cell has ended: its questions are void. */
  reset(): void {
    this.waiting.length = 0
    this.open = undefined
  }

  private next(): void {
    if (this.open) return
    const question = this.waiting.shift()
    if (!question) return
    this.open = question
    this.send(question.to, { prompt: question.prompt, password: question.password })
  }
}
