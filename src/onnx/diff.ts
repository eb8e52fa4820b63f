// What differs between two models: header, inputs and outputs, nodes, attributes, wiring, and weights with their errors.
import { displaySymbol, sameShape, type Displayable, type MimeBundle } from '../core'
import type { Attribute } from './ir/attributes'
import type { Graph } from './ir/graph'
import type { Model } from './ir/model'
import type { Node } from './ir/node'
import type { Tensor } from './ir/tensor'
import { formatShape, formatType } from './ir/types'
import type { Value } from './ir/value'
import { tableBundle, textTable, type Table } from './show'

/** How far the elements of `b` are from those of `a`. */
export interface ErrorNorms {
  /** max |b − a| */
  readonly maxAbsolute: number
  /** √(mean (b − a)²) */
  readonly rootMeanSquare: number
  /** ‖b − a‖₂ / ‖a‖₂ */
  readonly relative: number
  /** a·b / (‖a‖₂ ‖b‖₂) */
  readonly cosine: number
  /** Share of elements that differ at all. */
  readonly changed: number
}

/** One difference. */
export interface Difference {
  readonly part: 'model' | 'input' | 'output' | 'node' | 'attribute' | 'wiring' | 'weight'
  readonly change: 'added' | 'removed' | 'changed'
  /** Path of names, graphs inside nodes separated by `/`. */
  readonly where: string
  readonly before?: string
  readonly after?: string
  /** Of a weight whose shape is the same in both. */
  readonly error?: ErrorNorms
}

/** The differences of two models. */
export class ModelDiff implements Displayable {
  constructor(
    readonly differences: readonly Difference[],
    /** Nodes and weights that are the same in both. */
    readonly same: { readonly nodes: number; readonly weights: number },
  ) {}

  /** Whether the models are the same in everything that is compared. */
  get equal(): boolean {
    return this.differences.length === 0
  }

  toString(): string {
    return textTable(this.table())
  }

  [displaySymbol](): MimeBundle {
    return tableBundle(this.table())
  }

  private table(): Table {
    const { nodes, weights } = this.same
    const count = this.differences.length
    return {
      title: `${this.equal ? 'no differences' : `${count} difference${count === 1 ? '' : 's'}`} (${nodes} nodes and ${weights} weights are the same)`,
      columns: ['', 'part', 'where', 'before', 'after', 'error'],
      rows: this.differences.map(({ part, change, where, before, after, error }) => [
        { added: '+', removed: '−', changed: '~' }[change], part, where, before ?? '', after ?? '',
        error === undefined ? '' : `max ${short(error.maxAbsolute)}, rms ${short(error.rootMeanSquare)}, relative ${short(error.relative)}, cosine ${short(error.cosine)}`,
      ]),
    }
  }
}

/**
 * Compares two models. Nodes are matched by name, then by the name of what they make, then by operator and order.
 * Documentation and metadata are not compared.
 */
export function diffModels(a: Model, b: Model): ModelDiff {
  const differ = new Differ()
  differ.header(a, b)
  differ.graphs(a.graph, b.graph, '')
  const functions = (model: Model) => new Map(model.functions.map((f) => [`${f.domain}.${f.name}${f.overload === '' ? '' : ':' + f.overload}`, f.body]))
  const [left, right] = [functions(a), functions(b)]
  for (const [name, body] of left) {
    const other = right.get(name)
    if (other === undefined) differ.add('model', 'removed', `function ${name}`)
    else differ.graphs(body, other, `${name}/`)
  }
  for (const name of right.keys()) if (!left.has(name)) differ.add('model', 'added', `function ${name}`)
  return new ModelDiff(differ.differences, differ.same)
}

/** How far `b` is from `a`; both have the same number of elements. Elements that are NaN in both count as equal. */
export function errorNorms(a: ArrayLike<number>, b: ArrayLike<number>): ErrorNorms {
  let max = 0, squares = 0, normA = 0, normB = 0, dot = 0, changed = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0
    const y = b[i] ?? 0
    if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) {
      changed++
      const d = Math.abs(y - x)
      max = d > max || Number.isNaN(d) ? d : max
      squares += d * d
    }
    normA += x * x
    normB += y * y
    dot += x * y
  }
  const n = Math.max(1, a.length)
  return {
    maxAbsolute: max, rootMeanSquare: Math.sqrt(squares / n), relative: squares === 0 ? 0 : Math.sqrt(squares / normA),
    cosine: normA === 0 && normB === 0 ? 1 : dot / Math.sqrt(normA * normB), changed: changed / n,
  }
}

