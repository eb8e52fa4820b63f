// Whether a node is what its operator's schema says: number of inputs and outputs, types, attributes. Used while building
// (the first problem is thrown) and while validating (all are collected).
import type { Attribute } from '../ir/attributes'
import type { Node } from '../ir/node'
import type { Type } from '../ir/types'
import type { Value } from '../ir/value'
import type { OperatorSchema, ParameterSchema } from './schema'

/** One way in which a node breaks its schema. */
export interface SchemaProblem {
  readonly rule: 'deprecated' | 'arity' | 'input-type' | 'output-type' | 'attribute-unknown' | 'attribute-kind' | 'attribute-missing'
  readonly what: string
  readonly expected?: string
  readonly got?: string
}

/** How types are called in schemas: `float32`, `seq(int64)`, `map(string,float32)`; undefined when not fully known. */
export function schemaTypeName(type: Type | undefined): string | undefined {
  switch (type?.kind) {
    case 'tensor':
      return type.dtype
    case 'sparse':
      return type.dtype === undefined ? undefined : `sparse[${type.dtype}]`
    case 'sequence':
    case 'optional': {
      const element = schemaTypeName(type.element)
      return element === undefined ? undefined : `${type.kind === 'sequence' ? 'seq' : 'optional'}(${element})`
    }
    case 'map': {
      const value = schemaTypeName(type.value)
      return value === undefined || type.key === undefined ? undefined : `map(${type.key},${value})`
    }
    default:
      return undefined
  }
}

/** Every way in which the node breaks the schema. */
export function checkNode(node: Node, schema: OperatorSchema): SchemaProblem[] {
  const problems: SchemaProblem[] = []
  if (schema.deprecated) {
    problems.push({ rule: 'deprecated', what: `${schema.name} is deprecated since version ${schema.since} of its operator set` })
  }
  const bound = new Map<string, string>()
  checkValues('input', node.inputs, schema.inputs, schema, bound, problems)
  checkValues('output', node.outputs, schema.outputs, schema, bound, problems)
  for (const [name, value] of node.attributes) {
    const known = schema.attributes.get(name)
    if (known === undefined) {
      problems.push({
        rule: 'attribute-unknown', what: `${schema.name} has no attribute ${name} in version ${schema.since}`,
        expected: [...schema.attributes.keys()].join(', ') || 'no attributes', got: name,
      })
    } else if (schemaKind(value) !== known.kind) {
      problems.push({ rule: 'attribute-kind', what: `The attribute ${name} has the wrong kind`, expected: known.kind, got: schemaKind(value) })
    }
  }
  for (const { name, required, kind } of schema.attributes.values()) {
    if (required && !node.attributes.has(name)) {
      problems.push({ rule: 'attribute-missing', what: `The attribute ${name} is missing`, expected: kind })
    }
  }
  return problems
}

function schemaKind(attribute: Attribute): string {
  const kind = attribute.kind === 'reference' ? attribute.of : attribute.kind
  return kind === 'bytes' ? 'string' : kind === 'bytesList' ? 'strings' : kind
}

function checkValues(
  side: 'input' | 'output', values: readonly (Value | undefined)[], formal: readonly ParameterSchema[], schema: OperatorSchema,
  bound: Map<string, string>, problems: SchemaProblem[],
): void {
  const last = formal.at(-1)
  const variadic = last?.mode === 'variadic' ? last : undefined
  const least = formal.reduce((count, parameter, i) => (parameter.mode === 'required' ? i + 1 : parameter.mode === 'variadic' && parameter.least > 0 ? i + parameter.least : count), 0)
  const most = variadic === undefined ? formal.length : Infinity
  if (values.length < least || values.length > most) {
    const range = most === Infinity ? `at least ${least}` : least === most ? String(least) : `${least} to ${most}`
    problems.push({
      rule: 'arity', what: `${schema.name} has the wrong number of ${side}s`,
      expected: `${range} (${formal.map((p) => p.name + (p.mode === 'optional' ? '?' : p.mode === 'variadic' ? '…' : '')).join(', ')})`, got: String(values.length),
    })
  }
  values.forEach((value, i) => {
    const parameter = formal[i] ?? variadic
    if (parameter === undefined) return
    if (value === undefined || value.name === '') {
      if (side === 'input' && parameter.mode !== 'optional' && value === undefined) {
        problems.push({ rule: 'arity', what: `The input ${parameter.name} of ${schema.name} is left out but not optional` })
      }
      return
    }
    const type = schemaTypeName(value.type)
    if (type === undefined) return
    const allowed = schema.variables.get(parameter.type)
    const rule = side === 'input' ? 'input-type' : 'output-type'
    if (allowed === undefined ? type !== parameter.type : !allowed.has(type)) {
      problems.push({
        rule, what: `The ${side} ${parameter.name} of ${schema.name} has a type that is not allowed`,
        expected: allowed === undefined ? parameter.type : [...allowed].join(', '), got: `${type} (value "${value.name}")`,
      })
      return
    }
    if (allowed === undefined || !parameter.homogeneous) return
    const other = bound.get(parameter.type)
    if (other === undefined) bound.set(parameter.type, type)
    else if (other !== type) {
      problems.push({
        rule, what: `The ${side} ${parameter.name} of ${schema.name} has another type than the others that must equal it`,
        expected: other, got: `${type} (value "${value.name}")`,
      })
    }
  })
}
