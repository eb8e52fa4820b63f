// The text form of a model: for reading, and complete, so that parseModel gives the same model back. Numbers of large
// tensors stand at the end as base64. What is rarely set (documentation, metadata) follows an item as `@{…}` in JSON.
import { DTYPES } from '../core'
import type { Attribute } from './ir/attributes'
import type { Graph, OutputInfo } from './ir/graph'
import type { FunctionDefinition, Model } from './ir/model'
import type { Node } from './ir/node'
import { Tensor, type SparseTensor } from './ir/tensor'
import type { Type } from './ir/types'
import type { Value } from './ir/value'

/** First line of every text. */
export const TEXT_HEADER = 'onnx-text 1'

/** How a model is printed. */
export interface PrintOptions {
  /** `omit` leaves out the numbers of large tensors: for reading only. Default `keep`. */
  readonly weights?: 'keep' | 'omit'
  /** Tensors of up to this many elements are written where they stand. Default 16. */
  readonly inline?: number
}

/** The model as text. */
export function printModel(model: Model, options: PrintOptions = {}): string {
  return new Printer(options).model(model)
}

/** A graph as text, without the numbers of large tensors: for reading. */
export function printGraph(graph: Graph): string {
  return new Printer({ weights: 'omit' }).graph(graph, 'graph', '')
}

/** A type as the text form has it: symbols that are no plain words are quoted. */
export function printType(type: Type | undefined): string {
  if (type === undefined) return '_'
  const notes = {
    denotation: type.denotation,
    axes: type.kind === 'tensor' || type.kind === 'sparse' ? type.axisDenotations?.map((a) => a ?? null) : undefined,
    unknown: base64(type.unknown),
  }
  return typeBody(type) + extras(notes)
}

function typeBody(type: Type): string {
  switch (type.kind) {
    case 'tensor':
    case 'sparse': {
      const dims = type.shape?.map((dim) => (dim === null ? '?' : typeof dim === 'number' ? String(dim) : word(dim)))
      const body = (type.dtype ?? '?') + (dims === undefined ? '' : `[${dims.join(',')}]`)
      return type.kind === 'sparse' ? `sparse(${body})` : body
    }
    case 'sequence':
    case 'optional':
      return `${type.kind}(${printType(type.element)})`
    case 'map':
      return `map(${type.key ?? '?'},${printType(type.value)})`
    case 'opaque':
      return `opaque(${JSON.stringify(type.domain ?? null)},${JSON.stringify(type.name ?? null)})`
    case 'unknown':
      return 'untyped'
  }
}

/** A name as it is when it is a plain word, otherwise quoted. */
function word(name: string): string {
  return /^[A-Za-z_][\w]*$/.test(name) ? name : JSON.stringify(name)
}

function base64(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('base64')
}

function extras(values: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(values)
  return text === '{}' ? '' : ` @${text}`
}

interface Notes {
  docString?: string
  metadata?: Map<string, string>
  unknown?: Uint8Array
}

function notesOf(item: Notes): Record<string, unknown> {
  return { doc: item.docString, meta: item.metadata === undefined ? undefined : [...item.metadata], unknown: base64(item.unknown) }
}

/** A value's name in the text. */
function ref(value: Value): string {
  return /^[\w./:-]+$/.test(value.name) ? `%${value.name}` : `%${JSON.stringify(value.name)}`
}

class Printer {
  private readonly data: string[] = []

  constructor(private readonly options: PrintOptions) {}

