// The one matcher: patterns over operators, constants and values, and rules that replace what they find. Every condition
// is a function that answers with the reason when it fails, so that a rule can say why it did not fire.
import { sameDomain, type Dim, type Node, type Tensor, type Value } from '../onnx'
import { constantOf, originOf } from './constants'
import type { PassContext } from './pass'

/** Checks a matched thing: undefined when it holds, otherwise the reason why not, in words. */
export type Condition<T> = (subject: T, match: Match) => string | undefined

/** Any value, known afterwards by its name; the same name twice means the same value. */
export interface AnyPattern {
  readonly kind: 'any'
  readonly name: string
  readonly where: readonly Condition<Value>[]
}

/** A value whose numbers are known and that no caller can replace. */
export interface ConstantPattern {
  readonly kind: 'constant'
  readonly name: string
  readonly where: readonly Condition<Tensor>[]
}

/** An output of an operator. */
export interface OpPattern {
  readonly kind: 'op'
  readonly opTypes: readonly string[]
  readonly inputs: readonly Pattern[] | undefined
  readonly options: OpPatternOptions
}

export type Pattern =
  | AnyPattern | ConstantPattern | OpPattern
  /** An input that may be left out. */
  | { readonly kind: 'optional'; readonly pattern: Pattern }
  /** The first alternative that leads to a whole match. */
  | { readonly kind: 'either'; readonly patterns: readonly Pattern[] }

export interface OpPatternOptions {
  /** The node is known by this name afterwards. */
  readonly as?: string
  readonly domain?: string
  /** Which of its outputs; default 0. The others must not be used, unless the node is `shared`. */
  readonly output?: number
  /** Other nodes may use its output too: it then stays beside what replaces the match. Default: it must not escape. */
  readonly shared?: boolean
  /** Whether the two inputs may be in either order. Default: true for Add, Mul, And, Or, Xor, Equal, Max, Min. */
  readonly commutative?: boolean
  readonly where?: readonly Condition<Node>[]
}

/** Matches any value. */
export function any(name: string, ...where: Condition<Value>[]): Pattern {
  return { kind: 'any', name, where }
}

/** Matches a constant. */
export function constant(name: string, ...where: Condition<Tensor>[]): Pattern {
  return { kind: 'constant', name, where }
}

/**
 * Matches an output of a node.
 *
 * @param inputs a pattern each; further inputs must be left out. Without it, any inputs
 */
export function op(opType: string | readonly string[], inputs?: readonly Pattern[], options: OpPatternOptions = {}): OpPattern {
  return { kind: 'op', opTypes: typeof opType === 'string' ? [opType] : opType, inputs, options }
}

export function optional(pattern: Pattern): Pattern {
  return { kind: 'optional', pattern }
}

export function either(...patterns: Pattern[]): Pattern {
  return { kind: 'either', patterns }
}

const COMMUTATIVE: ReadonlySet<string> = new Set(['Add', 'Mul', 'And', 'Or', 'Xor', 'Equal', 'Max', 'Min'])

/** What a pattern found. */
export class Match {
  private computed: { readonly result: unknown } | undefined

  constructor(
    readonly root: Node,
    readonly context: PassContext,
    /** Version of ONNX's operator set in the model. */
    readonly opset: number,
    private readonly bound: Map<string, Value> = new Map<string, Value>(),
    private readonly named: Map<string, Node> = new Map<string, Node>(),
    /** Every matched node, and the pattern it matched. */
    readonly matched: Map<Node, OpPattern> = new Map<Node, OpPattern>(),
  ) {}

  /** The value of a name that the pattern always binds. */
  value(name: string): Value {
    const value = this.bound.get(name)
    if (value === undefined) throw new TypeError(`the pattern binds no value ${name}`)
    return value
  }

  /** The value of a name in an optional part. */
  find(name: string): Value | undefined {
    return this.bound.get(name)
  }

  /** The numbers of a constant that the pattern always binds. */
  tensor(name: string): Tensor {
    const tensor = constantOf(this.value(name))
    if (tensor === undefined) throw new TypeError(`${name} is no constant of the pattern`)
    return tensor
  }

  findTensor(name: string): Tensor | undefined {
    return constantOf(this.bound.get(name))
  }

  node(name: string): Node {
    const node = this.named.get(name)
    if (node === undefined) throw new TypeError(`the pattern names no node ${name}`)
    return node
  }

  findNode(name: string): Node | undefined {
    return this.named.get(name)
  }

  /** What `compute` gives, computed once for a match: a rule's check and its rewrite need the same folded weights. */
  once<T>(compute: (match: Match) => T): T {
    this.computed ??= { result: compute(this) }
    return this.computed.result as T
  }

  /** `Conv "c1" + Relu "r1"`: the matched nodes in the order of the graph, inputs first. */
  toString(): string {
    return [...this.matched.keys()].reverse().map((node) => node.label).join(' + ')
  }

  /** @internal */
  withValue(name: string, value: Value): Match {
    return new Match(this.root, this.context, this.opset, new Map(this.bound).set(name, value), this.named, this.matched)
  }

  /** @internal */
  withNode(node: Node, pattern: OpPattern): Match {
    const { as } = pattern.options
    const named = as === undefined ? this.named : new Map(this.named).set(as, node)
    return new Match(this.root, this.context, this.opset, this.bound, named, new Map(this.matched).set(node, pattern))
  }
}

/** The failure that came furthest: what a person wants to read. */
export class Failure {
  why = 'the pattern does not match'
  private progress = -1
  /** Nodes that the attempt looked at. */
  readonly seen: Set<Node> = new Set<Node>()

