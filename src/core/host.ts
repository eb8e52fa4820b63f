// The place where code runs, as the library sees it: inside a notebook the kernel installs a host (display, input,
// interrupt); in a terminal or a test there is none. The kernel implements this interface and imports nothing.
import { WhetstoneError } from './errors'

/** One output in several forms: MIME type → text, base64 or JSON, as Jupyter's `display_data` carries it. */
export type MimeBundle = Readonly<Record<string, unknown>>

/** An object that knows how to show itself, by the convention that Deno's kernel introduced. */
export interface Displayable {
  [displaySymbol](): MimeBundle
}

/** `value[Symbol.for('Jupyter.display')]()` gives the value's MIME bundle. */
export const displaySymbol: unique symbol = Symbol.for('Jupyter.display')

/** Turns a value of a foreign class into a bundle, or answers undefined when it does not know the value. */
export type Renderer = (value: unknown) => MimeBundle | undefined

/** What the kernel offers to the code of a cell. */
export interface NotebookHost {
  /**
   * Shows a bundle. With `id` the output can be replaced in place later: the same call with the same id.
   */
  display(bundle: MimeBundle, options?: { readonly id?: string; readonly metadata?: MimeBundle }): void
  clearOutput(options?: { readonly wait?: boolean }): void
  /** Asks the person for a line (Jupyter's stdin channel). */
  input(prompt?: string, options?: { readonly password?: boolean }): Promise<string>
  /** Aborted when the running cell is interrupted; every cell has a fresh one. */
  readonly signal: AbortSignal
  /** Consulted, last registered first, for the value of a cell that is not `Displayable`. */
  readonly renderers: Renderer[]
}

const hostSymbol = Symbol.for('whetstone.kernel')

/** The notebook that this code runs in, or undefined outside one. */
export function notebookHost(): NotebookHost | undefined {
  return (globalThis as { [hostSymbol]?: NotebookHost })[hostSymbol]
}

/**
 * Ends a loop that a person interrupted. Long work calls it between steps, when its state is whole.
 *
 * @throws WhetstoneError `INTERRUPTED` when the running cell was interrupted
 */
export function throwIfInterrupted(): void {
  if (notebookHost()?.signal.aborted) {
    throw new WhetstoneError('INTERRUPTED', 'Interrupted: the work stopped between two steps', {
      fix: 'nothing is lost; run the cell again to go on',
    })
  }
}
