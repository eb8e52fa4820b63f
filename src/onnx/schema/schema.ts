// The schemas of ONNX's operators: what each takes, makes and is told, in every version. The facts are in operators.ts.
import type { DType } from '../../core'
import type { AttributeKind } from '../ir/attributes'
import { OPERATORS, TYPE_SETS } from './operators'

/** A formal input or output. */
export interface ParameterSchema {
  readonly name: string
  /** A type variable of the schema, or a type such as `int64`. */
  readonly type: string
  readonly mode: 'required' | 'optional' | 'variadic'
  /** Of a variadic parameter: how many there must be at least. */
  readonly least: number
  /** Of a variadic parameter: whether all are of one type. */
  readonly homogeneous: boolean
}

/** An attribute that an operator can have. */
export interface AttributeSchema {
  readonly name: string
  readonly kind: AttributeKind
  readonly required: boolean
  /** What holds when it is left out. */
  readonly default?: number | string | readonly (number | string)[]
}

/** An operator in one version. */
export interface OperatorSchema {
  readonly domain: string
  readonly name: string
  /** The version of the operator set that brought it in this form. */
  readonly since: number
  readonly deprecated: boolean
  readonly inputs: readonly ParameterSchema[]
  readonly outputs: readonly ParameterSchema[]
  readonly attributes: ReadonlyMap<string, AttributeSchema>
  /** Type variables and the types that they stand for, such as `float32` or `seq(int64)`. */
  readonly variables: ReadonlyMap<string, ReadonlySet<string>>
}

const typeSets: (ReadonlySet<string> | undefined)[] = []
let index: Map<string, { readonly since: number; readonly line: string; schema?: OperatorSchema }[]> | undefined

/** ONNX's own names of a domain: '' for the standard one. */
export function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

/**
 * The schema of an operator as of a version of its operator set: the newest that is not newer. Undefined for operators of
 * other domains, and for those that came later.
 */
export function schemaOf(opType: string, version: number, domain = ''): OperatorSchema | undefined {
  const versions = lines().get(`${canonicalDomain(domain)}:${opType}`)
  const found = versions?.findLast((entry) => entry.since <= version)
  return found === undefined ? undefined : (found.schema ??= parse(canonicalDomain(domain), found.line))
}

/** Whether a schema exists for a domain at all. */
export function isKnownDomain(domain: string): boolean {
  return canonicalDomain(domain) in OPERATORS
}

/** Every operator in every version, by domain and name. */
export function* allSchemas(): Generator<OperatorSchema> {
  for (const [key, versions] of lines()) {
    for (const entry of versions) yield (entry.schema ??= parse(key.slice(0, key.indexOf(':')), entry.line))
  }
}

function lines(): NonNullable<typeof index> {
  if (index === undefined) {
    index = new Map()
    for (const [domain, rows] of Object.entries(OPERATORS)) {
      for (const line of rows) {
        const [name = '', since = ''] = line.split(' ', 2)
        const key = `${domain}:${name}`
        const entry = { since: parseInt(since), line }
        const versions = index.get(key)
        if (versions === undefined) index.set(key, [entry])
        else versions.push(entry)
      }
    }
  }
  return index
}

function parse(domain: string, line: string): OperatorSchema {
  const [head = '', inputs = '', outputs = '', attributes = '', variables = ''] = line.split(' | ').map((part) => part.trim())
  const [name = '', since = ''] = head.split(' ')
  return {
    domain, name, since: parseInt(since), deprecated: since.endsWith('!'),
    inputs: words(inputs).map(parseParameter),
    outputs: words(outputs).map(parseParameter),
    attributes: new Map(words(attributes).map((word) => [word.slice(0, word.indexOf(':')), parseAttribute(word)])),
    variables: new Map(words(variables).map((word) => {
      const [variable = '', set = ''] = word.split('=#')
      return [variable, typeSet(Number(set))]
    })),
  }
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function parseParameter(word: string): ParameterSchema {
  const [, name = '', type = '', suffix = ''] = /^([^:]*):(.*?)(\?|[*+]\d+)?$/.exec(word) ?? []
  const variadic = suffix.startsWith('*') || suffix.startsWith('+')
  return {
    name, type, mode: suffix === '?' ? 'optional' : variadic ? 'variadic' : 'required',
    least: variadic ? Number(suffix.slice(1)) : suffix === '?' ? 0 : 1, homogeneous: !suffix.startsWith('+'),
  }
}

function parseAttribute(word: string): AttributeSchema {
  const [, name = '', kind = '', mark = '', value = ''] = /^([^:]*):([a-z]+)(!|=)?(.*)$/.exec(word) ?? []
  return {
    name, kind: kind as AttributeKind, required: mark === '!',
    ...(mark === '=' ? { default: JSON.parse(value) as number | string } : {}),
  }
}

function typeSet(number: number): ReadonlySet<string> {
  return (typeSets[number] ??= new Set(words(TYPE_SETS[number] ?? '')))
}

/** The element type that a schema's type names, when it is a plain tensor of one type. */
export function dtypeNamed(type: string): DType | undefined {
  return /^[a-z]+[0-9a-z]*$/.test(type) ? (type as DType) : undefined
}
