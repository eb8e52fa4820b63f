// Static quantization: ranges of activations from calibration data, weights in 8 bits, computed in integers.
import type { Model } from '../../onnx'
import { floats } from '../constants'
import { typedClone } from '../pass'
import type { RunFunction, RunTensors } from '../run'
import { ensureTypes } from '../structure'
import { arrayFor, parametersOf, quantizeWith, type Grid, type Parameters, type QuantizedType, type QuantizedWeight } from './arithmetic'
import { HistogramObserver, observe, type CalibrationData, type Observer } from './calibrate'
import { adviseRange } from './cpu'
import { equalizeLayers } from './equalize'
import { QuantizeError } from './errors'
import { gridText, insertQuantization } from './insert'
import { biasOf, matrixOf, type Layer } from './layers'
import { MomentObserver } from './moments'
import { planOf, type Plan, type Selection } from './plan'
import { productBy } from './product'
import { prepare, proofSamples, type CommonOptions } from './prepare'
import { probeLayers, type LayerError } from './probe'
import { outputNoises } from './noise'
import { chooseRange, type CalibrationMethod } from './ranges'
import { reportOn, type Quantized } from './report'
import { adaRound, gptq, type Rounding } from './rounding'
import { smoothLayers } from './smooth'
import { roomForBias, weightParameters } from './weights'

/** How a model is quantized. Defaults are what loses least on the models of the benchmark. */
export interface StaticOptions extends CommonOptions, Selection {
  readonly data: CalibrationData
  /** Integers of activations; default `uint8`, which processors multiply fastest with `int8`. */
  readonly activations?: 'uint8' | 'int8' | 'uint16' | 'int16'
  /** Integers of weights; default `int8`. */
  readonly weights?: 'int8' | 'uint8'
  /** Activations with the zero point in the middle; default false. */
  readonly symmetricActivations?: boolean
  /** Weights with the zero point in the middle; default true. */
  readonly symmetricWeights?: boolean
  /** A scale for each output channel of a weight; default true. */
  readonly perChannel?: boolean
  /** Weights in 7 bits, for processors that saturate; default `auto`: as this processor needs. */
  readonly reduceRange?: boolean | 'auto'
  /** How ranges of activations are chosen; default `mse`. */
  readonly calibration?: CalibrationMethod
  /** For `percentile`; default 99.99. */
  readonly percentile?: number
  /** How ranges of weights are chosen; default `min-max` with a scale for each channel, `mse` with one for all. */
  readonly weightRange?: 'min-max' | 'mse'
  /**
   * Cross-layer equalization first; default: where weights have one scale for all channels. `through-clip`: also through Relu6,
   * whose bounds become one for each channel and are computed in float32.
   */
  readonly equalize?: boolean | 'through-clip'
  /** SmoothQuant first, with this migration strength α; default: not. */
  readonly smooth?: number
  /** Whether the mean error of each channel is taken out of the biases; default `auto`: when that brings the outputs nearer. */
  readonly biasCorrection?: boolean | 'auto'
  /** Default `nearest`. */
  readonly rounding?: Rounding
}

/** Everything that was learned of a model, from which quantized versions of it are made without running the data again. */
export interface Calibration {
  /** The float model, prepared: simplified, equalized, smoothed. */
  readonly prepared: Model
  readonly source: Model
  readonly options: StaticOptions
  readonly activationGrid: Grid
  readonly activations: ReadonlyMap<string, Parameters>
  readonly weights: ReadonlyMap<string, QuantizedWeight>
  readonly biases: ReadonlyMap<string, Float64Array>
  /** What quantization does to each layer by itself, by the key of the layer; empty without bias correction. */
  readonly layers: ReadonlyMap<string, LayerError>
  readonly samples: readonly RunTensors[]
  /** How many samples were seen. */
  readonly count: number
  readonly notes: readonly string[]
}

/** The operator set in which QuantizeLinear has an axis; 16-bit integers came with 21. */
const opsetFor = ({ activations }: StaticOptions): number => (activations === 'int16' || activations === 'uint16' ? 21 : 13)

/**
 * Runs the data through the model, one sample at a time, and decides on all numbers of the quantization.
 *
 * @throws QuantizeError `QUANTIZE_ALREADY`, `QUANTIZE_DATA`, `QUANTIZE_NOT_FINITE`, `QUANTIZE_NOTHING`, `QUANTIZE_OPSET`
 */
