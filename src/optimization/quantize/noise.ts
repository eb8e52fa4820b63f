// How far quantized models are from their source, over a stream of samples.
import { throwIfInterrupted } from '../../core'
import { writeModel, type Model } from '../../onnx'
import { fromRunTensor, type RunFunction, type RunTensor } from '../run'
import { NoiseMeter } from './arithmetic'
import type { CalibrationData } from './calibrate'

/** The numbers of an output; none of text. */
export function numbersOf(output: RunTensor | undefined): Float64Array {
  return output === undefined || output.dtype === 'string' ? new Float64Array(0) : Float64Array.from(fromRunTensor(output).toArray() as ArrayLike<number>, Number)
}

/**
 * Of each model, the lowest signal-to-noise ratio of an output beside the source's in decibels, over at most `limit` samples;
 * −Infinity where one is not finite.
 */
export function outputNoises(source: Model, models: readonly Model[], data: CalibrationData, run: RunFunction, limit: number): number[] {
  const [first, ...others] = [source, ...models].map((model) => writeModel(model))
  const meters = others.map(() => new Map<string, NoiseMeter>())
  let count = 0
  for (const sample of typeof data === 'function' ? data() : data) {
    if (count++ >= limit || first === undefined) break
    throwIfInterrupted()
    const expected = run(first, sample)
    others.forEach((bytes, i) => {
      const got = run(bytes, sample)
      for (const [name, output] of Object.entries(expected)) {
        const meter = meters[i]?.get(name) ?? new NoiseMeter()
        meter.see(numbersOf(output), numbersOf(got[name]))
        meters[i]?.set(name, meter)
      }
    })
  }
  return meters.map((outputs) => [...outputs.values()].reduce((least, meter) => Math.min(least, meter.decibels), Infinity))
}
