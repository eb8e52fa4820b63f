// Which layers quantization hurts, which of them to leave in float under a quality budget, and whether a change is worth keeping.
import { cloneModel, writeModel, type Model } from '../../onnx'
import { weightBytes } from '../report'
import { NoiseMeter } from './arithmetic'
import { QuantizeError } from './errors'
import { numbersOf } from './noise'
import { assemble, calibrate, finish, type Calibration, type StaticOptions } from './static'
import type { Quantized } from './report'

/** What quantizing one layer alone does. */
export interface Sensitivity {
  /** The layer: name of its first output. */
  readonly layer: string
  readonly opType: string
  /** Of the model's outputs when only this layer is quantized, decibels: low is sensitive. */
  readonly output: number
  /** Of the layer's own output, decibels; undefined without bias correction, which measures it. */
  readonly local: number | undefined
}

/** Signal to noise of all outputs of a model beside its source, on the samples of a calibration; −Infinity where one is not finite. */
function outputNoise(calibration: Calibration, model: Model, expected: readonly (readonly Float64Array[])[]): number {
  const bytes = writeModel(model)
  const meters: NoiseMeter[] = []
  calibration.samples.forEach((sample, i) => {
    const outputs = calibration.options.run(bytes, sample)
    Object.values(outputs).forEach((output, k) => { (meters[k] ??= new NoiseMeter()).see(expected[i]?.[k] ?? [], numbersOf(output)) })
  })
  return meters.reduce((least, meter) => Math.min(least, meter.decibels), Infinity)
}

function expectedOutputs({ source, samples, options }: Calibration): Float64Array[][] {
  const bytes = writeModel(source)
  return samples.map((sample) => Object.values(options.run(bytes, sample)).map(numbersOf))
}

/**
 * Ranks the layers by what quantizing each alone does to the outputs of the model, the most sensitive first.
 *
 * @param from a calibration, or a model and options to make one
 */
export function sensitivity(from: Calibration): Sensitivity[] {
  const expected = expectedOutputs(from)
  const { plan } = assemble(from)
  const found = plan.layers.map((layer): Sensitivity => {
    const { model } = assemble(from, { include: [layer.key] })
    return { layer: layer.key, opType: layer.node.opType, output: outputNoise(from, model, expected), local: from.layers.get(layer.key)?.sqnr }
  })
  return found.sort((a, b) => a.output - b.output)
}

/** What a mixed-precision model must keep. One of the two. */
export type Budget =
  /** Signal-to-noise ratio of the outputs, decibels. */
  | { readonly sqnr: number }
  /** A score where higher is better, such as accuracy on held-out data, and how much of the float model's may be lost. */
  | { readonly score: (model: Uint8Array) => number; readonly loss: number }

/** A model in two precisions. */
export interface Mixed extends Quantized {
  /** Layers that stay in float, most sensitive first. */
  readonly kept: readonly string[]
  readonly sensitivities: readonly Sensitivity[]
  /** What was measured for each number of layers kept. */
  readonly tried: readonly { readonly kept: number; readonly quality: number }[]
}

/**
 * The fewest layers in float under a quality budget: layers are ranked by sensitivity, and a bisection finds how many of the most
 * sensitive must stay, O(log L) evaluations. Quality is taken to grow with that number; the answer itself is measured.
 *
 * @throws QuantizeError `QUANTIZE_QUALITY` when no number of layers meets the budget though something is quantized
 */
export function quantizeMixed(model: Model, options: StaticOptions & { readonly budget: Budget }): Mixed {
  const calibration = calibrate(model, options)
  const ranked = sensitivity(calibration)
  const expected = expectedOutputs(calibration)
  const { budget } = options
  const reference = 'score' in budget ? budget.score(writeModel(calibration.source)) : Infinity
  const tried: { kept: number; quality: number }[] = []
  const good = (count: number): boolean => {
    const { model: made } = assemble(calibration, { exclude: ranked.slice(0, count).map(({ layer }) => layer) })
    const quality = 'score' in budget ? budget.score(writeModel(made)) : outputNoise(calibration, made, expected)
    tried.push({ kept: count, quality })
    return 'score' in budget ? quality >= reference - budget.loss : quality >= budget.sqnr
  }
  let [low, high] = [0, ranked.length]
  if (good(0)) high = 0
  else {
    // All layers in float is no answer: at least one must be left to quantize.
    high = ranked.length - 1
    if (high < 1 || !good(high)) {
      throw new QuantizeError('QUANTIZE_QUALITY', 'No mixture of float and integer layers meets the budget', {
        expected: 'score' in budget ? `a score of at least ${reference - budget.loss}` : `${budget.sqnr} dB`,
        got: tried.map(({ kept, quality }) => `${quality.toPrecision(4)} with ${kept} of ${ranked.length} layers in float`).join(', '),
        fix: 'allow more loss, or use rounding: \'adaround\', activations: \'uint16\', or weights only',
      })
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (good(middle)) high = middle
      else low = middle
    }
  }
  const kept = ranked.slice(0, high).map(({ layer }) => layer)
  return { ...finish(calibration, { exclude: kept }), kept, sensitivities: ranked, tried }
}

/** A comparison of two models on the target: the ratio of latencies after ÷ before, and the range that it is in. */
export interface Measured {
  readonly ratio: number
  /** 95% interval of the ratio; when it contains 1, no difference was shown. */
  readonly interval: readonly [low: number, high: number]
}

/** Times two models beside each other on the machine that will run them. */
export type MeasureFunction = (before: Uint8Array, after: Uint8Array) => Measured | Promise<Measured>

/** What a guard decided. */
export interface Guarded {
  /** The changed model when it is worth keeping, else the one before. */
  readonly model: Model
  readonly kept: boolean
  readonly why: string
  readonly latency: Measured
  /** Bytes of constants after ÷ before. */
  readonly size: number
}

/**
 * Keeps a change only if it is measured to be faster, or smaller, than what was there: integer models are often slower than float
 * (onnxruntime issues 26143, 20052, 12854).
 *
 * @param options `want`: `faster`: the whole interval of the latency ratio is below 1; `smaller`: fewer bytes and not shown to be
 * slower; `either` (default): one of the two
 */
export async function keepIfBetter(
  before: Model, after: Model, measure: MeasureFunction, options: { readonly want?: 'faster' | 'smaller' | 'either' } = {},
): Promise<Guarded> {
  const { want = 'either' } = options
  const latency = await measure(writeModel(before), writeModel(after))
  if (!(latency.ratio > 0) || !(latency.interval[0] <= latency.interval[1])) {
    throw new QuantizeError('QUANTIZE_OPTION', 'The measure function gave no ratio', { expected: '{ ratio > 0, interval: [low, high] }', got: JSON.stringify(latency) })
  }
  const size = weightBytes(after) / Math.max(1, weightBytes(before))
  const faster = latency.interval[1] < 1
  const slower = latency.interval[0] > 1
  const smaller = size < 1 && !slower
  const kept = want === 'faster' ? faster : want === 'smaller' ? smaller : faster || smaller
  const times = `× ${latency.ratio.toFixed(2)} [${latency.interval[0].toFixed(2)}, ${latency.interval[1].toFixed(2)}] latency, × ${size.toFixed(2)} bytes`
  const why = `${kept ? 'kept' : 'refused'}: ${faster ? 'faster' : slower ? 'slower' : 'no difference in latency shown'}, ${times}`
  return { model: kept ? after : cloneModel(before), kept, why, latency, size }
}