  model(model: Model): string {
    const header = extras({
      ir: model.irVersion, opsets: [...model.opsets], producer: model.producerName, producerVersion: model.producerVersion,
      domain: model.domain, version: model.modelVersion === undefined ? undefined : String(model.modelVersion), doc: model.docString,
      meta: model.metadata.size === 0 ? undefined : [...model.metadata], unknown: base64(model.unknown),
    })
    const parts = [`${TEXT_HEADER}\nmodel${header}`, ...model.functions.map((f) => this.function(f)), this.graph(model.graph, 'graph', '')]
    if (this.data.length > 0) parts.push(`data\n${this.data.map((line, i) => `#${i} ${line}`).join('\n')}`)
    return parts.join('\n\n') + '\n'
  }

  graph(graph: Graph, keyword: string, indent: string): string {
    const inner = indent + '  '
    const inputs = graph.inputs.map((value) => this.value(value, value.declaredType !== undefined)).join(', ')
    const lines = [`${keyword} ${JSON.stringify(graph.name)}(${inputs}) {${extras(notesOf(graph))}`]
    for (const [value, tensor] of graph.initializers) {
      const stated = value.declaredType !== undefined && !graph.hasInput(value)
      lines.push(`${inner}init ${this.value(value, stated, graph.hasInput(value))} = ${this.tensor(tensor, true)}`)
    }
    for (const [value, tensor] of graph.sparseInitializers) {
      lines.push(`${inner}init ${this.value(value, value.declaredType !== undefined && !graph.hasInput(value), graph.hasInput(value))} = ${this.sparse(tensor, true)}`)
    }
    for (const node of graph.nodes) lines.push(inner + this.node(node, inner))
    for (const value of graph.strayInfo) lines.push(`${inner}info ${this.value(value, true)}`)
    for (const { value, parameters, unknown } of graph.quantization) {
      const pairs = [...parameters].map(([key, parameter]) => `${JSON.stringify(key)}: ${ref(parameter)}`)
      lines.push(`${inner}quantized ${ref(value)} {${pairs.join(', ')}}${extras({ unknown: base64(unknown) })}`)
    }
    const returned = graph.outputs.map((value, i) => ref(value) + this.outputInfo(graph.outputInfo?.get(i)))
    lines.push(`${inner}return ${returned.join(', ')}`, `${indent}}`)
    return lines.join('\n')
  }

  private outputInfo(info: OutputInfo | undefined): string {
    return info === undefined ? '' : `: ${printType(info.declaredType)}${extras({ info: true, ...notesOf(info) })}`
  }

  private function(f: FunctionDefinition): string {
    const notes = extras({ overload: f.overload === '' ? undefined : f.overload, opsets: [...f.opsets], attributes: f.requiredAttributes, ...notesOf(f) })
    const defaults = [...f.defaults].map(([name, value]) => this.attribute(name, value, '  '))
    return `function ${JSON.stringify(f.domain)} ${JSON.stringify(f.name)} {${defaults.join(', ')}}${notes}\n${this.graph(f.body, 'body', '')}`
  }

  private value(value: Value, typed: boolean, known = false): string {
    return ref(value) + (typed ? `: ${printType(value.declaredType)}` : '') + (known ? '' : extras(notesOf(value)))
  }

  private node(node: Node, indent: string): string {
    const outputs = node.outputs.map((value) => (value.name === '' ? '_' : this.value(value, value.declaredType !== undefined)))
    const inputs = node.inputs.map((value) => (value === undefined ? '_' : ref(value)))
    const attributes = [...node.attributes].map(([name, value]) => this.attribute(name, value, indent))
    const operator = node.domain === '' ? word(node.opType) : `${JSON.stringify(node.domain)}.${word(node.opType)}`
    return [
      `${outputs.join(', ')}${outputs.length > 0 ? ' ' : ''}= ${operator}(${inputs.join(', ')})`,
      attributes.length === 0 ? '' : ` {${attributes.join(', ')}}`,
      node.name === '' ? '' : ` ${JSON.stringify(node.name)}`,
      extras({ overload: node.overload === '' ? undefined : node.overload, ...notesOf(node) }),
    ].join('')
  }

  private attribute(name: string, value: Attribute, indent: string): string {
    return `${word(name)}: ${this.attributeValue(value, indent)}${extras({ doc: value.docString, unknown: base64(value.unknown) })}`
  }

  private attributeValue(attribute: Attribute, indent: string): string {
    const list = <T>(kind: string, values: readonly T[], print: (value: T) => string) => `${values.length === 0 ? kind : ''}[${values.map(print).join(', ')}]`
    switch (attribute.kind) {
      case 'reference':
        return `&${attribute.of} ${word(attribute.name)}`
      case 'int':
        return String(attribute.value)
      case 'float':
        return float(attribute.value)
      case 'string':
        return JSON.stringify(attribute.value)
      case 'bytes':
        return `bytes ${JSON.stringify(base64(attribute.value))}`
      case 'ints':
        return list('ints', attribute.value, String)
      case 'floats':
        return list('floats', attribute.value, float)
      case 'strings':
        return list('strings', attribute.value, (text) => JSON.stringify(text))
      case 'bytesList':
        return list('bytesList', attribute.value, (bytes) => `bytes ${JSON.stringify(base64(bytes))}`)
      case 'tensor':
        return this.tensor(attribute.value)
      case 'tensors':
        return list('tensors', attribute.value, (tensor) => this.tensor(tensor))
      case 'sparse':
        return this.sparse(attribute.value)
      case 'sparses':
        return list('sparses', attribute.value, (tensor) => this.sparse(tensor))
      case 'type':
        return `type ${printType(attribute.value)}`
      case 'types':
        return list('types', attribute.value, (type) => `type ${printType(type)}`)
      case 'graph':
        return this.graph(attribute.value, 'graph', indent)
      case 'graphs':
        return list('graphs', attribute.value, (graph) => this.graph(graph, 'graph', indent))
    }
  }

  /** @param named whether the tensor is called what its value is called; otherwise its own name is printed */
  private tensor(tensor: Tensor, named = false): string {
    const { extras: own } = tensor
    const notes = extras({
      ...notesOf(own), name: named || own.name === '' ? undefined : own.name, typed: own.typedFields === true ? true : undefined,
    })
    return `tensor ${tensor.dtype}[${tensor.shape.join(',')}] ${this.numbers(tensor)}${notes}`
  }

  private numbers(tensor: Tensor): string {
    if (tensor.source?.entries !== undefined) return `external ${JSON.stringify([...tensor.source.entries])}`
    if (tensor.size <= (this.options.inline ?? 16)) {
      const literal = exactLiteral(tensor)
      if (literal !== undefined) return literal
    }
    if (this.options.weights === 'omit') return '…'
    this.data.push(tensor.dtype === 'string' ? JSON.stringify(tensor.strings.map(base64)) : (base64(tensor.bytes) ?? ''))
    return `#${this.data.length - 1}`
  }

  private sparse(sparse: SparseTensor, named = false): string {
    return `sparse [${sparse.shape.join(',')}] ${this.tensor(sparse.values, named)} ${this.tensor(sparse.indices)}${extras({ unknown: base64(sparse.unknown) })}`
  }
}

/** The elements as text, when reading it back gives the same bits; strings only when they are UTF-8. */
function exactLiteral(tensor: Tensor): string | undefined {
  const array = tensor.toArray()
  if (Array.isArray(array)) {
    const same = array.every((text, i) => Buffer.from(text, 'utf8').equals(tensor.strings[i] ?? Buffer.of(0)))
    return same ? `[${array.map((text) => JSON.stringify(text)).join(', ')}]` : undefined
  }
  const values = Array.from(array as ArrayLike<number | bigint>)
  const again = Tensor.from(values, tensor.shape, tensor.dtype)
  if (Buffer.compare(again.bytes, tensor.bytes) !== 0) return undefined
  const short = DTYPES[tensor.dtype].kind === 'float' && tensor.dtype !== 'float64'
  return `[${values.map((value) => (typeof value === 'bigint' ? String(value) : short ? shortFloat(value) : number(value))).join(', ')}]`
}

/** The fewest digits that give the same float32. */
function shortFloat(value: number): string {
  if (value === 0) return number(value)
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return number(value)
}

function number(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** A float attribute: the `f` tells it from an integer. */
function float(value: number): string {
  return `${Math.fround(value) === value ? shortFloat(value) : number(value)}f`
}
