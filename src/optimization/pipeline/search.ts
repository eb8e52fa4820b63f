// One call: pipelines of passes are tried on a model, cheaply at first, each measured on this machine; what comes back is
// the Pareto front and the model that serves the goal within the budget. Running, scoring, timing and training are given.
import { displaySymbol, random, throwIfInterrupted, WhetstoneError, type Displayable, type MimeBundle } from '../../core'
import { writeModel, type Model } from '../../onnx'
import { factorize } from '../compress'
import { OptimizationError } from '../errors'
import { simplify } from '../optimize'
import { convertPrecision } from '../precision'
import { pruneStructuredGradually, withWeights, type NewWeights } from '../prune'
import { quantizeDynamic, quantizeStatic, type CalibrationData } from '../quantize'
import { firstSamples } from '../quantize/calibrate'
import type { RunFunction } from '../run'
import { paretoFront, type Quality } from './pareto'
import { DEFAULT_SPACE, describePipeline, keyOf, propose, sample, type Pipeline, type Space } from './space'

export interface OptimizeOptions {
  /** What is wanted most among what meets the budget. */
  readonly goal: 'latency' | 'size' | 'score'
  /** What must hold. `loss`: of the score of the model given. `speedup`: against the model given. */
  readonly budget?: { readonly loss?: number; readonly latency?: number; readonly size?: number; readonly speedup?: number }
  readonly run: RunFunction
  /**
   * Score of a model on data that calibration and training do not see; higher is better.
   *
   * @param effort the share of the data to look at, in (0, 1]
   */
  readonly score: (model: Uint8Array, effort: number) => number | Promise<number>
  /** Milliseconds of a run on the machine and the runtime that count. */
  readonly latency: (model: Uint8Array) => number | Promise<number>
  /**
   * Trains a pruned or factorized model; left out, it stays as it is.
   *
   * @param effort the share of a full training, in (0, 1]
   */
  readonly fineTune?: (model: Model, effort: number) => NewWeights | Promise<NewWeights>
  /**
   * Smaller networks by name, each trained by the model given when it is asked for (knowledge distillation), with the same
   * inputs and outputs. The other steps apply to them, too.
   *
   * @param effort the share of a full training, in (0, 1]
   */
  readonly students?: Readonly<Record<string, (effort: number) => Model | Promise<Model>>>
  readonly space?: Partial<Space>
  /** Pipelines in the first, cheapest round; default 18. Each next round keeps the best third with three times the effort. */
  readonly trials?: number
  /** Proposals of TPE afterwards, at full effort; default 6. */
  readonly proposals?: number
  readonly seed?: number
  readonly onTrial?: (trial: Trial) => void
}

/** A pipeline that was tried. */
export interface Trial extends Quality {
  readonly pipeline: Pipeline
  readonly what: string
  readonly effort: number
  readonly bytes: Uint8Array
}

export interface FailedTrial {
  readonly what: string
  readonly reason: string
}

/** What the search found. */
export class Optimized implements Displayable {
  constructor(
    readonly model: Uint8Array,
    readonly chosen: Trial,
    readonly baseline: Quality,
    /** Among everything measured at full effort, the model given included. */
    readonly front: readonly Trial[],
    readonly trials: readonly Trial[],
    readonly failed: readonly FailedTrial[],
  ) {}

  toString(): string {
    const line = (t: Trial): string => `${t === this.chosen ? '→' : ' '} ${(this.baseline.latency / t.latency).toFixed(2).padStart(6)}× faster  ${(this.baseline.size / t.size).toFixed(1).padStart(5)}× smaller  score ${t.score.toFixed(4)}  ${t.what}`
    return [`${this.trials.length} pipelines tried, ${this.failed.length} refused; the front:`, ...this.front.map(line)].join('\n')
  }

  [displaySymbol](): MimeBundle {
    return { 'text/plain': this.toString() }
  }
}

const PLAIN: Pipeline = { student: '', macs: 1, multiple: 8, energy: 1, precision: 'float32', calibration: 'mse' }

/**
 * Searches pipelines of distillation, pruning, factorization and quantization for a model: successive halving (Jamieson and Talwalkar,
 * arXiv 1502.07943), then TPE.
 *
 * @param data calibration samples for static quantization: apart from what `score` looks at
 * @throws OptimizationError `OPTIMIZATION_BUDGET` when nothing that was tried meets the budget, with what came nearest;
 * `OPTIMIZATION_OPTION` when the budget means nothing, or the score or time of the model given is no number
 * @example
 * const { model: small, front } = await optimize(model, samples, { goal: 'latency', budget: { loss: 0.01 }, run, score, latency, fineTune })
 */