  note(match: Match, why: string, bonus = 0): void {
    const progress = match.matched.size * 10 + bonus
    if (progress <= this.progress) return
    this.progress = progress
    this.why = why
  }

  /** How many nodes had matched when it failed. */
  get depth(): number {
    return Math.floor(this.progress / 10)
  }
}

/** Looks for the pattern with its root at `node`. The first whole match that `accept` takes is the answer. */
export function matchAt(
  pattern: OpPattern, node: Node, context: PassContext, opset: number, failure: Failure,
  accept: (match: Match) => string | undefined = () => undefined,
): Match | undefined {
  const start = new Match(node, context, opset)
  for (const match of matchNode(pattern, node, start, failure, true)) {
    const why = escapes(match) ?? accept(match)
    if (why === undefined) return match
    failure.note(match, why, 9)
  }
  return undefined
}

function* matchNode(pattern: OpPattern, node: Node, match: Match, failure: Failure, root: boolean): Generator<Match> {
  failure.seen.add(node)
  const { opTypes, inputs, options } = pattern
  if (!opTypes.includes(node.opType) || !sameDomain(node.domain, options.domain ?? '')) {
    failure.note(match, `${node.label} is not ${article(opTypes)}`, root ? 0 : 5)
    return
  }
  if (!root && node.graph !== match.root.graph) {
    failure.note(match, `${node.label} is in another graph than ${match.root.label}`)
    return
  }
  const taken = match.withNode(node, pattern)
  for (const condition of options.where ?? []) {
    const why = condition(node, taken)
    if (why === undefined) continue
    failure.note(taken, why, 1)
    return
  }
  if (inputs === undefined) {
    yield taken
    return
  }
  if (node.inputs.slice(inputs.length).some((input) => input !== undefined)) {
    failure.note(taken, `${node.label} has more than ${inputs.length} inputs`, 1)
    return
  }
  const commutative = options.commutative ?? (inputs.length === 2 && COMMUTATIVE.has(node.opType))
  const orders = commutative ? [inputs, [...inputs].reverse()] : [inputs]
  for (const order of orders) {
    let states: Iterable<Match> = [taken]
    order.forEach((inner, index) => { states = chain(states, inner, node, index, failure) })
    yield* states
  }
}

function* chain(states: Iterable<Match>, pattern: Pattern, node: Node, index: number, failure: Failure): Generator<Match> {
  for (const state of states) yield* matchInput(pattern, node, index, state, failure)
}

function* matchInput(pattern: Pattern, node: Node, index: number, match: Match, failure: Failure): Generator<Match> {
  const value = node.inputs[index]
  const place = `input ${index} of ${node.label}`
  if (pattern.kind === 'optional') {
    if (value === undefined) yield match
    else yield* matchInput(pattern.pattern, node, index, match, failure)
    return
  }
  if (pattern.kind === 'either') {
    for (const inner of pattern.patterns) yield* matchInput(inner, node, index, match, failure)
    return
  }
  if (value === undefined) {
    failure.note(match, `${place} is left out`, 2)
    return
  }
  if (pattern.kind === 'op') {
    const { producer } = value
    if (producer === undefined) {
      failure.note(match, `${place}: ${originOf(value)}, not the output of ${article(pattern.opTypes)}`, 5)
    } else if (producer.outputs[pattern.options.output ?? 0] !== value) {
      failure.note(match, `${place} is another output of ${producer.label} than number ${pattern.options.output ?? 0}`, 2)
    } else {
      yield* matchNode(pattern, producer, match, failure, false)
    }
    return
  }
  const before = match.find(pattern.name)
  if (before !== undefined && before !== value) {
    failure.note(match, `${place} is "${value.name}", which is not "${before.name}"`, 3)
    return
  }
  const bound = match.withValue(pattern.name, value)
  if (pattern.kind === 'any') {
    for (const condition of pattern.where) {
      const why = condition(value, bound)
      if (why === undefined) continue
      failure.note(match, `${place}: ${why}`, 4)
      return
    }
    yield bound
    return
  }
  const tensor = constantOf(value)
  if (tensor === undefined) {
    failure.note(match, `${place} is not constant: ${originOf(value)}`, 3)
    return
  }
  for (const condition of pattern.where) {
    const why = condition(tensor, bound)
    if (why === undefined) continue
    failure.note(match, `${place} ("${value.name}"): ${why}`, 4)
    return
  }
  yield bound
}

/** A matched node that goes away must not be needed elsewhere. */
function escapes(match: Match): string | undefined {
  for (const [node, { options }] of match.matched) {
    const root = node === match.root
    if (options.shared) continue
    for (const [index, output] of node.outputs.entries()) {
      if (root && index === (options.output ?? 0)) continue
      const user = [...output.consumers].find((consumer) => root || !match.matched.has(consumer))
      if (user !== undefined) {
        return root ? `output ${index} of ${node.label}, "${output.name}", is used by ${user.label}`
          : `"${output.name}", made by ${node.label}, is also used by ${user.label}`
      }
      if (output.isGraphOutput) return `"${output.name}", made by ${node.label}, is an output of the graph`
    }
  }
  return undefined
}

function article(opTypes: readonly string[]): string {
  const names = opTypes.join(' or ')
  return /^[AEIO]/.test(names) ? `an ${names}` : `a ${names}`
}

/** `[N,3,?]` or `unknown`: a shape in a message. */
export function shapeText(shape: readonly Dim[] | undefined): string {
  return shape === undefined ? 'unknown' : `[${shape.map((dim) => dim ?? '?').join(',')}]`
}
