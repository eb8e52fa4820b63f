// What every helper of this room gives: a value with several forms. The rule for showing it: a view is shown when it is
// the last value of a cell, or where `.show()` is called; so nothing is ever shown twice.
import { displaySymbol, notebookHost, type Displayable, type MimeBundle } from '../core'

/** Something to look at: rich in a notebook, readable as text in a terminal. */
export class View implements Displayable {
  readonly #bundle: MimeBundle

  constructor(bundle: MimeBundle) {
    this.#bundle = bundle
  }

  /** Shows it now, in the middle of a cell or in a program; gives nothing, so a cell does not show it again. */
  show(): void {
    const host = notebookHost()
    if (host) host.display(this.#bundle)
    else console.log(this.toString())
  }

  /** The form for a terminal. */
  toString(): string {
    const text = this.#bundle['text/plain']
    return typeof text === 'string' ? text : ''
  }

  [displaySymbol](): MimeBundle {
    return this.#bundle
  }
}

/** Shows several views one below the other, now. */
export function show(...views: readonly View[]): void {
  for (const view of views) view.show()
}