export function calibrate(model: Model, options: StaticOptions): Calibration {
  const { data, run } = options
  let prepared = prepare(model, opsetFor(options), options)
  const perChannel = options.perChannel ?? true
  const notes: string[] = []
  const equalize = options.equalize ?? !perChannel
  if (equalize !== false) {
    const equalized = equalizeLayers(prepared, { throughClip: equalize === 'through-clip' })
    prepared = equalized.model
    if (equalized.pairs > 0) notes.push(`cross-layer equalization of ${equalized.pairs} pairs of layers`)
  }
  if (options.smooth !== undefined) {
    const smoothed = smoothLayers(prepared, { data, run, alpha: options.smooth })
    prepared = smoothed.model
    notes.push(`SmoothQuant of ${smoothed.groups} inputs`)
  }
  const advice = adviseRange()
  const reduced = options.reduceRange === undefined || options.reduceRange === 'auto' ? advice.reduced : options.reduceRange
  if (reduced && options.reduceRange === 'auto') notes.push(advice.why)
  const activationGrid: Grid = { dtype: options.activations ?? 'uint8', symmetric: options.symmetricActivations ?? false }
  const weightGrid: Grid = { dtype: options.weights ?? 'int8', symmetric: options.symmetricWeights ?? true, reduced }

  const plan = planOf(prepared, options)
  requireWork(plan)
  const rounding = options.rounding ?? 'nearest'
  const histograms = new Map([...plan.activations.keys()].map((value) => [value.name, new HistogramObserver(value.name)]))
  const moments = new Map(rounding === 'nearest' ? [] : plan.layers.map((layer) => [layer.key, new MomentObserver(layer)]))
  const observers = new Map<string, Observer[]>([...histograms].map(([name, observer]) => [name, [observer]]))
  for (const layer of plan.layers) {
    const moment = moments.get(layer.key)
    if (moment !== undefined) observers.get(layer.input.name)?.push(moment)
  }
  const count = observe(prepared, data, run, observers)

  const rangeOptions = { method: options.calibration ?? 'mse', ...(options.percentile === undefined ? {} : { percentile: options.percentile }) }
  const activations = new Map([...histograms].map(([name, { histogram }]) => [name, parametersOf(chooseRange(histogram, activationGrid, rangeOptions), activationGrid)]))
  const weights = new Map<string, QuantizedWeight>()
  // A weight that several layers share is quantized once, unless the layers' data decide on its integers.
  const shared = new Map<string, QuantizedWeight>()
  for (const layer of plan.layers) {
    const name = `${layer.weight.name} ${layer.axis}`
    const known = rounding === 'nearest' && layer.node.opType === 'MatMul' ? shared.get(name) : undefined
    if (known !== undefined) { weights.set(layer.key, known); continue }
    const leader = plan.activations.get(layer.input)
    const input = leader === undefined ? undefined : activations.get(leader.name)
    const made = quantizeLayer(layer, {
      grid: weightGrid, perChannel, method: options.weightRange ?? (perChannel ? 'min-max' : 'mse'), inputScale: input?.scale ?? 1, rounding,
      moments: moments.get(layer.key), run,
    })
    weights.set(layer.key, made)
    if (!shared.has(name)) shared.set(name, made)
  }
  const correct = options.biasCorrection ?? 'auto'
  const inputs = new Map(plan.layers.map((layer) => [layer.input.name, activations.get((plan.activations.get(layer.input) ?? layer.input).name)] as const)
    .filter((entry): entry is [string, Parameters] => entry[1] !== undefined))
  const layers = correct !== false ? probeLayers(prepared, data, run, activationGrid, inputs, weights) : new Map<string, LayerError>()
  notes.push(`weights in ${gridText(weightGrid)}, activations in ${gridText(activationGrid)}`)
  const calibration: Calibration = {
    prepared, source: model, options, activationGrid, activations, weights, layers, biases: corrections(plan, layers), samples: proofSamples(model, data, options), count, notes,
  }
  return correct === 'auto' && calibration.biases.size > 0 ? withBestBiases(calibration) : calibration
}

/** Samples on which it is decided whether the correction of biases pays. */
const DECIDING = 64

/**
 * The calibration without corrected biases where these take the outputs further away. Each correction makes its own layer's mean
 * right, over all places alike; where most places are background, the few that decide can get worse by it.
 */
function withBestBiases(calibration: Calibration): Calibration {
  const { source, options: { data, run }, notes } = calibration
  const plain = { ...calibration, biases: new Map<string, Float64Array>() }
  const [corrected = NaN, uncorrected = NaN] = outputNoises(source, [assemble(calibration).model, assemble(plain).model], data, run, DECIDING)
  return uncorrected > corrected ? { ...plain, notes: [...notes, `biases not corrected: SQNR ${uncorrected.toFixed(1)} dB, corrected ${corrected.toFixed(1)} dB`] } : calibration
}

function requireWork(plan: Plan): void {
  if (plan.activations.size > 0) return
  const reasons = plan.decisions.filter(({ opType }) => opType !== 'Constant').slice(0, 5).map(({ node, opType, why }) => `${opType} ${node}: ${why}`)
  throw new QuantizeError('QUANTIZE_NOTHING', 'No operator of the model can be quantized', {
    expected: 'a Conv, Gemm or MatMul of float32 with constant weights that is not excluded', got: reasons.join('; ') || 'no nodes',
  })
}

/** b − E[ŷ − y] for each layer that has a place for a bias. */
function corrections(plan: Plan, errors: ReadonlyMap<string, LayerError>): Map<string, Float64Array> {
  const found = new Map<string, Float64Array>()
  for (const layer of plan.layers) {
    const error = errors.get(layer.key)
    const bias = biasOf(layer)
    if (error === undefined || layer.bias === undefined || typeof bias === 'string') continue
    found.set(layer.key, Float64Array.from({ length: layer.rows }, (_, o) => (bias[o] ?? 0) - (error.shift[o] ?? 0)))
  }
  return found
}

