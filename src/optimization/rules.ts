// A pass made of rules: each finds a pattern and puts something cheaper in its place.
import { Node, schemaOf, Tensor, type AttributeInput, type Graph, type Model, type Value } from '../onnx'
import { definePass, graphsOfModel, opsetOf, replaceValue, whyNotReplaceable, type Pass, type PassContext, type PassDescription, type Reason, type Work } from './pass'
import { Failure, matchAt, type Match, type OpPattern } from './rewrite'

/** One rewrite. The comment above it in the code starts with its equation. */
export interface Rule {
  readonly name: string
  /** `old form → new form`, for people. */
  readonly equation: string
  readonly pattern: OpPattern
  /** Further conditions on a whole match: the reason when one fails. */
  readonly check?: (match: Match, model: Model) => string | undefined
  /** Makes what replaces the root's output. */
  readonly rewrite: (match: Match, edit: Edit) => Value
}

/** Makes nodes and constants beside a match. */
export class Edit {
  constructor(readonly model: Model, private before: Node, private readonly graph: Graph) {}

  /**
   * Adds a node before the root of the match and returns its first output.
   *
   * @param options `outputs`: names for its outputs, empty for one that is left out; `like`: a value whose type the first one has
   */
  op(
    opType: string, inputs: readonly (Value | Tensor | undefined)[], attributes: Readonly<Record<string, AttributeInput>> = {},
    options: { readonly name?: string; readonly domain?: string; readonly outputs?: readonly string[]; readonly like?: Value } = {},
  ): Value {
    const values = inputs.map((input) => (input instanceof Tensor ? this.constant(input, opType.toLowerCase()) : input))
    while (values.length > 0 && values.at(-1) === undefined) values.pop()
    const names = options.outputs?.map((name) => (name === '' ? '' : this.graph.freshName(name)))
    const node = new Node(opType, values, names ?? 1, { name: options.name ?? '', domain: options.domain ?? '' })
    const kinds = schemaOf(opType, opsetOf(this.model), options.domain)?.attributes
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value, kinds?.get(name)?.kind)
    if (options.domain !== undefined && options.domain !== '' && !this.model.opsets.has(options.domain)) {
      this.model.opsets.set(options.domain, 1)
    }
    this.graph.insertBefore(this.before, node)
    const [first] = node.outputs
    if (first === undefined) throw new TypeError(`${opType} was asked for no outputs`)
    if (options.like?.type !== undefined) first.type = options.like.type
    return first
  }

  /** A node like `original` with some inputs replaced: attributes, name and domain are kept. */
  copy(original: Node, inputs: readonly (Value | Tensor | undefined)[], attributes: Readonly<Record<string, AttributeInput>> = {}): Value {
    return this.op(original.opType, inputs, { ...Object.fromEntries(original.attributes), ...attributes }, {
      name: original.name, domain: original.domain,
    })
  }

  /** Makes nodes from now on before this one, in place of the root of the match. */
  placeBefore(node: Node): void {
    this.before = node
  }

  /** Replaces a value besides the output of the root. */
  alsoReplace(before: Value, after: Value): void {
    replaceValue(before, after)
  }

  /** Adds an initializer named after `name`. */
  constant(tensor: Tensor, name: string): Value {
    return this.graph.addInitializer(name, tensor)
  }
}

/** A pass that is a list of rules; another pass can be made of some of them. */
export interface RulePass extends Pass {
  readonly rules: readonly Rule[]
}

/** A pass that applies its rules everywhere, until none fires. What it handles are the equations of its rules. */
export function rulePass(description: Omit<PassDescription, 'handles'> & { readonly rules: readonly Rule[] }): RulePass {
  const { rules, ...rest } = description
  const pass = definePass({
    ...rest,
    handles: rules.map((rule) => rule.equation),
    apply: (work) => { for (const graph of graphsOfModel(work.model)) applyRules(rules, graph, work) },
    why: (work, node) => rules.map((rule) => whyRule(rule, node, work)),
  })
  return { ...pass, rules }
}

/** Applies rules to one graph until none fires. */
function applyRules(rules: readonly Rule[], graph: Graph, work: Work): void {
  // Rule by rule, so that an earlier rule, which may take in more than a later one, is tried at every place first.
  let fired = true
  while (fired) {
    fired = false
    for (const rule of rules) {
      for (const node of graph.nodes) {
        if (node.graph === graph && tryRule(rule, node, graph, work)) fired = true
      }
    }
  }
}

function tryRule(rule: Rule, node: Node, graph: Graph, work: Work): boolean {
  if (!rule.pattern.opTypes.includes(node.opType)) return false
  const match = findMatch(rule, node, work.model, work.context, new Failure())
  if (match === undefined) return false
  const output = node.outputs[rule.pattern.options.output ?? 0]
  if (output === undefined) return false
  const what = match.toString()
  const edit = new Edit(work.model, node, graph)
  let after = rule.rewrite(match, edit)
  if (whyNotReplaceable(output, after) !== undefined) after = edit.op('Identity', [after])
  const name = output.name
  replaceValue(output, after)
  removeUnused(match.matched.keys())
  work.changed(rule.name, name, `${what} → ${after.producer === undefined ? `"${after.name}"` : after.producer.opType}`)
  return true
}

function findMatch(rule: Rule, node: Node, model: Model, context: PassContext, failure: Failure): Match | undefined {
  return matchAt(rule.pattern, node, context, opsetOf(model), failure, (match) => rule.check?.(match, model))
}

/** Removes the given nodes where nothing needs them any more, readers before what they read. */
export function removeUnused(nodes: Iterable<Node>): void {
  const left = new Set(nodes)
  for (let removed = true; removed;) {
    removed = false
    for (const node of left) {
      if (node.graph === undefined || node.outputs.some((output) => output.consumers.size > 0 || output.isGraphOutput)) continue
      node.graph.remove(node)
      left.delete(node)
      removed = true
    }
  }
}

/** How far a pattern reaches: the longest way from its root to an operator in it. */
function reach(pattern: OpPattern): number {
  let deepest = 0
  const walk = (inner: OpPattern['inputs'], depth: number): void => {
    for (const one of inner ?? []) {
      const plain = one.kind === 'optional' ? one.pattern : one
      if (plain.kind === 'either') walk(plain.patterns, depth)
      if (plain.kind !== 'op') continue
      deepest = Math.max(deepest, depth)
      walk(plain.inputs, depth + 1)
    }
  }
  walk(pattern.inputs, 1)
  return deepest
}

/** The rule's answer for a node that a person points at: it may be the root of the pattern or anywhere in it. */
function whyRule(rule: Rule, node: Node, { model, context }: Work): Reason {
  let ring: Node[] = [node]
  let best: { depth: number; why: string } | undefined
  for (let step = 0; step <= reach(rule.pattern) && ring.length > 0; step++) {
    for (const root of ring) {
      const failure = new Failure()
      const match = findMatch(rule, root, model, context, failure)
      if (match?.matched.has(node)) return { rule: rule.name, fires: true, why: `${match.toString()}: ${rule.equation}` }
      if (match !== undefined || !failure.seen.has(node)) continue
      if (!rule.pattern.opTypes.includes(root.opType)) failure.why = `${root.label} is not where this rule ends (${rule.pattern.opTypes.join(' or ')})`
      if (best === undefined || failure.depth > best.depth) best = { depth: failure.depth, why: failure.why }
    }
    ring = ring.flatMap((one) => one.outputs.flatMap((output) => [...output.consumers]))
  }
  return { rule: rule.name, fires: false, depth: best?.depth ?? -1, why: best?.why ?? `${node.label} is not part of this pattern` }
}
