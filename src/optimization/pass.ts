// The contract of a pass: graph in, graph out, its claims checked from outside. A pass never touches the model it is given.
import { cloneModel, type Graph, type Model, type Node, type Value } from '../onnx'
import { OptimizationError } from './errors'
import type { RunFunction } from './run'
import { ensureTypes, inheritTypes, requireNoNewProblems, structureHash } from './structure'

/** What passes may know besides the model. */
export interface PassContext {
  /** Runs a model, for folding operators that this library does not evaluate itself. */
  readonly run?: RunFunction
  /**
   * Who will run the model. `onnx` (default): any runtime, so only standard operators are made. `onnxruntime`: operators
   * of the domain com.microsoft may be made too.
   */
  readonly target?: 'onnx' | 'onnxruntime'
  /** A constant is folded when its result is at most this many bytes, or no larger than what it replaces. Default 1 MiB. */
  readonly foldLimit?: number
}

/** What a pass says of itself; the documentation is made from it. */
export interface PassDescription {
  /** In kebab case, unique. */
  readonly name: string
  /** One sentence: what it is for. */
  readonly summary: string
  /** What it rewrites, an equation or a form an entry. */
  readonly handles: readonly string[]
  /** What it deliberately does not touch, with the reason. */
  readonly leavesAlone: readonly string[]
}

/** One edit, for people. */
export interface Change {
  readonly pass: string
  /** Which rule of the pass. */
  readonly rule: string
  /** The value at which it happened: it names a place before and after. */
  readonly at: string
  /** In words: `Conv "c1" + BatchNormalization "b1" → Conv`. */
  readonly what: string
}

export interface PassResult {
  readonly model: Model
  readonly modified: boolean
  readonly changes: readonly Change[]
}

/** Why a rule did or did not fire at a place. */
export interface Reason {
  readonly rule: string
  /** Whether the rule would rewrite here. */
  readonly fires: boolean
  /** The first condition that failed, in words; or what would be done. */
  readonly why: string
  /** How many nodes had matched when it failed: the rule that came furthest says most. Default 0. */
  readonly depth?: number
}

/** A model being edited by a pass, and the record of what was done. */
export interface Work {
  /** A copy of the input, free to edit. */
  readonly model: Model
  readonly context: PassContext
  /** Notes an edit. */
  readonly changed: (rule: string, at: Value | string, what: string) => void
}

export interface Pass extends PassDescription {
  /**
   * Applies the pass.
   *
   * @throws OptimizationError `OPTIMIZATION_INVALID` or `OPTIMIZATION_CLAIM` when the pass is wrong: its model is not returned
   */
  run(model: Model, context?: PassContext): PassResult
  /** Why each of its rules does or does not fire at a node of the model. Nothing is changed. */
  reasons(model: Model, node: Node, context?: PassContext): readonly Reason[]
}

/** A pass from its two functions; what wraps them checks what they say. */
export function definePass(definition: PassDescription & {
  readonly apply: (work: Work) => void
  readonly why: (work: Work, node: Node) => readonly Reason[]
}): Pass {
  const { name, summary, handles, leavesAlone, apply, why } = definition
  return {
    name, summary, handles, leavesAlone,
    run(model, context = {}) {
      const copy = typedClone(model)
      const changes: Change[] = []
      apply({
        model: copy, context,
        changed: (rule, at, what) => changes.push({ pass: name, rule, at: typeof at === 'string' ? at : at.name, what }),
      })
      keepReadable(copy)
      const modified = structureHash(copy) !== structureHash(model)
      if (modified !== changes.length > 0) {
        throw new OptimizationError('OPTIMIZATION_CLAIM', `The pass ${name} does not say what it did`, {
          expected: modified ? 'changes listed for a changed graph' : 'a changed graph for the changes listed',
          got: changes.length === 0 ? 'no change listed' : changes.map((change) => change.what).join('; '),
        })
      }
      if (!modified) return { model, modified, changes }
      requireNoNewProblems(model, copy, name)
      ensureTypes(copy, true)
      return { model: copy, modified, changes }
    },
    reasons(model, node, context = {}) {
      const copy = typedClone(model)
      const place = [...model.graph.allNodes()].indexOf(node)
      const twin = [...copy.graph.allNodes()][place]
      return twin === undefined ? [] : why({ model: copy, context, changed: () => undefined }, twin)
    },
  }
}

/** A copy to edit, in which the types of values are known as far as they can be inferred. */
export function typedClone(model: Model): Model {
  const copy = cloneModel(model)
  inheritTypes(model, copy)
  ensureTypes(copy)
  return copy
}

/** Before IR version 4 every initializer had to be an input; the initializers that a pass adds are not. */
function keepReadable(model: Model): void {
  if (model.irVersion >= 4) return
  for (const value of model.graph.initializers.keys()) {
    if (!value.isGraphInput) model.irVersion = 4
  }
}

/** The graphs of a model that passes edit: the main graph and all inside it. Bodies of functions are left alone. */
export function graphsOfModel(model: Model): Graph[] {
  const found = [model.graph]
  for (const node of model.graph.allNodes()) found.push(...node.subgraphs)
  return found
}

/** Version of ONNX's own operator set; 0 for a model that uses none of its operators. */
export function opsetOf(model: Model): number {
  return model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 0
}

/** Whether `after` can take the place of `before` everywhere, or the reason why not, in words. */
export function whyNotReplaceable(before: Value, after: Value): string | undefined {
  if (!before.isGraphOutput) return undefined
  const place = `"${before.name}" is an output of the graph`
  if (after.producer === undefined) return `${place}, and "${after.name}" is not computed by a node that could take its name`
  if (after.isGraphOutput) return `${place}, and so is "${after.name}"`
  if (before.returnedBy?.some((graph) => graph !== after.graph)) return `${place}, and "${after.name}" belongs to another graph`
  return undefined
}

/**
 * Makes every reader of `before` take `after`. Where `before` is an output of a graph, `after` gets its name.
 * Ask `whyNotReplaceable` first.
 */
export function replaceValue(before: Value, after: Value): void {
  const returned = before.isGraphOutput
  before.graph?.root.replaceAllUses(before, after)
  if (before.declaredType !== undefined && (returned || after.type === undefined)) after.declaredType = before.declaredType
  if (!returned) return
  // Both names stay taken; the old value, which nothing reads any more, keeps the new value's.
  const name = before.currentName
  before.currentName = after.currentName
  after.currentName = name
}
