// What every helper of this room gives: a value with several forms. The rule for showing it: a view is shown when it is
// the last value of a cell, or where `.show()` is called; so nothing is ever shown twice.
import { Bundled, displaySymbol, notebookHost } from '../core'

/** Something to look at: rich in a notebook, readable as text in a terminal. */
export class View extends Bundled {

  /** Shows it now, in the middle of a cell or in a program; gives nothing, so a cell does not show it again. */
  show(): void {
    const host = notebookHost()
    if (host) host.display(this[displaySymbol]())
    else console.log(this.toString())
  }

  /** The form for a terminal. */
  override toString(): string {
    const text = this[displaySymbol]()['text/plain']
    return typeof text === 'string' ? text : ''
  }
}

/** Shows several views one below the other, now. */
export function show(...views: readonly View[]): void {
  for (const view of views) view.show()
}
