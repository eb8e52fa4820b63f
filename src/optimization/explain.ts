// Why a pass did or did not do anything at a place that a person points at.
import type { Model, Node } from '../onnx'
import { OptimizationError } from './errors'
import { graphsOfModel, type Pass, type PassContext, type Reason } from './pass'
import { Shown } from './report'

/** The answer of `explain`, readable as text. */
export class Explanation extends Shown {
  constructor(readonly pass: string, readonly place: string, readonly reasons: readonly Reason[]) {
    super(() => ({ 'text/plain': this.toString() }))
  }

  /** Whether the pass would change the model here. */
  get fires(): boolean {
    return this.reasons.some((reason) => reason.fires)
  }

  /** The reason that says most: of the rule that fires, or else of the rule that came furthest. */
  get why(): string {
    const ranked = [...this.reasons].sort((a, b) => Number(b.fires) - Number(a.fires) || (b.depth ?? 0) - (a.depth ?? 0))
    return ranked[0]?.why ?? `${this.pass} has no rule`
  }

  override toString(): string {
    const lines = this.reasons.map(({ rule, fires, why }) => `  ${fires ? '✓' : '✗'} ${rule}: ${why}`)
    return [`${this.pass} at ${this.place}: ${this.fires ? 'fires' : 'does not fire'}`, ...lines].join('\n')
  }
}

/**
 * Why a pass fires at a node, or does not: for each of its rules the first condition that failed, in words.
 *
 * @param node a node of the model, or the name of a node or of a value that it makes
 * @throws OptimizationError `OPTIMIZATION_NODE` when the model has no such node
 * @example
 * explain(model, fuseBatchNormalization, 'bn1').why
 * // → '"conv1_out", made by "conv1" (Conv), is also used by "add" (Add)'
 */
export function explain(model: Model, pass: Pass, node: Node | string, context: PassContext = {}): Explanation {
  const found = typeof node === 'string' ? findNode(model, node) : graphsOfModel(model).includes(node.graph ?? model.graph) ? node : undefined
  if (found?.graph === undefined) {
    throw new OptimizationError('OPTIMIZATION_NODE', 'The model has no such node', {
      expected: 'the name of a node, or of a value that a node makes', got: typeof node === 'string' ? node : node.label,
    })
  }
  return new Explanation(pass.name, found.label, pass.reasons(model, found, context))
}

function findNode(model: Model, name: string): Node | undefined {
  let byOutput: Node | undefined
  for (const node of model.graph.allNodes()) {
    if (node.name === name) return node
    if (node.outputs.some((output) => output.name === name)) byOutput ??= node
  }
  return byOutput
}