class Differ {
  readonly differences: Difference[] = []
  readonly same = { nodes: 0, weights: 0 }
  /** Values of the left model → their twins in the right one. */
  private readonly twins = new Map<Value, Value>()

  add(part: Difference['part'], change: Difference['change'], where: string, before?: string, after?: string, error?: ErrorNorms): void {
    this.differences.push({
      part, change, where, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }), ...(error === undefined ? {} : { error }),
    })
  }

  header(a: Model, b: Model): void {
    if (a.irVersion !== b.irVersion) this.add('model', 'changed', 'IR version', String(a.irVersion), String(b.irVersion))
    for (const domain of new Set([...a.opsets.keys(), ...b.opsets.keys()])) {
      const [before, after] = [a.opsets.get(domain), b.opsets.get(domain)]
      if (before === after) continue
      this.add('model', before === undefined ? 'added' : after === undefined ? 'removed' : 'changed', `operator set ${JSON.stringify(domain)}`, before?.toString(), after?.toString())
    }
  }

  graphs(a: Graph, b: Graph, path: string): void {
    this.values('input', a.inputs, b.inputs, path)
    this.weights(a, b, path)
    const pairs = this.match(a, b)
    for (const [left, right] of pairs) left.outputs.forEach((value, i) => this.pair(value, right.outputs[i]))
    const taken = new Set(pairs.values())
    for (const node of a.nodes) {
      const other = pairs.get(node)
      if (other === undefined) this.add('node', 'removed', path + title(node), node.toString())
      else this.node(node, other, path)
    }
    for (const node of b.nodes) if (!taken.has(node)) this.add('node', 'added', path + title(node), undefined, node.toString())
    this.values('output', a.outputs, b.outputs, path)
  }

  private values(part: 'input' | 'output', a: readonly Value[], b: readonly Value[], path: string): void {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const [before, after] = [a[i], b[i]]
      if (before === undefined) this.add(part, 'added', path + (after?.name ?? ''), undefined, formatType(after?.type))
      else if (after === undefined) this.add(part, 'removed', path + before.name, formatType(before.type))
      else {
        const [left, right] = [before, after].map((value) => `${value.name}: ${formatType(value.type)}`)
        if (left !== right) this.add(part, 'changed', path + before.name, left, right)
        if (part === 'input') this.pair(before, after)
        else if (this.twins.has(before) && this.twins.get(before) !== after) this.add('wiring', 'changed', `${path}output ${i}`, before.name, after.name)
      }
    }
  }

  private weights(a: Graph, b: Graph, path: string): void {
    const others = new Map([...b.initializers.keys()].map((value) => [value.name, value]))
    for (const [value, tensor] of a.initializers) {
      const other = others.get(value.name)
      const after = other === undefined ? undefined : b.initializers.get(other)
      if (other === undefined || after === undefined) {
        this.add('weight', 'removed', path + value.name, summary(tensor))
        continue
      }
      others.delete(value.name)
      this.pair(value, other)
      this.tensors('weight', tensor, after, path + value.name)
    }
    for (const [name, value] of others) this.add('weight', 'added', path + name, undefined, summary(b.initializers.get(value)))
  }

  private tensors(part: 'weight' | 'attribute', a: Tensor, b: Tensor, where: string): void {
    const alike = a.dtype === b.dtype && sameShape(a.shape, b.shape)
    const equal = alike && (a === b || (a.dtype === 'string' ? a.strings.every((text, i) => Buffer.compare(text, b.strings[i] ?? Buffer.of()) === 0) : Buffer.compare(a.bytes, b.bytes) === 0))
    if (equal) {
      if (part === 'weight') this.same.weights++
      return
    }
    const numeric = sameShape(a.shape, b.shape) && a.dtype !== 'string' && b.dtype !== 'string'
    this.add(part, 'changed', where, summary(a), summary(b), numeric ? errorNorms(floats(a), floats(b)) : undefined)
  }

  private node(a: Node, b: Node, path: string): void {
    const where = path + title(a)
    const before = this.differences.length
    const operator = (node: Node) => [node.domain, node.opType, node.overload].filter((part) => part !== '').join('.')
    if (operator(a) !== operator(b)) this.add('node', 'changed', where, operator(a), operator(b))
    for (const name of new Set([...a.attributes.keys(), ...b.attributes.keys()])) {
      this.attribute(a.attributes.get(name), b.attributes.get(name), `${where}.${name}`)
    }
    const inputs = (node: Node, map: (value: Value) => Value | undefined) => node.inputs.map((value) => (value === undefined ? undefined : map(value)))
    const [left, right] = [inputs(a, (value) => this.twins.get(value)), inputs(b, (value) => value)]
    if (left.length !== right.length || left.some((value, i) => value !== right[i])) {
      const names = (node: Node) => node.inputs.map((value) => value?.name ?? '').join(', ')
      this.add('wiring', 'changed', where, names(a), names(b))
    }
    if (this.differences.length === before) this.same.nodes++
  }

  private attribute(a: Attribute | undefined, b: Attribute | undefined, where: string): void {
    if (a?.kind === 'tensor' && b?.kind === 'tensor') this.tensors('attribute', a.value, b.value, where)
    else if (a?.kind === 'graph' && b?.kind === 'graph') this.graphs(a.value, b.value, `${where}/`)
    else {
      const [before, after] = [a, b].map((attribute) => (attribute === undefined ? undefined : formatAttribute(attribute)))
      if (before !== after) this.add('attribute', before === undefined ? 'added' : after === undefined ? 'removed' : 'changed', where, before, after)
    }
  }

  private pair(a: Value, b: Value | undefined): void {
    if (b !== undefined) this.twins.set(a, b)
  }

  private match(a: Graph, b: Graph): Map<Node, Node> {
    const pairs = new Map<Node, Node>()
    const taken = new Set<Node>()
    const by = (key: (node: Node) => string) => {
      const index = new Map<string, Node[]>()
      for (const node of b.nodes) {
        if (taken.has(node) || key(node) === '') continue
        const list = index.get(key(node))
        if (list === undefined) index.set(key(node), [node])
        else list.push(node)
      }
      for (const list of index.values()) list.reverse()
      for (const node of a.nodes) {
        if (pairs.has(node)) continue
        const other = index.get(key(node))?.pop()
        if (other === undefined) continue
        pairs.set(node, other)
        taken.add(other)
      }
    }
    by((node) => (node.name === '' ? '' : `${node.opType} ${node.name}`))
    by((node) => node.outputs[0]?.name ?? '')
    by((node) => node.name)
    by((node) => `${node.domain}.${node.opType}`)
    return pairs
  }
}

