// Arithmetic of sizes that may be symbols: polynomials with whole coefficients over symbols and over terms such as
// `floor(N/2)`. Results are written in one canonical way, so equal sizes are equal strings.
import type { Dim } from '../ir/types'

/** Terms of an expression that is worked with; a longer one becomes unknown. */
const MAX_TERMS = 32
const MAX_LENGTH = 400

/** Monomial (its atoms, sorted, joined by `*`; '' for 1) → coefficient. */
type Polynomial = Map<string, number>

const parsed = new Map<string, Polynomial | null>()

/** a + b */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a + b)
  return combine(a, b, (p, q) => sum(p, q, 1))
}

/** a − b */
export function subDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a - b)
  return combine(a, b, (p, q) => sum(p, q, -1))
}

/** a · b */
export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a * b)
  if (a === 0 || b === 0) return 0
  return combine(a, b, product)
}

/** ⌊a / b⌋; exact where every term is divisible. */
export function floorDivDims(a: Dim, b: Dim): Dim {
  return divide(a, b, 'floor')
}

/** ⌈a / b⌉; exact where every term is divisible. */
export function ceilDivDims(a: Dim, b: Dim): Dim {
  return divide(a, b, 'ceil')
}

/** ∏ dims; null when one is unknown (and none is 0). */
export function productOf(dims: readonly Dim[]): Dim {
  return dims.includes(0) ? 0 : dims.reduce<Dim>(mulDims, 1)
}

/** a / b when the division leaves no rest, whatever the symbols are; otherwise null. */
export function exactDivDims(a: Dim, b: Dim): Dim {
  if (a === null || b === null || b === 0) return null
  const p = polynomial(a)
  const q = polynomial(b)
  return p === null || q === null ? null : print(quotient(p, q))
}

/** Beyond 2^53 numbers are no longer exact: such a size counts as unknown. Fractions occur among known float elements. */
function exact(value: number): Dim {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : null
}

function divide(a: Dim, b: Dim, rounding: 'floor' | 'ceil'): Dim {
  if (b === 1) return a
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : Math[rounding](a / b)
  const exact = exactDivDims(a, b)
  if (exact !== null || a === null || b === null || b === 0) return exact
  const p = polynomial(a)
  const q = polynomial(b)
  if (p === null || q === null) return null
  const text = `${rounding}((${print(p) ?? ''})/(${print(q) ?? ''}))`
  return text.length > MAX_LENGTH ? null : text
}

function combine(a: Dim, b: Dim, how: (p: Polynomial, q: Polynomial) => Polynomial): Dim {
  if (a === null || b === null) return null
  const p = polynomial(a)
  const q = polynomial(b)
  return p === null || q === null ? null : print(how(p, q))
}

function sum(p: Polynomial, q: Polynomial, sign: 1 | -1): Polynomial {
  const out = new Map(p)
  for (const [monomial, coefficient] of q) {
    const total = (out.get(monomial) ?? 0) + sign * coefficient
    if (total === 0) out.delete(monomial)
    else out.set(monomial, total)
  }
  return out
}

function product(p: Polynomial, q: Polynomial): Polynomial {
  const out: Polynomial = new Map()
  for (const [left, a] of p) {
    for (const [right, b] of q) {
      const monomial = [...atoms(left), ...atoms(right)].sort().join('*')
      const total = (out.get(monomial) ?? 0) + a * b
      if (total === 0) out.delete(monomial)
      else out.set(monomial, total)
    }
  }
  return out
}

/** p / q by leading terms, or null when a rest is left. */
function quotient(p: Polynomial, q: Polynomial): Polynomial | null {
  const out: Polynomial = new Map()
  let rest = p
  const leading = (of: Polynomial) => [...of].sort(([a], [b]) => atoms(b).length - atoms(a).length || (a < b ? -1 : 1))[0]
  const head = leading(q)
  if (head === undefined) return null
  for (let step = 0; rest.size > 0; step++) {
    const first = leading(rest)
    if (first === undefined || step > MAX_TERMS) return null
    const left = atoms(first[0])
    for (const atom of atoms(head[0])) {
      const at = left.indexOf(atom)
      if (at < 0) return null
      left.splice(at, 1)
    }
    const coefficient = first[1] / head[1]
    if (!Number.isInteger(coefficient)) return null
    const monomial = left.join('*')
    out.set(monomial, coefficient)
    rest = sum(rest, product(new Map([[monomial, coefficient]]), q), -1)
  }
  return out
}

