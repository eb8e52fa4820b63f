// From traces at several sizes to one graph for all sizes. A constant that differs between traces is written as a function
// of the sizes, as long as that function is linear (or a share 1/n); everything else must be the same.
import { sameShape } from '../core'
import { Node, Tensor, Value, toAttribute } from '../onnx'
import type { Dim, Graph } from '../onnx'
import { EngineError } from './errors'
import type { GraphNode, GraphWriter, V } from './graph'

/** A size that may vary: its name, and where it can be read. */
export interface Symbol_ {
  readonly name: string
  readonly input: number
  readonly axis: number
}

/** A graph traced with the given value of each symbol. */
export interface Sized {
  readonly writer: GraphWriter
  readonly outputs: readonly V[]
  readonly sizes: readonly number[]
}

/** value = constant + Σ factors[k] · size[k], or constant / size[k]. */
type Law =
  | { readonly kind: 'linear'; readonly constant: number; readonly factors: readonly number[] }
  | { readonly kind: 'share'; readonly constant: number; readonly symbol: number }

const fail = (what: string, details: { expected?: string; got?: string } = {}): never => {
  throw new EngineError('ENGINE_TRACE', what, { ...details, fix: 'give the inputs fixed sizes: { shape: [1, …] } instead of null' })
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b))

/** What a law gives at other sizes. */
function at(law: Law, sizes: readonly number[]): number {
  return law.kind === 'share' ? law.constant / (sizes[law.symbol] ?? 1)
    : law.factors.reduce((sum, factor, k) => sum + factor * (sizes[k] ?? 0), law.constant)
}

/** The law behind values[i] measured at sizes[i]: trace 0 is the base, trace k + 1 changes symbol k, the last changes all. */
function lawOf(values: readonly number[], sizes: readonly (readonly number[])[]): Law | undefined {
  const [base = 0, ...rest] = values
  const home = sizes[0] ?? []
  const factors = home.map((size, k) => ((rest[k] ?? base) - base) / ((sizes[k + 1]?.[k] ?? size + 1) - size))
  const linear: Law = { kind: 'linear', factors, constant: factors.reduce((sum, factor, k) => sum - factor * (home[k] ?? 0), base) }
  const candidates: Law[] = [linear, ...home.map((size, symbol): Law => ({ kind: 'share', constant: base * size, symbol }))]
  return candidates.find((law) => values.every((value, i) => near(at(law, sizes[i] ?? []), value)))
}

/** The numbers of a constant without the axes along which they only repeat; these get the size 1. */
function repeated({ constant, shape }: V): { readonly data: readonly number[]; readonly kept: readonly number[] } {
  const all = Array.from(constant ?? [], Number)
  let data = all
  const kept = [...shape]
  for (let axis = 0; axis < shape.length; axis++) {
    const size = kept[axis] ?? 1
    const inner = kept.slice(axis + 1).reduce((a, b) => a * b, 1)
    const lead = (i: number): number => i - (Math.floor(i / inner) % size) * inner
    if (!data.every((x, i) => x === data[lead(i)])) continue
    data = data.filter((_, i) => lead(i) === i)
    kept[axis] = 1
  }
  return { data, kept }
}

/** Whether two graphs have the same operators, attributes and constants, node by node. */
export function sameConstants(a: GraphWriter, outputsA: readonly V[], b: GraphWriter, outputsB: readonly V[]): boolean {
  const [left, right] = [a.live(outputsA), b.live(outputsB)]
  const equal = (x: V | undefined, y: V | undefined): boolean => !x?.constant || !y?.constant
    ? !x?.constant === !y?.constant : x.constant.every((value, i) => Object.is(value, y.constant?.[i]))
  return left.length === right.length && left.every((node, n) => {
    const other = right[n]
    return node.op === other?.op && JSON.stringify(node.attributes) === JSON.stringify(other.attributes)
      && node.inputs.every((v, i) => equal(v, other.inputs[i]))
  })
}

/** The shapes and constants of a graph as functions of its symbols. */
export class General {
  readonly #laws = new Map<V, readonly Law[]>()
  /** Constants that are the same numbers repeated along some axes: as few as there are, and what they are repeated to. */
  readonly #fills = new Map<V, { readonly data: readonly number[]; readonly kept: readonly number[]; readonly shape: readonly Law[] }>()
  readonly #shapes = new Map<V, readonly Dim[]>()
  readonly #reshapeOnly = new Set<V>()
  readonly #dims = new Map<Graph, Map<number, Value>>()

