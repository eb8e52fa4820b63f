// What the rooms display: its base, and text as HTML.
import { displaySymbol, type Displayable, type MimeBundle } from './host'

/**
 * A value with several forms. A method named by a symbol cannot be declared in an exported class (isolatedDeclarations), so
 * classes inherit it from here.
 */
export const Bundled: new (bundle: MimeBundle) => Displayable = class implements Displayable {
  readonly #bundle: MimeBundle

  constructor(bundle: MimeBundle) {
    this.#bundle = bundle
  }

  [displaySymbol](): MimeBundle {
    return this.#bundle
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML, for content and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
}

/** Text as HTML, what stands between backticks as code. */
export const proseHtml = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')
