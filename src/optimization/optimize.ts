// Passes applied until nothing changes, the result proved against its source.
import { upgradeOpset, type Model } from '../onnx'
import { throwIfInterrupted } from '../core'
import { OptimizationError } from './errors'
import { typedClone, type Change, type Pass, type PassContext } from './pass'
import { DEFAULT_PASSES } from './passes'
import { SimplifyReport, sizeOf } from './report'
import type { RunTensors } from './run'
import { requireWhole } from './structure'
import { exampleInputs, verifySame, type Difference, type Tolerance } from './verify'

export interface SimplifyOptions extends PassContext {
  /**
   * Raise the model to this version of ONNX's operator set first, when it is older: rules may then use operators that came with
   * it, such as LayerNormalization (17), Gelu (20), Attention and RMSNormalization (23). Default: it keeps its own.
   */
  readonly opset?: number
  /** Which passes, in order; default: all that are safe for the target. */
  readonly passes?: readonly Pass[]
  /** Inputs for the proof, one set or several; made up from the declared inputs when left out. Used only with `run`. */
  readonly inputs?: RunTensors | readonly RunTensors[]
  /** Sizes of symbolic axes for inputs that are made up. */
  readonly sizes?: Readonly<Record<string, number>>
  readonly tolerance?: Tolerance
}

export interface Simplified {
  readonly model: Model
  readonly modified: boolean
  readonly report: SimplifyReport
}

/** More rounds than any model needs: what is left then is two passes that undo each other. */
const MAX_ROUNDS = 20

/**
 * The same function with fewer and larger operators: passes are applied in turn until none changes anything. With a `run`
 * function the outputs of both models are compared, and a model that differs is not returned.
 *
 * @throws OptimizationError `OPTIMIZATION_INVALID` when the given model is not whole, or a pass breaks it;
 * `OPTIMIZATION_DIFFERS` when outputs differ by more than the tolerance; `OPTIMIZATION_INPUTS` when no inputs can be made up
 * @throws OnnxError `ONNX_SCHEMA` when the operator set cannot be raised to `opset`
 * @example
 * const { model: small, report } = simplify(model, {
 *   run: (bytes, inputs) => Session.create(bytes, { optimization: 'disabled' }).runSync(inputs),
 * })
 */
export function simplify(model: Model, options: SimplifyOptions = {}): Simplified {
  requireWhole(model)
  const passes = options.passes ?? DEFAULT_PASSES
  if (passes.length === 0) throw new OptimizationError('OPTIMIZATION_OPTION', 'There is no pass to apply', { fix: 'leave passes out for all of them' })
  const changes: Change[] = []
  const raised = options.opset !== undefined && options.opset > model.opset ? upgradeOpset(model, options.opset) : undefined
  if (raised) changes.push({ pass: 'upgrade-opset', rule: 'upgrade', at: model.graph.name, what: `operator set ${model.opset} → ${raised.opset}` })
  let current = typedClone(raised ?? model)
  let rounds = 0
  let converged = false
  while (!converged && rounds < MAX_ROUNDS) {
    converged = true
    rounds++
    for (const pass of passes) {
      throwIfInterrupted()
      const result = pass.run(current, options)
      if (!result.modified) continue
      converged = false
      current = result.model
      changes.push(...result.changes)
    }
  }
  const differences = options.run === undefined ? undefined : prove(model, changes.length > 0 ? current : model, options)
  return {
    model: changes.length > 0 ? current : model, modified: changes.length > 0,
    report: new SimplifyReport(sizeOf(model), sizeOf(current), changes, rounds, converged, differences),
  }
}

function prove(before: Model, after: Model, options: SimplifyOptions): Difference[] {
  const { run, inputs, sizes, tolerance } = options
  if (run === undefined || before === after) return []
  const sets = inputs === undefined ? [exampleInputs(before, 1, sizes)] : isSeveral(inputs) ? inputs : [inputs]
  return sets.flatMap((set) => verifySame(before, after, run, set, tolerance))
}

const isSeveral = (inputs: RunTensors | readonly RunTensors[]): inputs is readonly RunTensors[] => Array.isArray(inputs)