  /**
   * @param traces the base first, then one for each symbol with only that changed, then one with all changed, which only
   * checks
   * @throws EngineError `ENGINE_TRACE` when the code computes something else at another size
   */
  constructor(readonly symbols: readonly Symbol_[], traces: readonly Sized[]) {
    const nodes = traces.map((t) => t.writer.live(t.outputs))
    const [base = []] = nodes
    if (nodes.some((list) => list.length !== base.length)) fail('The graph has another structure at another size')
    const sizes = traces.map((t) => t.sizes)
    const pairs: V[][] = []
    const seen = new Map<V, readonly V[]>()
    const match = (values: readonly (V | undefined)[]): void => {
      const lead = values[0]
      if (!lead) return
      const before = seen.get(lead)
      if (before) {
        if (!values.every((v, i) => v === before[i])) fail('The graph is connected in another way at another size')
        return
      }
      const list = values.filter((v) => v !== undefined)
      if (list.length !== values.length) fail('The graph is connected in another way at another size')
      seen.set(lead, list)
      pairs.push(list)
    }
    traces[0]?.writer.inputs.forEach((_, i) => { match(traces.map((t) => t.writer.inputs[i])) })
    base.forEach((node, n) => {
      const same = nodes.map((list) => list[n] as GraphNode)
      if (same.some((other) => other.op !== node.op || JSON.stringify(other.attributes) !== JSON.stringify(node.attributes))) {
        fail(`A ${node.op} is another operator, or has other attributes, at another size`)
      }
      node.inputs.forEach((_, i) => { match(same.map((other) => other.inputs[i])) })
      node.outputs.forEach((_, i) => { match(same.map((other) => other.outputs[i])) })
    })
    traces[0]?.outputs.forEach((_, i) => { match(traces.map((t) => t.outputs[i])) })
    for (const list of pairs) this.#learn(list, sizes)
    this.#findReshapes(base)
  }

  /** The shape of a value, with symbols. */
  shapeOf(v: V): readonly Dim[] {
    return this.#shapes.get(v) ?? v.shape
  }

  /** Writes a constant that depends on sizes; undefined when it does not. */
  compute(v: V, graph: Graph): Value | undefined {
    const fill = this.#fills.get(v)
    if (fill) {
      const shape = this.#vector(graph, fill.shape, 'int64')
      const few = graph.addInitializer('fill', Tensor.from(fill.data, fill.data.length === 1 ? [] : fill.kept, v.dtype))
      return graph.append(new Node('Expand', [few, shape], [graph.freshName('filled')])).output
    }
    const laws = this.#laws.get(v)
    if (!laws) return undefined
    const [only, ...more] = laws.flatMap((law, i) => (law.kind === 'linear' && law.factors.every((f) => f === 0) ? [] : [i]))
    if (this.#reshapeOnly.has(v) && only !== undefined && more.length === 0) {
      const shape = laws.map((law, i) => (i === only ? -1 : Math.round(law.constant)))
      return graph.addInitializer('shape', Tensor.from(shape, [shape.length], 'int64'))
    }
    const vector = this.#vector(graph, laws, v.dtype)
    return v.shape.length === 0 ? this.#scalar(graph, vector) : vector
  }