/** How one weight is quantized. */
interface LayerOptions {
  readonly grid: Grid
  readonly perChannel: boolean
  readonly method: 'min-max' | 'mse'
  readonly inputScale: number
  readonly rounding: Rounding
  readonly moments: MomentObserver | undefined
  readonly run: RunFunction
}

function quantizeLayer(layer: Layer, { grid, perChannel, method, inputScale, rounding, moments, run }: LayerOptions): QuantizedWeight {
  const data = floats(layer.tensor)
  const { shape } = layer.tensor
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new QuantizeError('QUANTIZE_NOT_FINITE', `The weight of ${layer.node.label} is not finite`, { got: `${data[i] ?? NaN} at element ${i} of "${layer.weight.name}"` })
    }
  }
  const chosen = weightParameters(data, shape, layer.axis, { perChannel, grid, method })
  const bias = biasOf(layer)
  const parameters = layer.node.opType === 'MatMul' || typeof bias === 'string' ? chosen.parameters : roomForBias(chosen.parameters, bias, inputScale)
  if (rounding === 'nearest' || moments === undefined) return quantizeWith(data, shape, chosen.axis, parameters, grid.dtype)
  return roundLayer(layer, parameters, chosen.axis, grid.dtype, moments.matrices(), rounding, run)
}

/** Rounds a layer by GPTQ or AdaRound under fixed parameters. */
export function roundLayer(
  layer: Layer, parameters: readonly Parameters[], axis: number | undefined, dtype: QuantizedType, moments: readonly Float64Array[], rounding: 'gptq' | 'adaround', run?: RunFunction,
): QuantizedWeight {
  const { rows, columns, groups, at } = layer
  const matrix = matrixOf(layer)
  const values = arrayFor(dtype, matrix.length)
  const perGroup = rows / groups
  const [first] = parameters
  if (first === undefined) throw new TypeError('a weight without parameters')
  for (let group = 0; group < groups; group++) {
    const from = group * perGroup
    const part = matrix.subarray(from * columns, (from + perGroup) * columns)
    const of = (row: number): Parameters => (axis === undefined ? first : parameters[from + row] ?? first)
    const h = moments[group]
    if (h === undefined) throw new TypeError('a group without moments')
    const integers = rounding === 'gptq' ? gptq(part, h, perGroup, columns, of)
      : adaRound(part, h, perGroup, columns, of, run === undefined ? {} : { product: productBy(run, h, columns) })
    for (let o = 0; o < perGroup; o++) for (let k = 0; k < columns; k++) values[at(from + o, k)] = integers[o * columns + k] ?? 0
  }
  return { values, shape: layer.tensor.shape, dtype, parameters, axis }
}

/** A model made from a calibration, not yet compared with its source; for searches that make many. */
export function assemble(calibration: Calibration, selection: Selection = {}): { readonly model: Model; readonly plan: Plan } {
  const model = typedClone(calibration.prepared)
  const { exclude = [], include } = calibration.options
  const plan = planOf(model, { exclude: [...exclude, ...selection.exclude ?? []], ...(selection.include ?? include ? { include: selection.include ?? include ?? [] } : {}) })
  insertQuantization(model.graph, plan, calibration)
  model.irVersion = Math.max(model.irVersion, 4)
  ensureTypes(model, true)
  return { model, plan }
}

/** The model of a calibration, with the proof. */
export function finish(calibration: Calibration, selection: Selection = {}): Quantized {
  const { model, plan } = assemble(calibration, selection)
  const { options, source, samples } = calibration
  requireWork(plan)
  const method = describe(calibration)
  return { model, report: reportOn(source, model, method, plan.decisions, { run: options.run, samples, minimumSqnr: options.minimumSqnr ?? 0 }, calibration.notes) }
}

function describe({ options, count, biases }: Calibration): string {
  const parts = [
    `static quantization, ${options.calibration ?? 'mse'} over ${count} samples`, options.perChannel === false ? 'a scale for each tensor' : 'a scale for each channel',
    ...(options.rounding === undefined || options.rounding === 'nearest' ? [] : [options.rounding]),
    ...(biases.size === 0 ? [] : ['bias correction']),
  ]
  return parts.join(', ')
}

/**
 * Quantizes weights and activations to 8 bits, so that ONNX Runtime computes in integers: y ≈ s_x s_w Σ (q_x − z_x)(q_w − z_w).
 * The model is simplified, calibrated on the data in constant memory, changed, validated and compared with its source.
 *
 * @throws QuantizeError with the codes of `calibrate`, and `QUANTIZE_QUALITY` or `QUANTIZE_RUN` when the result is no good
 * @example
 * const { model: small, report } = quantizeStatic(model, { data: samples, run: runtime.runner() })
 */
export function quantizeStatic(model: Model, options: StaticOptions): Quantized {
  return finish(calibrate(model, options))
}