/** The atoms of a monomial; a `*` inside parentheses does not separate. */
function atoms(monomial: string): string[] {
  if (monomial === '') return []
  if (!monomial.includes('(')) return monomial.split('*')
  const out: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= monomial.length; i++) {
    const c = monomial[i]
    if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === undefined || (c === '*' && depth === 0)) {
      out.push(monomial.slice(start, i))
      start = i + 1
    }
  }
  return out
}

function print(p: Polynomial | null): Dim {
  if (p === null || p.size > MAX_TERMS) return null
  for (const coefficient of p.values()) if (!Number.isSafeInteger(coefficient)) return null
  if (p.size === 0) return 0
  const constant = p.get('')
  if (p.size === 1 && constant !== undefined) return constant
  const terms = [...p].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : atoms(b).length - atoms(a).length || (a < b ? -1 : 1)))
  let text = ''
  for (const [monomial, coefficient] of terms) {
    const size = Math.abs(coefficient)
    const body = monomial === '' ? String(size) : size === 1 ? monomial : `${size}*${monomial}`
    text += text === '' ? (coefficient < 0 ? '-' : '') + body : (coefficient < 0 ? ' - ' : ' + ') + body
  }
  return text.length > MAX_LENGTH ? null : text
}

function polynomial(dim: Exclude<Dim, null>): Polynomial | null {
  if (typeof dim === 'number') return dim === 0 ? new Map() : new Map([['', dim]])
  const known = parsed.get(dim)
  if (known !== undefined) return known
  const result = dim.length > MAX_LENGTH ? null : new Parser(dim).whole()
  if (parsed.size > 10_000) parsed.clear()
  parsed.set(dim, result)
  return result
}

/** Reads what `print` writes, and the expressions that exporters write. Anything else is no expression: null. */
class Parser {
  private at = 0
  private depth = 0

  constructor(private readonly text: string) {}

  whole(): Polynomial | null {
    const result = this.sum()
    return this.at === this.text.length ? result : null
  }

  private sum(): Polynomial | null {
    if (++this.depth > 50) return null
    const negative = this.take('-')
    let left = this.term()
    if (negative && left !== null) left = sum(new Map(), left, -1)
    for (;;) {
      const sign = this.take('+') ? 1 : this.take('-') ? -1 : 0
      if (sign === 0 || left === null) break
      const right = this.term()
      left = right === null ? null : sum(left, right, sign)
    }
    this.depth--
    return left
  }

  private term(): Polynomial | null {
    let left = this.factor()
    while (left !== null && this.take('*')) {
      const right = this.factor()
      left = right === null ? null : product(left, right)
    }
    return left
  }

  private factor(): Polynomial | null {
    if (this.take('(')) {
      const inner = this.sum()
      return this.take(')') ? inner : null
    }
    const word = /^\s*([0-9]+|[A-Za-z_][\w.:]*)/.exec(this.text.slice(this.at))
    if (word === null) return null
    this.at += word[0].length
    const name = word[1] ?? ''
    if (/^[0-9]/.test(name)) {
      const number = Number(name)
      return Number.isSafeInteger(number) ? (number === 0 ? new Map() : new Map([['', number]])) : null
    }
    if ((name === 'floor' || name === 'ceil') && this.take('(')) {
      const above = this.sum()
      const below = above !== null && this.take('/') ? this.factor() : null
      if (above === null || below === null || !this.take(')')) return null
      const divided = divide(print(above), print(below), name)
      return divided === null ? null : typeof divided === 'number' ? polynomial(divided) : divided.startsWith(name + '(') ? new Map([[divided, 1]]) : polynomial(divided)
    }
    return new Map([[name, 1]])
  }

  private take(symbol: string): boolean {
    while (this.text[this.at] === ' ') this.at++
    if (this.text[this.at] !== symbol) return false
    this.at++
    return true
  }
}