  #learn(list: readonly V[], sizes: readonly (readonly number[])[]): void {
    const [lead] = list
    if (!lead) return
    const shapes = list.map((v) => v.shape)
    if (shapes.some((shape) => shape.length !== lead.shape.length)) fail('A value has another rank at another size')
    const dims = lead.shape.map((_, axis) => lawOf(shapes.map((shape) => shape[axis] ?? 0), sizes)
      ?? fail('The size of a value is no linear function of the input sizes', { got: shapes.map((s) => `[${s.join(', ')}]`).join(', ') }))
    const varies = !shapes.every((shape) => sameShape(shape, lead.shape))
    if (varies) this.#shapes.set(lead, dims.map((law) => this.#dimension(law)))
    if (!lead.constant) return
    if (varies) {
      const few = list.map((v) => repeated(v))
      const [first] = few
      const kept = first?.kept ?? []
      if (kept.some((size, axis) => size !== 1 && shapes.some((shape) => shape[axis] !== size))
        || few.some(({ data, kept: other }) => other.join() !== kept.join() || data.some((x, i) => x !== first?.data[i]))) {
        fail('A constant has as many elements as the batch, and they are not all equal')
      }
      this.#fills.set(lead, { data: first?.data ?? [], kept, shape: dims })
      return
    }
    const data = list.map((v) => v.constant ?? fail('A constant is computed at another size'))
    const home = lead.constant
    if (data.every((d) => d.every((x, i) => Object.is(x, home[i])))) return
    if (home.length > 64) fail('A constant differs between two traces of the same function', { got: 'random numbers, or data that depends on the size' })
    this.#laws.set(lead, Array.from({ length: home.length }, (_, i) => lawOf(data.map((d) => Number(d[i])), sizes)
      ?? fail('A number is no linear function of the input sizes', { got: data.map((d) => String(d[i])).join(', ') })))
  }

  #findReshapes(nodes: readonly GraphNode[]): void {
    const other = new Set<V>()
    for (const node of nodes) {
      node.inputs.forEach((v, i) => { if (v && !(node.op === 'Reshape' && i === 1)) other.add(v) })
    }
    for (const v of this.#laws.keys()) if (!other.has(v)) this.#reshapeOnly.add(v)
  }

  #dimension(law: Law): Dim {
    if (law.kind === 'share') return null
    const terms = law.factors.flatMap((factor, k) => {
      const name = this.symbols[k]?.name ?? ''
      return factor === 0 ? [] : [factor === 1 ? name : `${factor}*${name}`]
    })
    if (terms.length === 0) return Math.round(law.constant)
    return terms.join(' + ') + (law.constant === 0 ? '' : law.constant > 0 ? ` + ${law.constant}` : ` - ${-law.constant}`)
  }

  /** The size of a symbol as an int64 vector of one element. */
  #size(graph: Graph, k: number): Value {
    let known = this.#dims.get(graph)
    if (!known) {
      known = new Map<number, Value>()
      this.#dims.set(graph, known)
    }
    let value = known.get(k)
    if (!value) {
      const { input, axis, name } = this.symbols[k] ?? { input: 0, axis: 0, name: 'n' }
      value = graph.append(new Node('Shape', [graph.inputs[input]], [graph.freshName(`size_${name}`)],
        { attributes: { start: axis, end: axis + 1 } })).output
      known.set(k, value)
    }
    return value
  }

  /** [law₁, law₂, …] as a vector: constants + Σ factors · size, all elements at once. */
  #vector(graph: Graph, laws: readonly Law[], dtype: V['dtype']): Value {
    const constant = (values: readonly number[]): Value =>
      graph.addInitializer('coefficients', Tensor.from(values, [values.length], dtype))
    const node = (op: string, inputs: readonly Value[], attributes: Record<string, number> = {}): Value =>
      graph.append(new Node(op, inputs, [graph.freshName(op.toLowerCase())], { attributes })).output
    const sized = (k: number): Value => {
      const size = this.#size(graph, k)
      return dtype === 'int64' ? size : node('Cast', [size], { to: dtype === 'float32' ? 1 : 6 })
    }
    const [lead] = laws
    if (lead?.kind === 'share') {
      if (!laws.every((law) => law.kind === 'share' && law.symbol === lead.symbol)) fail('Numbers depend on sizes in different ways')
      return node('Div', [constant(laws.map((law) => law.constant)), sized(lead.symbol)])
    }
    let sum: Value | undefined = laws.every((law) => law.constant === 0) ? undefined : constant(laws.map((law) => law.constant))
    this.symbols.forEach((_, k) => {
      const factors = laws.map((law) => (law.kind === 'linear' ? law.factors[k] ?? 0 : fail('Numbers depend on sizes in different ways')))
      if (factors.every((f) => f === 0)) return
      const part = factors.every((f) => f === 1) && laws.length === 1 ? sized(k) : node('Mul', [constant(factors), sized(k)])
      sum = sum ? node('Add', [sum, part]) : part
    })
    return sum ?? constant(laws.map(() => 0))
  }

  #scalar(graph: Graph, vector: Value): Value {
    const axes = graph.addInitializer('axes', Tensor.from([0], [1], 'int64'))
    return graph.append(new Node('Squeeze', [vector, axes], [graph.freshName('scalar')], {
      attributes: new Map<string, ReturnType<typeof toAttribute>>() })).output
  }
}