export async function optimize(model: Model, data: CalibrationData, options: OptimizeOptions): Promise<Optimized> {
  const { goal, budget = {}, trials: count = 18, proposals = 6, seed = 0 } = options
  const limits = Object.values(budget)
  if (limits.some((limit) => !(limit >= 0) || !Number.isFinite(limit)) || !Number.isInteger(count) || count < 1 || !Number.isInteger(proposals) || proposals < 0) {
    throw new OptimizationError('OPTIMIZATION_OPTION', 'The budget or the number of trials means nothing', { expected: 'numbers of 0 and more', got: JSON.stringify({ budget, trials: count, proposals }) })
  }
  const students = Object.keys(options.students ?? {})
  const space: Space = { ...DEFAULT_SPACE, student: ['', ...students], ...options.space }
  const source = random(seed)
  const search = new Search(model, data, options)
  const given = writeModel(model)
  const baseline: Trial = { pipeline: PLAIN, what: 'the model given', effort: 1, bytes: given, ...await qualityOf(given, 1, options) }
  // A part of the data may be easier than the whole: what is scored on a part is compared with the model given on that part.
  const scores = new Map<number, number>([[1, baseline.score]])
  const rank = (t: Trial): number => {
    // And less training loses more: at a third of the effort three times the loss may still be made good.
    const allowed = budget.loss === undefined ? budget : { ...budget, loss: budget.loss / t.effort }
    const missed = missing(t, { ...baseline, score: scores.get(t.effort) ?? baseline.score }, allowed)
    const value = goal === 'latency' ? t.latency / baseline.latency : goal === 'size' ? t.size / baseline.size : -t.score
    // What misses the budget comes after everything that meets it, nearest first.
    return missed > 0 ? 1e6 * (1 + missed) : value
  }
  let pool: Pipeline[] = []
  const keys = new Set<string>()
  // The corners first: each step alone says much.
  const alone: Pipeline = { ...PLAIN, calibration: space.calibration[0] ?? 'mse' }
  const corners = [...space.precision.map((precision): Pipeline => ({ ...alone, precision })), ...students.map((student): Pipeline => ({ ...alone, student }))]
  for (let i = 0; pool.length < count && i < 50 * count; i++) {
    const candidate = corners[i] ?? sample(space, source)
    if (keys.has(keyOf(candidate))) continue
    keys.add(keyOf(candidate))
    pool.push(candidate)
  }
  // Rounds with three times the effort each, so that the last has all of it.
  const rounds = Math.max(1, Math.ceil(Math.log(pool.length / 2) / Math.log(3)))
  const all: Trial[] = []
  for (let round = 1; round <= rounds; round++) {
    const effort = 3 ** (round - rounds)
    if (!scores.has(effort)) scores.set(effort, (await qualityOf(given, effort, { ...options, latency: () => baseline.latency })).score)
    const results: Trial[] = []
    for (const pipeline of pool) {
      const trial = await search.attempt(pipeline, effort)
      if (trial) results.push(trial)
    }
    all.push(...results)
    pool = results.sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(2, Math.ceil(pool.length / 3))).map(({ pipeline }) => pipeline)
  }
  for (let i = 0; i < proposals; i++) {
    const pipeline = propose(space, all.map((t) => ({ pipeline: t.pipeline, rank: rank(t) })), source)
    const trial = pipeline && await search.attempt(pipeline, 1)
    if (trial) all.push(trial)
  }
  const full = [baseline, ...all.filter(({ effort }) => effort === 1)]
  const [best] = [...full].sort((a, b) => rank(a) - rank(b))
  if (best === undefined || missing(best, baseline, budget) > 0) {
    throw new OptimizationError('OPTIMIZATION_BUDGET', 'No pipeline that was tried meets the budget', {
      expected: JSON.stringify(budget),
      got: best === undefined ? 'nothing' : `nearest: ${best.what}, score ${best.score.toFixed(4)} (before ${baseline.score.toFixed(4)}), ${best.latency.toFixed(3)} ms, ${best.size} bytes`,
      fix: options.fineTune ? 'allow more, or give more trials' : 'allow more, or give fineTune: pruned models need training',
    })
  }
  return new Optimized(best.bytes, best, baseline, paretoFront(full), all, search.failed)
}

/** By how much the budget is missed, relatively; 0 when it is met. */
function missing(t: Quality, baseline: Quality, budget: NonNullable<OptimizeOptions['budget']>): number {
  const over = (value: number, limit: number | undefined): number => (limit === undefined ? 0 : Math.max(0, value / limit - 1))
  const lost = budget.loss === undefined ? 0 : Math.max(0, baseline.score - t.score - budget.loss)
  return lost + over(t.latency, budget.latency) + over(t.size, budget.size)
    + over(t.latency, budget.speedup === undefined ? undefined : baseline.latency / budget.speedup)
}

