// Symbolic sizes of exported programs: sympy's srepr form, parsed into the expressions that ONNX shapes are written with.
import type { Dim } from '../../onnx'
import { ConvertError } from '../errors'

/** An expression over symbols. */
export interface Symbolic {
  /** Over the symbols' names: `2*s77`; null for a form that shapes cannot hold, such as a modulus. */
  readonly dim: Dim
  /** Its value for the inputs that the model was exported with. */
  readonly hint: number | undefined
  readonly symbols: readonly string[]
}

interface Term {
  readonly dim: Dim
  readonly symbols: readonly string[]
}

const MAX_LENGTH = 4000
const MAX_DEPTH = 40

/**
 * Parses `Mul(Integer(2), Symbol('s77', positive=True, integer=True))`.
 *
 * @throws ConvertError `CONVERT_SYMBOL` when it is no such expression
 */
export function parseSymbol(text: string, hint: number | undefined, where: string): Symbolic {
  const parser = new Parser(text, where)
  return { ...parser.whole(), hint }
}

class Parser {
  private at = 0
  private depth = 0

  constructor(private readonly text: string, private readonly where: string) {
    if (text.length > MAX_LENGTH) this.fail()
  }

  whole(): Term {
    const term = this.term()
    if (this.at !== this.text.length) this.fail()
    return term
  }

  private fail(): never {
    throw new ConvertError('CONVERT_SYMBOL', 'A symbolic size is written in a way that is not understood', {
      expected: "sympy's form, such as Mul(Integer(2), Symbol('s0'))", got: this.text.slice(0, 120), where: this.where,
      fix: 'give the dimension a fixed size when exporting',
    })
  }

  private eat(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) return undefined
    this.at += found[0].length
    return found[1] ?? found[0]
  }

  private term(): Term {
    if (++this.depth > MAX_DEPTH) this.fail()
    const number = this.eat(/-?\d{1,15}/y)
    if (number !== undefined) return this.done({ dim: Number(number), symbols: [] })
    const name = this.eat(/([\w.]+)\(/y) ?? this.fail()
    if (name === 'Symbol' || name === 'Dummy') {
      const symbol = this.eat(/['"]([A-Za-z_]\w{0,60})['"]/y) ?? this.fail()
      while (this.eat(/,\s*\w+=(?:True|False|None)/y) !== undefined);
      if (this.eat(/\)/y) === undefined) this.fail()
      return this.done({ dim: symbol, symbols: [symbol] })
    }
    const parts: Term[] = []
    while (this.eat(/\)/y) === undefined) {
      if (parts.length > 0 && this.eat(/,\s*/y) === undefined) this.fail()
      if (this.eat(/\w+=(?:True|False|None)/y) === undefined) parts.push(this.term())
    }
    return this.done({ dim: combine(name.split('.').at(-1) ?? name, parts.map(({ dim }) => dim)), symbols: [...new Set(parts.flatMap(({ symbols }) => symbols))] })
  }

  private done(term: Term): Term {
    this.depth--
    return term
  }
}

function combine(name: string, dims: readonly Dim[]): Dim {
  if (dims.includes(null)) return null
  const wrap = (dim: Dim): string => (/^\w+$/.test(String(dim)) ? String(dim) : `(${String(dim)})`)
  const all = (fold: (a: number, b: number) => number): number | undefined =>
    dims.length > 0 && dims.every((dim) => typeof dim === 'number') ? dims.reduce(fold) : undefined
  const [a, b] = dims
  switch (name) {
    case 'Integer': case 'ToFloat': case 'TruncToInt': return a ?? null
    case 'Add': return all((x, y) => x + y) ?? dims.map(wrap).join(' + ').replaceAll('+ (-', '+ (0 - ')
    case 'Mul': return all((x, y) => x * y) ?? (dims.some((dim) => typeof dim === 'number' && dim < 0) ? negative(dims, wrap) : dims.map(wrap).join('*'))
    case 'FloorDiv': case 'CleanDiv': case 'IntTrueDiv':
      return typeof a === 'number' && typeof b === 'number' ? (b === 0 ? null : Math.floor(a / b)) : a === undefined || b === undefined ? null : `floor((${String(a)})/(${String(b)}))`
    case 'Pow': case 'PowByNatural': return typeof b === 'number' && b >= 1 && b <= 8 && a !== undefined ? Array.from({ length: b }, () => wrap(a)).join('*') : null
    case 'Max': return all(Math.max) ?? null
    case 'Min': return all(Math.min) ?? null
    default: return null
  }
}

/** The expressions of shapes have no negative factor: −1·a is 0 − a. */
function negative(dims: readonly Dim[], wrap: (dim: Dim) => string): Dim {
  const coefficient = dims.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1)
  const rest = dims.filter((dim) => typeof dim !== 'number').map(wrap).join('*')
  return coefficient < 0 ? `0 - ${-coefficient}*${rest}` : `${coefficient}*${rest}`
}

/** The expression with symbols renamed. */
export function renameSymbols(dim: Dim, names: ReadonlyMap<string, string>): Dim {
  return typeof dim === 'string' ? dim.replace(/[A-Za-z_]\w*/g, (name) => names.get(name) ?? name) : dim
}
