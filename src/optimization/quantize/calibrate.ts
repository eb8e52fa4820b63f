// Streaming calibration: the model runs on one sample at a time with the observed values as extra outputs, and observers
// take from each what they keep. No activation outlives its sample, so memory does not grow with the number of samples.
import { throwIfInterrupted } from '../../core'
import { cloneModel, formatShape, writeModel, type Dim, type Model, type Value } from '../../onnx'
import type { RunFunction, RunTensor, RunTensors } from '../run'
import { QuantizeError } from './errors'
import { Histogram } from './histogram'

/** Example inputs: a list, or a function that starts the stream anew, for data that do not fit into memory. */
export type CalibrationData = Iterable<RunTensors> | (() => Iterable<RunTensors>)

/** What watches a value of the model, one sample after the other. */
export interface Observer {
  see(values: ArrayLike<number>, shape: readonly number[]): void
}

/** Observers by the name of the value that they watch. */
export type Observers = ReadonlyMap<string, readonly Observer[]>

/** A histogram of everything that a value was. */
export class HistogramObserver implements Observer {
  readonly histogram: Histogram = new Histogram()

  constructor(private readonly name: string) {}

  see(values: ArrayLike<number>): void {
    const wrong = this.histogram.see(values)
    if (wrong !== undefined) {
      throw new QuantizeError('QUANTIZE_NOT_FINITE', `The value ${this.name} is not finite on a calibration sample`, {
        got: `${values[wrong] ?? NaN} at element ${wrong}`,
        fix: 'find the sample and leave it out; if the float model overflows on real data, mend that first',
      })
    }
  }
}

/** Mean and largest magnitude along one axis: E[x_c] and max |x_c|. */
export class ChannelObserver implements Observer {
  private sums = new Float64Array(0)
  private most = new Float64Array(0)
  private seen = 0

  /** @param axis negative counts from the back */
  constructor(private readonly axis: number) {}

  see(values: ArrayLike<number>, shape: readonly number[]): void {
    const axis = this.axis < 0 ? shape.length + this.axis : this.axis
    const count = shape[axis] ?? 1
    if (this.sums.length === 0) [this.sums, this.most] = [new Float64Array(count), new Float64Array(count)]
    const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
    const { sums, most } = this
    for (let i = 0, c = 0; i < values.length; c = c + 1 === count ? 0 : c + 1) {
      let sum = 0
      let top = most[c] ?? 0
      for (const end = i + inner; i < end; i++) {
        const x = values[i] ?? 0
        sum += x
        const size = x < 0 ? -x : x
        if (size > top) top = size
      }
      sums[c] = (sums[c] ?? 0) + sum
      most[c] = top
    }
    this.seen += count === 0 ? 0 : values.length / count
  }

  get mean(): Float64Array {
    return this.sums.map((sum) => sum / Math.max(1, this.seen))
  }

  get largest(): Float64Array {
    return this.most
  }
}

/**
 * Runs the model over the data and shows each sample's values to their observers.
 *
 * @returns the number of samples
 * @throws QuantizeError `QUANTIZE_DATA` when there are no data or a sample does not fit the inputs; `QUANTIZE_NOT_FINITE`
 * when a sample or an observed value holds NaN or an infinity; `QUANTIZE_RUN` when the model fails on a sample
 */
export function observe(model: Model, data: CalibrationData, run: RunFunction, observers: Observers, limit: number = Infinity): number {
  const copy = cloneModel(model)
  const watched = new Map([...copy.graph.values()].filter((value) => observers.has(value.name)).map((value) => [value.name, value]))
  for (const value of watched.values()) if (!value.isGraphInput && !value.isGraphOutput) copy.graph.addOutput(value)
  const bytes = writeModel(copy)
  let count = 0
  for (const sample of typeof data === 'function' ? data() : data) {
    if (count >= limit) break
    throwIfInterrupted()
    checkSample(model, sample, count)
    const outputs = attempt(run, bytes, sample, count)
    for (const [name, list] of observers) {
      const seen = outputs[name] ?? sample[name]
      if (seen !== undefined) for (const observer of list) observer.see(seen.data as ArrayLike<number>, seen.shape)
    }
    count++
  }
  if (count === 0) {
    throw new QuantizeError('QUANTIZE_DATA', 'There are no calibration data', {
      expected: 'at least one sample: { input name: tensor }', got: typeof data === 'function' ? 'an empty stream' : 'an empty list, or a generator that was read before',
      fix: 'give a list, or a function that starts the stream anew each time: data: () => samples()',
    })
  }
  return count
}

function attempt(run: RunFunction, bytes: Uint8Array, sample: RunTensors, index: number): RunTensors {
  try {
    return run(bytes, sample)
  } catch (cause) {
    throw new QuantizeError('QUANTIZE_RUN', `The model does not run on sample ${index}`, { got: (cause as Error).message, cause })
  }
}

/**
 * Checks a sample against the inputs of a model.
 *
 * @throws QuantizeError `QUANTIZE_DATA`, `QUANTIZE_NOT_FINITE`
 */
export function checkSample(model: Model, sample: RunTensors, index: number): void {
  const inputs = model.graph.inputs.filter((input) => input.tensor === undefined)
  const where = `sample ${index}`
  const unknown = Object.keys(sample).find((name) => !model.graph.inputs.some((input) => input.name === name))
  if (unknown !== undefined) {
    throw new QuantizeError('QUANTIZE_DATA', `The model has no input ${unknown}`, { where, expected: inputs.map((input) => input.name).join(', ') })
  }
  for (const input of inputs) {
    const given = sample[input.name]
    const expected = `${input.dtype ?? 'a tensor'}${input.shape === undefined ? '' : formatShape(input.shape)} for "${input.name}"`
    if (given === undefined) throw new QuantizeError('QUANTIZE_DATA', `A calibration sample lacks the input ${input.name}`, { where, expected })
    if ((input.dtype !== undefined && given.dtype !== input.dtype) || !fits(input, given)) {
      throw new QuantizeError('QUANTIZE_DATA', 'A calibration sample does not fit the model', {
        where, expected, got: `${given.dtype}${formatShape(given.shape)}`,
      })
    }
    requireFinite(given, input.name, where)
  }
}

function fits(input: Value, given: RunTensor): boolean {
  const elements = given.shape.reduce((product, size) => product * size, 1)
  const same = (dim: Dim, size: number | undefined): boolean => typeof dim !== 'number' || dim === size
  return elements === given.data.length && (input.shape === undefined
    || (input.shape.length === given.shape.length && input.shape.every((dim, axis) => same(dim, given.shape[axis]))))
}

function requireFinite(given: RunTensor, name: string, where: string): void {
  if (given.dtype !== 'float32' && given.dtype !== 'float64') return
  const data = given.data as Float32Array | Float64Array
  for (let i = 0; i < data.length; i++) {
    const x = data[i] ?? 0
    if (x - x !== 0) {
      throw new QuantizeError('QUANTIZE_NOT_FINITE', 'A calibration sample is not finite', {
        where: `${where}, input "${name}", element ${i}`, got: String(x), fix: 'leave the sample out, or mend what made it',
      })
    }
  }
}

/** The first samples of the data, as a list: for comparing a model with its source. */
export function firstSamples(data: CalibrationData, count: number): RunTensors[] {
  const found: RunTensors[] = []
  for (const sample of typeof data === 'function' ? data() : data) {
    if (found.length >= count) break
    found.push(sample)
  }
  return found
}
