// What the code of a cell is offered, under `Symbol.for('whetstone.kernel')`. The library describes it in core/host.ts;
// no room is imported here, so the interface is stated again, and a test holds the two together.
import type { Channel } from './channel'
import { KernelError } from './errors'
import { checkBundle } from './execute-result'
import type { Bundle } from './protocol'

export type MimeBundle = Readonly<Record<string, unknown>>
export type Renderer = (value: unknown) => MimeBundle | undefined

export interface NotebookHost {
  display(bundle: MimeBundle, options?: { readonly id?: string; readonly metadata?: MimeBundle }): void
  clearOutput(options?: { readonly wait?: boolean }): void
  input(prompt?: string, options?: { readonly password?: boolean }): Promise<string>
  readonly signal: AbortSignal
  readonly renderers: Renderer[]
}

/** What the host knows of the running cell. */
export interface CellScope {
  readonly signal: AbortSignal
  readonly allowStdin: boolean
  /** The same for every run of one cell, where the front end says which cell it is. */
  readonly cell: string | undefined
}

/** The host, and what the kernel tells it. */
export class Host implements NotebookHost {
  readonly renderers: Renderer[] = []
  private scope: CellScope = { signal: new AbortController().signal, allowStdin: false, cell: undefined }
  /** Displays by id: the run and the cell that showed them. */
  private readonly shown = new Map<string, { readonly scope: CellScope; readonly cell: string | undefined }>()
  private readonly questions = new Map<number, { resolve: (line: string) => void; reject: (error: unknown) => void }>()
  private lastQuestion = 0

  constructor(private readonly channel: Channel) {}

  get signal(): AbortSignal {
    return this.scope.signal
  }

  enter(scope: CellScope): void {
    this.scope = scope
  }

  display(bundle: MimeBundle, options: { readonly id?: string; readonly metadata?: MimeBundle } = {}): void {
    const shown: Bundle = { data: checkBundle(bundle, 'display()'), metadata: { ...options.metadata } }
    this.show(shown, options.id)
  }

  /** Shows a bundle, or replaces the one with this id. A cell that runs again shows its displays anew. */
  show(bundle: Bundle, id: string | undefined, update?: boolean): void {
    if (id === undefined) {
      this.channel.send({ type: 'display', update: false, bundle })
      return
    }
    const before = this.shown.get(id)
    const again = before !== undefined && before.scope !== this.scope && before.cell !== undefined && before.cell === this.scope.cell
    const replace = update ?? (before !== undefined && !again)
    if (!replace || before === undefined) this.shown.set(id, { scope: this.scope, cell: this.scope.cell })
    this.channel.send({ type: 'display', update: replace, bundle, id })
  }

  clearOutput(options: { readonly wait?: boolean } = {}): void {
    this.channel.send({ type: 'clear', wait: options.wait ?? false })
  }

  input(prompt = '', options: { readonly password?: boolean } = {}): Promise<string> {
    if (!this.scope.allowStdin) {
      return Promise.reject(new KernelError('KERNEL_STDIN', 'input() was called where nobody can answer',
        'run the notebook in JupyterLab or VS Code, or set the value in the code'))
    }
    const id = ++this.lastQuestion
    const { signal } = this
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.questions.delete(id)
        reject(signal.reason as Error)
      }
      this.questions.set(id, {
        resolve: (line) => {
          signal.removeEventListener('abort', stop)
          resolve(line)
        },
        reject,
      })
      signal.addEventListener('abort', stop, { once: true })
      this.channel.send({ type: 'input', id, prompt, password: options.password ?? false })
    })
  }

  /** The person's answer arrived. */
  answer(id: number, line: string): void {
    const question = this.questions.get(id)
    this.questions.delete(id)
    question?.resolve(line)
  }
}
