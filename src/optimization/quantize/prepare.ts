// What every kind of quantization does first: refuse what cannot be, raise the operator set, and simplify, so that batch
// normalization is folded and biases are where integer kernels take them.
import { upgradeOpset, type Model } from '../../onnx'
import { opsetOf, typedClone, type Pass } from '../pass'
import { DEFAULT_PASSES, fuseAttention } from '../passes'
import { requireWhole } from '../structure'
import { exampleInputs } from '../verify'
import type { RunFunction, RunTensors } from '../run'
import { QuantizeError } from './errors'
import { firstSamples, type CalibrationData } from './calibrate'
import { quantizedOperator } from './layers'
import { simplify } from '../optimize'

/** The passes before quantization: all that keep to operators that can be quantized. */
const PASSES: readonly Pass[] = DEFAULT_PASSES.filter((pass) => pass !== fuseAttention)

/** What all kinds of quantization are given. */
export interface CommonOptions {
  /** Runs a model; cached by the identity of the bytes it costs one session a model (see `runner` of the runtime room). */
  readonly run: RunFunction
  /** Sizes of symbolic axes for inputs that are made up where no data are given. */
  readonly sizes?: Readonly<Record<string, number>>
  /** Samples on which the result is compared with its source; default 8. */
  readonly compareOn?: number
  /** Decibels below which a result is refused; default 0: the error is then as large as the output itself. */
  readonly minimumSqnr?: number
  /** Whether the graph is simplified first; default true. */
  readonly simplify?: boolean
}

/**
 * A copy of the model that is ready for quantization.
 *
 * @throws QuantizeError `QUANTIZE_ALREADY`, `QUANTIZE_OPSET`; OptimizationError `OPTIMIZATION_INVALID` for a model that is
 * not whole
 */
export function prepare(model: Model, opset: number, options: Pick<CommonOptions, 'simplify' | 'run'>): Model {
  requireWhole(model)
  const before = quantizedOperator(model)
  if (before !== undefined) {
    throw new QuantizeError('QUANTIZE_ALREADY', 'The model is quantized already', {
      got: before.label, fix: 'quantize the float model that it was made from',
    })
  }
  const copy = typedClone(model)
  const raised = opsetOf(copy) < opset ? upgrade(copy, opset) : copy
  return options.simplify === false ? typedClone(raised) : typedClone(simplify(raised, { passes: PASSES }).model)
}

function upgrade(model: Model, opset: number): Model {
  try {
    return upgradeOpset(model, opset)
  } catch (cause) {
    throw new QuantizeError('QUANTIZE_OPSET', `The model cannot be raised to operator set ${opset}`, {
      got: (cause as Error).message, fix: 'export the model with a newer operator set', cause,
    })
  }
}

/** Samples for the comparison: the first of the data, or inputs made up from what the model declares. */
export function proofSamples(model: Model, data: CalibrationData | undefined, options: CommonOptions): RunTensors[] {
  if (data !== undefined) return firstSamples(data, options.compareOn ?? 8)
  const open = model.graph.inputs.find((input) => input.tensor === undefined && (input.shape === undefined
    || input.shape.some((size) => size === null || (typeof size === 'string' && options.sizes?.[size] === undefined))))
  if (open !== undefined) {
    throw new QuantizeError('QUANTIZE_DATA', `The sizes of the input ${open.name} are open, so nothing can be compared without example data`, {
      got: open.toString(), fix: 'give data: [{ … }], or sizes: { N: 1, … } for the symbols of the shape',
    })
  }
  return [exampleInputs(model, 1, options.sizes), exampleInputs(model, 2, options.sizes)]
}
