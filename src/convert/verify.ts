// The comparison of a converted model with its source: sample inputs are run, and outputs compared number by number with
// those that the framework computed. How a model is run is given by the caller, so this room knows no runtime.
import { elementCount } from '../core'
import { formatShape, Tensor, writeModel, type Model } from '../onnx'
import { ConvertError } from './errors'

/** A tensor as runtimes take and give it: float16 as bit patterns, booleans as bytes. The runtime room's are of this form. */
export interface RunTensor {
  readonly dtype: 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'bool' | 'string'
  readonly shape: readonly number[]
  readonly data:
    | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
    | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | readonly string[]
}

/**
 * Runs a model once: its bytes and inputs by name → its outputs by name.
 *
 * @example
 * const run: Run = (bytes, inputs) => {
 *   const session = Session.create(bytes)
 *   try { return session.runSync(inputs) } finally { session.dispose() }
 * }
 */
export type Run = (model: Uint8Array, inputs: Readonly<Record<string, RunTensor>>) => Readonly<Record<string, RunTensor>>

/** Inputs and the outputs that the source computes for them: by name, or in the order of the model's. */
export interface Sample {
  readonly inputs: Readonly<Record<string, Tensor>> | readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>> | readonly Tensor[]
}

/** How far one output is from the source's. */
export interface OutputError {
  readonly output: string
  /** Largest |a − b|; infinite where one is not a number and the other is. */
  readonly largest: number
  /** max |a − b| / max |b|, b being the source's. */
  readonly relative: number
}

/** What float32 may cost when the order of sums differs. */
export const DEFAULT_TOLERANCE = 1e-4

/**
 * max |a − b| / max |b| for every output of every sample, the worst sample counting.
 *
 * @throws ConvertError `CONVERT_DIFFERS` when an output is beyond the tolerance or has another type or shape;
 * `CONVERT_OPTION` when a sample does not fit the model's inputs
 */
export function verifyConversion(model: Model, samples: readonly Sample[], run: Run, tolerance = DEFAULT_TOLERANCE): OutputError[] {
  const bytes = writeModel(model)
  const worst = new Map<string, OutputError>()
  for (const sample of samples) {
    const inputs = named(sample.inputs, model.graph.inputs.filter((value) => value.tensor === undefined).map(({ name }) => name), 'inputs')
    const expected = named(sample.outputs, model.graph.outputs.map(({ name }) => name), 'outputs')
    const got = execute(run, bytes, inputs)
    for (const [output, tensor] of Object.entries(expected)) {
      const error = compareTensors(output, got[output], tensor)
      if (!(error.relative <= (worst.get(output)?.relative ?? -1))) worst.set(output, error)
    }
  }
  const errors = [...worst.values()]
  const wrong = errors.find(({ relative }) => !(relative <= tolerance))
  if (wrong === undefined) return errors
  throw new ConvertError('CONVERT_DIFFERS', `The output ${wrong.output} of the converted model is not the source's`, {
    expected: `max |a − b| ≤ ${tolerance} max |b|`, got: `${wrong.relative.toExponential(2)}; outputs: ${errors.map(({ output, relative }) => `${output} ${relative.toExponential(1)}`).join(', ')}`,
    fix: 'check that the samples were computed by this model in inference mode; a larger tolerance: { tolerance: 1e-3 }',
  })
}

function execute(run: Run, bytes: Uint8Array, inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, RunTensor>> {
  try {
    return run(bytes, Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toRun(name, tensor)])))
  } catch (cause) {
    if (cause instanceof ConvertError) throw cause
    throw new ConvertError('CONVERT_DIFFERS', 'The converted model does not run on the sample inputs', {
      got: (cause as Error).message, fix: 'check types and shapes of the samples', cause,
    })
  }
}

function named(given: Readonly<Record<string, Tensor>> | readonly Tensor[], names: readonly string[], what: string): Readonly<Record<string, Tensor>> {
  const list = Array.isArray(given) ? Object.fromEntries((given as readonly Tensor[]).map((tensor, i) => [names[i] ?? `${what} ${i}`, tensor])) : given as Readonly<Record<string, Tensor>>
  const unknown = Object.keys(list).filter((name) => !names.includes(name))
  const absent = what === 'inputs' ? names.filter((name) => !(name in list)) : []
  if (unknown.length === 0 && absent.length === 0) return list
  throw new ConvertError('CONVERT_OPTION', `The sample's ${what} are not those of the model`, { expected: names.join(', '), got: Object.keys(list).join(', ') })
}

/**
 * A tensor as runtimes take it.
 *
 * @param name for the error
 * @throws ConvertError `CONVERT_DTYPE`
 */
export function toRun(name: string, tensor: Tensor): RunTensor {
  const { dtype, shape } = tensor
  if (dtype === 'float16') {
    const bytes = Uint8Array.from(tensor.bytes)
    return { dtype, shape, data: new Uint16Array(bytes.buffer, 0, tensor.size) }
  }
  if (/^(float(32|64)|u?int(8|16|32|64)|bool|string)$/.test(dtype)) return { dtype: dtype as RunTensor['dtype'], shape, data: tensor.toArray() }
  throw new ConvertError('CONVERT_DTYPE', `The sample ${name} has a type that runtimes do not take`, { got: dtype })
}

/** max |a − b| and max |a − b| / max |b|; infinite when types, shapes or not-a-numbers differ. */
export function compareTensors(output: string, a: RunTensor | undefined, b: Tensor): OutputError {
  if (a === undefined || a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) {
    throw new ConvertError('CONVERT_DIFFERS', `The output ${output} has another type or shape than the source's`, {
      expected: `${b.dtype}${formatShape(b.shape)}`, got: a === undefined ? 'no such output' : `${a.dtype}${formatShape(a.shape)}`,
    })
  }
  const left = a.dtype === 'float16' ? Tensor.ofBytes('float16', a.shape, new Uint8Array((a.data as Uint16Array).buffer, (a.data as Uint16Array).byteOffset, 2 * elementCount(a.shape))).toArray() : a.data
  const right = b.toArray()
  let [largest, scale] = [0, 0]
  for (let i = 0; i < right.length; i++) {
    const [x, y] = [left[i], right[i]]
    if (typeof y === 'string') {
      if (x !== y) largest = Infinity
      continue
    }
    const [p, q] = [Number(x), Number(y)]
    if (Number.isFinite(q)) scale = Math.max(scale, Math.abs(q))
    if (p === q || (Number.isNaN(p) && Number.isNaN(q))) continue
    const gap = Math.abs(p - q)
    largest = Math.max(largest, Number.isNaN(gap) ? Infinity : gap)
  }
  return { output, largest, relative: largest === 0 ? 0 : scale === 0 ? Infinity : largest / scale }
}
