// The proof that a changed model still computes the same: both are run on the same inputs and compared number by number.
import { DTYPES, elementCount, random } from '../core'
import { formatType, Tensor, writeModel, type Model, type TensorArray } from '../onnx'
import { OptimizationError } from './errors'
import { fromRunTensor, isRunDType, toRunTensor, type RunFunction, type RunTensor, type RunTensors } from './run'

/** |a − b| ≤ absolute + relative · |a|, number by number; a is of the model before. */
export interface Tolerance {
  readonly relative: number
  readonly absolute: number
}

/** What fusing and folding of float32 may cost: the order of sums changes. */
export const DEFAULT_TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-5 }

/** How far the outputs of two models are apart. */
export interface Difference {
  readonly output: string
  /** Largest |a − b|; infinite where one is not a number and the other is. */
  readonly largest: number
  /** Whether every number is within the tolerance, and types and shapes are equal. */
  readonly within: boolean
  /** In words, where it is worst. */
  readonly what: string
}

/**
 * Inputs for a model, from its declared inputs: normal numbers for floats, 0 or 1 for integers and booleans.
 *
 * @param sizes of symbolic axes by their name; 2 where none is given
 * @throws OptimizationError `OPTIMIZATION_INPUTS` when an input is no tensor of known type and rank
 */
export function exampleInputs(model: Model, seed = 1, sizes: Readonly<Record<string, number>> = {}): Record<string, RunTensor> {
  const numbers = random(seed)
  const inputs: Record<string, RunTensor> = {}
  for (const value of model.graph.inputs) {
    if (value.tensor !== undefined) continue
    const { dtype, shape } = value
    if (!isRunDType(dtype) || shape === undefined || dtype === 'string') {
      throw new OptimizationError('OPTIMIZATION_INPUTS', `No example can be made up for the input ${value.name}`, {
        expected: 'a tensor of numbers of known rank', got: formatType(value.type), fix: 'give inputs: { … }',
      })
    }
    const dims = shape.map((size) => (typeof size === 'number' ? size : size === null ? 2 : sizes[size] ?? 2))
    const float = DTYPES[dtype].kind === 'float'
    const values = Array.from({ length: elementCount(dims) }, () => (float ? numbers.normal() : numbers.int(2)))
    const made = toRunTensor(Tensor.from(values, dims, dtype))
    if (made !== undefined) inputs[value.name] = made
  }
  return inputs
}

/** Compares the outputs of two runs. */
export function compareOutputs(before: RunTensors, after: RunTensors, tolerance: Tolerance = DEFAULT_TOLERANCE): Difference[] {
  return Object.entries(before).map(([output, a]) => {
    const b = after[output]
    const differs = (what: string): Difference => ({ output, largest: Infinity, within: false, what })
    if (b === undefined) return differs('the output is missing')
    if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return differs(`${a.dtype}[${a.shape.join()}] became ${b.dtype}[${b.shape.join()}]`)
    return compareNumbers(output, fromRunTensor(a).toArray(), fromRunTensor(b).toArray(), tolerance)
  })
}

function compareNumbers(output: string, a: TensorArray, b: TensorArray, { relative, absolute }: Tolerance): Difference {
  let worst = 0
  let [largest, at, within] = [0, 0, true]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]]
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
    const [p, q] = [Number(x), Number(y)]
    const gap = Number.isNaN(p) || Number.isNaN(q) ? Infinity : Math.abs(p - q)
    const exceeds = gap === Infinity ? Infinity : gap / (absolute + relative * Math.abs(p))
    largest = Math.max(largest, gap)
    if (exceeds > worst) [worst, at] = [exceeds, i]
    if (!(exceeds <= 1)) within = false
  }
  const what = largest === 0 ? 'equal' : `${String(a[at])} became ${String(b[at])} at element ${at} of ${a.length}`
  return { output, largest, within, what }
}

/**
 * Runs both models on the same inputs and compares them.
 *
 * @throws OptimizationError `OPTIMIZATION_DIFFERS` when an output is outside the tolerance or a model does not run
 */
export function verifySame(before: Model, after: Model, run: RunFunction, inputs: RunTensors, tolerance: Tolerance = DEFAULT_TOLERANCE): Difference[] {
  const expected = run(writeModel(before), inputs)
  let got: RunTensors
  try {
    got = run(writeModel(after), inputs)
  } catch (cause) {
    throw new OptimizationError('OPTIMIZATION_DIFFERS', 'The new model does not run, though the old one does', {
      got: (cause as Error).message, fix: 'find the pass with simplify(model, { passes: [one] }) and leave it out', cause,
    })
  }
  const differences = compareOutputs(expected, got, tolerance)
  const wrong = differences.find(({ within }) => !within)
  if (wrong !== undefined) {
    throw new OptimizationError('OPTIMIZATION_DIFFERS', `The output ${wrong.output} of the new model differs`, {
      expected: `|a − b| ≤ ${tolerance.absolute} + ${tolerance.relative} |a|`, got: wrong.what,
      fix: 'find the pass with simplify(model, { passes: [one] }) and leave it out',
    })
  }
  return differences
}