function floats(tensor: Tensor): ArrayLike<number> {
  const array = tensor.toArray()
  return array instanceof BigInt64Array || array instanceof BigUint64Array ? Float64Array.from(array, Number) : (array as Exclude<typeof array, string[]>)
}

function summary(tensor: Tensor | undefined): string {
  return tensor === undefined ? '' : tensor.dtype + formatShape(tensor.shape)
}

function title(node: Node): string {
  return node.name === '' ? `${node.opType} → ${node.outputs[0]?.name ?? ''}` : node.name
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value)
}

/** An attribute's value in one line. */
export function formatAttribute(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'reference':
      return `&${attribute.name}`
    case 'graph':
      return `graph ${attribute.value.name}`
    case 'graphs':
      return `graphs ${attribute.value.map((graph) => graph.name).join(', ')}`
    case 'tensor':
      return summary(attribute.value)
    case 'tensors':
      return `[${attribute.value.map(summary).join(', ')}]`
    case 'sparse':
      return `sparse ${summary(attribute.value.values)}`
    case 'sparses':
      return `sparse [${attribute.value.map((sparse) => summary(sparse.values)).join(', ')}]`
    case 'type':
      return formatType(attribute.value)
    case 'types':
      return `[${attribute.value.map(formatType).join(', ')}]`
    case 'bytes':
      return `${attribute.value.byteLength} bytes`
    case 'string':
      return JSON.stringify(attribute.value)
    case 'float':
    case 'int':
      return String(attribute.value)
    default:
      return `[${attribute.value.map(String).join(', ')}]`
  }
}
