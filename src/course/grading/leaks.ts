// Searches files for the text of solutions: as it stands, and with every name changed. What a stub or a type gives away is
// no leak, nor a line that a hint quotes: it takes half of what only the solution has.
import { looseTokens, sequences } from './similarity'

/** A text that must not be found. */
export interface Secret {
  readonly name: string
  readonly text: string
  /** What may be known: the stub. */
  readonly given: string
}

/** A file that holds most of a secret. */
export interface Leak {
  readonly file: string
  readonly secret: string
  /** Share of what only the secret has, that the file has. */
  readonly share: number
  /** `text`: as it stands but for layout and comments. `renamed`: with other names, numbers and texts. */
  readonly how: 'text' | 'renamed'
}

interface Form {
  readonly how: Leak['how']
  readonly rename: boolean
  /** Tokens in a sequence. Without names more of them are needed to mean something. */
  readonly size: number
  readonly share: number
}

const FORMS: readonly Form[] = [{ how: 'text', rename: false, size: 8, share: 0.5 }, { how: 'renamed', rename: true, size: 16, share: 0.5 }]

/** Finds secrets in files. Reads every file once, however many secrets there are. */
export class LeakSearch {
  private readonly forms: readonly { readonly form: Form; readonly owners: ReadonlyMap<number, readonly string[]>; readonly sizes: ReadonlyMap<string, number> }[]

  constructor(secrets: readonly Secret[]) {
    this.forms = FORMS.map((form) => {
      const owners = new Map<number, string[]>()
      const sizes = new Map<string, number>()
      for (const { name, text, given } of secrets) {
        const known = new Set(sequences(looseTokens(given, form.rename), form.size))
        const own = new Set(sequences(looseTokens(text, form.rename), form.size).filter((hash) => !known.has(hash)))
        sizes.set(name, own.size)
        for (const hash of own) owners.set(hash, [...(owners.get(hash) ?? []), name])
      }
      return { form, owners, sizes }
    })
  }

  /** The secrets that `text` holds. Where both forms find one, it is named once. */
  search(file: string, text: string): Leak[] {
    const leaks = new Map<string, Leak>()
    for (const { form, owners, sizes } of this.forms) {
      const found = new Map<string, number>()
      for (const hash of new Set(sequences(looseTokens(text, form.rename), form.size))) {
        for (const name of owners.get(hash) ?? []) found.set(name, (found.get(name) ?? 0) + 1)
      }
      for (const [secret, count] of found) {
        const share = count / Math.max(1, sizes.get(secret) ?? 1)
        if (share >= form.share && !leaks.has(secret)) leaks.set(secret, { file, secret, share, how: form.how })
      }
    }
    return [...leaks.values()]
  }
}

/** The words of a file as a person reads them: a notebook's cells and outputs, other JSON's texts, else the file itself. */
export function readableText(file: string, content: string): string {
  if (!/\.(ipynb|json|jsonl)$/i.test(file)) return content
  try {
    const parts: string[] = []
    const walk = (value: unknown): void => {
      if (typeof value === 'string') parts.push(value)
      else if (Array.isArray(value)) {
        // Lines of one text belong together.
        if (value.every((item) => typeof item === 'string')) parts.push(value.join(''))
        else value.forEach(walk)
      } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk)
    }
    walk(JSON.parse(content))
    return parts.join('\n')
  } catch {
    return content
  }
}