/** A model that gives no numbers has no score: it must not pass for one that loses nothing. */
async function qualityOf(bytes: Uint8Array, effort: number, { score, latency }: OptimizeOptions): Promise<Quality> {
  const quality = { score: await score(bytes, effort), latency: await latency(bytes), size: bytes.length }
  if (Number.isFinite(quality.score) && quality.latency > 0 && Number.isFinite(quality.latency)) return quality
  throw new OptimizationError('OPTIMIZATION_OPTION', 'The score or the time of a model is no number', {
    expected: 'a finite score and milliseconds above 0', got: JSON.stringify({ score: String(quality.score), latency: String(quality.latency) }),
  })
}

class Search {
  readonly failed: FailedTrial[] = []
  /** Pruned and factorized models by pipeline and effort: several precisions share one training. */
  readonly #shaped = new Map<string, Model>()
  readonly #students = new Map<string, Model>()
  readonly #done = new Map<string, Trial>()

  constructor(readonly model: Model, readonly data: CalibrationData, readonly options: OptimizeOptions) {}

  /** Makes, scores and times the model of a pipeline; a pipeline that a pass refuses is noted with the reason. */
  async attempt(pipeline: Pipeline, effort: number): Promise<Trial | undefined> {
    throwIfInterrupted()
    const key = `${keyOf(pipeline)} ${effort}`
    const before = this.#done.get(key)
    if (before) return before
    const what = describePipeline(pipeline)
    try {
      const bytes = writeModel(this.#precision(await this.#shape(pipeline, effort), pipeline))
      const trial: Trial = { pipeline, what, effort, bytes, ...await qualityOf(bytes, effort, this.options) }
      this.#done.set(key, trial)
      this.options.onTrial?.(trial)
      return trial
    } catch (error) {
      throwIfInterrupted()
      // A pass that refuses is an answer; anything else is a fault, and not to be hidden.
      if (!(error instanceof WhetstoneError)) throw error
      this.failed.push({ what, reason: error.what })
      return undefined
    }
  }

  /** The network that the other steps work on: the model given, or a student that it trained. */
  async #network(student: string, effort: number): Promise<Model> {
    const make = this.options.students?.[student]
    if (make === undefined) return this.model
    const key = `${student} ${effort}`
    const known = this.#students.get(key) ?? await make(effort)
    const ports = ({ graph: { inputs, outputs } }: Model): string => [...inputs, '→', ...outputs].map((value) => (typeof value === 'string' ? value : value.name)).join(' ')
    if (ports(known) !== ports(this.model)) {
      throw new OptimizationError('OPTIMIZATION_OPTION', `The student ${student} cannot take the place of the model`, { expected: `inputs → outputs: ${ports(this.model)}`, got: ports(known) })
    }
    this.#students.set(key, known)
    return known
  }

  async #shape({ student, macs, multiple, energy }: Pipeline, effort: number): Promise<Model> {
    const { fineTune } = this.options
    const trains = student !== '' || macs < 1 || energy < 1
    const key = [student, macs, macs < 1 ? multiple : '', energy, trains ? effort : ''].join(' ')
    const known = this.#shaped.get(key)
    if (known) return known
    let shaped = await this.#network(student, effort)
    if (macs < 1) {
      // Deep cuts in two steps: what is lost at once is harder to train back.
      const result = await pruneStructuredGradually(shaped, {
        target: { macs }, sizes: this.#sizes(), multiple, steps: macs < 0.3 && fineTune ? 2 : 1, fineTune: (m) => fineTune?.(m, effort) ?? new Map<string, Float32Array>(),
      })
      shaped = result.model
    }
    if (energy < 1) {
      shaped = factorize(shaped, { energy }).model
      if (fineTune) shaped = withWeights(shaped, await fineTune(shaped, effort))
    }
    this.#shaped.set(key, shaped)
    return shaped
  }

  /** Numbers for the symbols in the shapes of the inputs, from the first calibration sample. */
  #sizes(): Record<string, number> {
    const [sample] = firstSamples(this.data, 1)
    return Object.fromEntries(this.model.graph.inputs.flatMap(({ name, shape }) =>
      (shape ?? []).flatMap((size, axis) => (typeof size === 'string' ? [[size, sample?.[name]?.shape[axis] ?? 1] as const] : []))))
  }

  #precision(model: Model, { precision, calibration }: Pipeline): Model {
    const { run } = this.options
    switch (precision) {
      case 'int8': return quantizeStatic(model, { data: this.data, run, calibration }).model
      case 'int8-dynamic': return quantizeDynamic(model, { run }).model
      case 'float16': return convertPrecision(model, { run, data: this.data, mode: 'auto' }).model
      default: return simplify(model, { run }).model
    }
  }
}
