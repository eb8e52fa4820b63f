// A study: trials of an objective, proposed by a sampler, cut short by a pruner, remembered by a storage.
import { randomUUID } from 'node:crypto'
import { messageOf, notebookHost, random, sha256 } from '../core'
import type { Random } from '../core'
import { SearchError, TrialPruned } from './errors'
import { encodeNumber, StudyState } from './log'
import type { StudyEvent } from './log'
import { hypervolume, paretoFront } from './pareto'
import { noPruner } from './pruners'
import type { Pruner } from './pruners'
import { commonSpace } from './sampler'
import type { History, Sampler } from './sampler'
import { tpeSampler } from './samplers/tpe'
import { checkDistribution, sameDistribution } from './space'
import type { Distribution, Value } from './space'
import { memoryStorage } from './storage'
import type { Storage } from './storage'
import { losses } from './trial'
import type { Direction, TrialRecord } from './trial'

export interface StudyOptions {
  readonly name?: string
  /** One objective; default 'minimize'. */
  readonly direction?: Direction
  /** Several objectives. */
  readonly directions?: readonly Direction[]
  /** Default TPE. */
  readonly sampler?: Sampler
  /** Default: none. */
  readonly pruner?: Pruner
  /** Equal seeds give equal trials, as long as they run one after another. */
  readonly seed?: number
  /** Default: memory. Opening a study on an old journal goes on with it. */
  readonly storage?: Storage
  /** The name under which this process's trials are written. */
  readonly worker?: string
}

export interface OptimizeOptions {
  /** Stop after so many trials of this call. */
  readonly trials?: number
  /** Start no trial after so many seconds. */
  readonly seconds?: number
  /** Start no trial once the study has so many, whoever ran them: the budget that several workers share. */
  readonly totalTrials?: number
  readonly signal?: AbortSignal
  /** Trials at the same time, for objectives that wait. Default 1. */
  readonly concurrency?: number
  /** Called after every trial. */
  readonly onTrial?: (trial: TrialRecord, study: Study) => void
}

/** The value of one objective, or of several in the order of the directions. */
export type ObjectiveResult = number | readonly number[]
export type Objective = (trial: Trial) => ObjectiveResult | Promise<ObjectiveResult>

/** What an objective gets: it asks for hyperparameters and may report how it goes. */
export class Trial {
  readonly params: Record<string, Value> = {}
  readonly distributions: Record<string, Distribution> = {}
  readonly #reports = new Map<number, number>()
  readonly #random: Random

  /** @internal */
  constructor(
    readonly number: number, /** @internal */ readonly id: string,
    private readonly study: Study, private readonly planned: Readonly<Record<string, Value>>, source: Random,
  ) {
    this.#random = source
  }

  /** A real number in [low, high]. */
  float(name: string, low: number, high: number, options: { readonly log?: boolean; readonly step?: number } = {}): number {
    return this.#suggest(name, { kind: 'float', low, high, ...options }) as number
  }

  /** A whole number in [low, high], both included. */
  int(name: string, low: number, high: number, options: { readonly log?: boolean; readonly step?: number } = {}): number {
    return this.#suggest(name, { kind: 'int', low, high, ...options }) as number
  }

  /** One of the choices. */
  choice<T extends Value>(name: string, choices: readonly T[]): T {
    return this.#suggest(name, { kind: 'categorical', choices }) as T
  }

  /** Says how the trial goes: the value of the objective at a step (an epoch). Waits until others can see it. */
  async report(value: number, step: number): Promise<void> {
    if (this.study.directions.length > 1) {
      throw new SearchError('SEARCH_ARGUMENT', 'Trials with several objectives are not pruned, so there is nothing to report', {
        fix: 'leave report out',
      })
    }
    if (!Number.isFinite(step)) {
      throw new SearchError('SEARCH_ARGUMENT', 'A report needs a step', { expected: 'a finite number, such as the epoch', got: String(step) })
    }
    this.#reports.set(step, value)
    await this.study.record(this, { op: 'report', id: this.id, step, value: encodeNumber(value) })
  }

  /** Whether the pruner would rather end this trial: then `throw new TrialPruned()`. */
  shouldPrune(): boolean {
    return this.study.pruner.shouldPrune(this.study.history, {
      number: this.number, state: 'running', params: this.params, distributions: this.distributions, values: [],
      intermediate: this.#reports,
    })
  }

  #suggest(name: string, wanted: Distribution): Value {
    const distribution = checkDistribution(name, wanted)
    const before = this.distributions[name]
    if (before) {
      if (sameDistribution(before, distribution)) return this.params[name] ?? 0
      throw new SearchError('SEARCH_SPACE', `Parameter "${name}" is asked for twice with different ranges`, {
        expected: JSON.stringify(before), got: JSON.stringify(distribution), fix: 'use two names',
      })
    }
    const planned = this.planned[name]
    const value = planned !== undefined && fits(distribution, planned) ? planned
      : this.study.sampler.single(this.study.history, name, distribution, { number: this.number, random: this.#random })
    this.params[name] = value
    this.distributions[name] = distribution
    return value
  }
}

function fits(d: Distribution, value: Value): boolean {
  if (d.kind === 'categorical') return d.choices.includes(value)
  return typeof value === 'number' && value >= d.low && value <= d.high && (d.kind === 'float' || Number.isInteger(value))
}

/** Trials of one objective, and what they found. Made by `createStudy`. */
export class Study {
  readonly directions: readonly Direction[]
  readonly sampler: Sampler
  readonly pruner: Pruner
  readonly #seed: number
  readonly #storage: Storage
  readonly #worker: string
  readonly #name: string
  readonly #state = new StudyState()
  readonly #written = new Map<string, number>()
  #cursor = 0
  #reading: Promise<void> = Promise.resolve()

  /** @internal */
  constructor(options: StudyOptions) {
    this.directions = options.directions ?? [options.direction ?? 'minimize']
    const bad = this.directions.find((d: string) => d !== 'minimize' && d !== 'maximize')
    if (this.directions.length === 0 || bad !== undefined || (options.directions && options.direction)) {
      throw new SearchError('SEARCH_ARGUMENT', 'The directions of the study do not fit', {
        expected: 'direction: "minimize" or "maximize", or directions: one for each objective', got: JSON.stringify(options.directions ?? options.direction),
      })
    }
    this.sampler = options.sampler ?? tpeSampler()
    this.pruner = options.pruner ?? noPruner()
    this.#seed = options.seed ?? 0
    this.#storage = options.storage ?? memoryStorage()
    this.#worker = options.worker ?? `${process.pid}`
    this.#name = options.name ?? 'study'
  }

  /** @internal Reads the log, and begins it when it is new. */
  async open(): Promise<this> {
    await this.refresh()
    if (!this.#state.header) {
      await this.#append({ op: 'study', name: this.#name, directions: this.directions })
      await this.refresh()
    }
    const found = this.#state.header?.directions
    if (JSON.stringify(found) !== JSON.stringify(this.directions)) {
      throw new SearchError('SEARCH_STORAGE', 'The journal belongs to a study with other objectives', {
        expected: JSON.stringify(this.directions), got: JSON.stringify(found), fix: 'give another journal, or the same directions',
      })
    }
    return this
  }

  /** All trials known here, in order. `refresh` fetches what other workers wrote. */
  get trials(): readonly TrialRecord[] {
    return this.#state.trials
  }

  /** @internal */
  get history(): History {
    return { directions: this.directions, trials: this.#state.trials }
  }

  /** The complete trials that no other is better than in every objective. */
  get front(): TrialRecord[] {
    const done = this.trials.filter((t) => t.state === 'complete')
    return paretoFront(done.map((t) => losses(t, this.directions))).flatMap((i) => done[i] ?? [])
  }

  /**
   * The best trial; the first of equals.
   *
   * @throws SearchError `SEARCH_ARGUMENT` when there are several objectives, or nothing is complete yet
   */
  get best(): TrialRecord {
    if (this.directions.length > 1) {
      throw new SearchError('SEARCH_ARGUMENT', 'With several objectives there is no single best trial', { fix: 'look at study.front' })
    }
    const best = this.front[0]
    if (best) return best
    const failed = this.trials.find((t) => t.error !== undefined)
    throw new SearchError('SEARCH_ARGUMENT', 'No trial is complete yet', {
      got: `${this.trials.length} trials${failed ? `; the first failure: ${failed.error ?? ''}` : ''}`, fix: 'run study.optimize first',
    })
  }

  /** The volume that the front dominates up to a reference point, given in the study's own directions. */
  hypervolume(reference: readonly number[]): number {
    const flip = (values: readonly number[]): number[] => values.map((v, i) => (this.directions[i] === 'maximize' ? -v : v))
    return hypervolume(this.front.map((t) => flip(t.values)), flip(reference))
  }

  /** Reads what other workers wrote. */
  async refresh(): Promise<void> {
    this.#reading = this.#reading.catch(() => undefined).then(async () => {
      const { lines, cursor } = await this.#storage.read(this.#cursor)
      this.#cursor = cursor
      for (const line of lines) this.#state.apply(line)
    })
    await this.#reading
  }

  /** Has these parameters tried next: a known good start, say. Parameters left out are sampled. */
  async enqueue(params: Readonly<Record<string, Value>>): Promise<void> {
    await this.#append({ op: 'enqueue', params })
  }

  /** Begins a trial. End it with `tell`. Loops of your own use these two; `optimize` does it for you. */
  async ask(): Promise<Trial> {
    const id = randomUUID()
    await this.#append({ op: 'start', id, worker: this.#worker })
    await this.refresh()
    const number = this.#state.byId(id)?.number ?? this.trials.length
    const source = random(Number.parseInt(sha256(`${this.#seed} ${number}`).slice(0, 12), 16))
    const fixed = this.#state.fixed(id)
    const joint = this.sampler.joint?.(this.history, commonSpace(this.history), { number, random: source.fork() }) ?? {}
    return new Trial(number, id, this, { ...joint, ...fixed }, source)
  }

  /**
   * Ends a trial with its objectives, or as pruned or failed.
   *
   * @throws SearchError `SEARCH_VALUE` when a value is not finite or their count differs from the directions
   */
  async tell(trial: Trial, result: ObjectiveResult | { readonly state: 'pruned' | 'failed'; readonly error?: string }, seconds = 0): Promise<TrialRecord> {
    if (typeof result === 'object' && 'state' in result) {
      await this.record(trial, { op: 'end', id: trial.id, values: [], seconds, ...result })
    } else {
      const values = typeof result === 'number' ? [result] : [...result]
      if (values.length !== this.directions.length || !values.every(Number.isFinite)) {
        const what = 'The objective did not return one finite number for each direction'
        await this.record(trial, { op: 'end', id: trial.id, state: 'failed', values: [], seconds, error: `${what}: ${JSON.stringify(result)}` })
        throw new SearchError('SEARCH_VALUE', what, {
          expected: `${this.directions.length} finite number(s)`, got: values.map(String).join(', '), where: `trial ${trial.number}`,
          fix: 'return a large loss, or throw TrialPruned, where training diverged',
        })
      }
      await this.record(trial, { op: 'end', id: trial.id, state: 'complete', values, seconds })
    }
    const record = this.#state.byId(trial.id)
    if (!record) throw new SearchError('SEARCH_STORAGE', 'A trial was written but cannot be read back', { where: `trial ${trial.number}` })
    return record
  }

  /**
   * Runs trials until a limit is reached, the cell is interrupted, or a grid is used up. A trial that throws is recorded
   * as failed and the study goes on; when the first five all fail, their error is thrown.
   */
  async optimize(objective: Objective, options: OptimizeOptions): Promise<this> {
    const size = (this.sampler as { size?: number }).size
    const limit = Math.min(options.trials ?? Infinity, size === undefined ? Infinity : size - this.trials.length)
    if (limit === Infinity && options.seconds === undefined && options.totalTrials === undefined && !options.signal) {
      throw new SearchError('SEARCH_ARGUMENT', 'The search has no end', { expected: 'trials, totalTrials, seconds or a signal', fix: 'say { trials: 50 }' })
    }
    const begun = performance.now()
    let started = 0
    let failures = 0
    let successes = 0
    const mayStart = (): boolean => started < limit && options.signal?.aborted !== true &&
      notebookHost()?.signal.aborted !== true && this.trials.length < (options.totalTrials ?? Infinity) &&
      performance.now() - begun < (options.seconds ?? Infinity) * 1000
    const lane = async (): Promise<void> => {
      while (mayStart()) {
        started++
        const record = await this.#run(objective)
        if (record.state === 'failed') failures++
        else successes++
        options.onTrial?.(record, this)
        if (successes === 0 && failures >= 5) {
          throw new SearchError('SEARCH_VALUE', 'The first five trials all failed', {
            got: record.error ?? 'no message', fix: 'call the objective by hand on await study.ask()',
          })
        }
        await this.refresh()
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, options.concurrency ?? 1) }, lane))
    return this
  }

  /** @internal Marks what a dead worker left behind as failed and has its parameters tried again. */
  async abandon(worker: string, reason: string): Promise<number> {
    await this.refresh()
    const left = this.#state.runningOf(worker)
    for (const { id, trial } of left) {
      await this.#append({ op: 'end', id, state: 'failed', values: [], seconds: 0, error: reason })
      if (Object.keys(trial.params).length > 0) await this.enqueue(trial.params)
    }
    await this.refresh()
    return left.length
  }

  async #run(objective: Objective): Promise<TrialRecord> {
    const trial = await this.ask()
    const begun = performance.now()
    const seconds = (): number => (performance.now() - begun) / 1000
    let result: ObjectiveResult
    try {
      result = await objective(trial)
    } catch (thrown) {
      const pruned = thrown instanceof TrialPruned
      return this.tell(trial, pruned ? { state: 'pruned' } : { state: 'failed', error: messageOf(thrown) }, seconds())
    }
    try {
      return await this.tell(trial, result, seconds())
    } catch (thrown) {
      const record = this.#state.byId(trial.id)
      if (thrown instanceof SearchError && thrown.code === 'SEARCH_VALUE' && record) return record
      throw thrown
    }
  }

  /** @internal Writes an event of a trial, and first the parameters that it has got since. */
  async record(trial: Trial, event: StudyEvent): Promise<void> {
    const known = this.#written.get(trial.id) ?? 0
    const names = Object.keys(trial.params)
    if (names.length > known) {
      this.#written.set(trial.id, names.length)
      await this.#append({ op: 'params', id: trial.id, params: trial.params, distributions: trial.distributions })
    }
    await this.#append(event)
    await this.refresh()
  }

  async #append(event: StudyEvent): Promise<void> {
    await this.#storage.append(JSON.stringify(event))
  }
}

/**
 * Opens a study: trials of an objective, each with hyperparameters that the sampler proposes from what the others found.
 *
 * @example
 * const study = await createStudy({ direction: 'maximize', seed: 1 })
 * await study.optimize(async (trial) => accuracy(await train({
 *   units: trial.int('units', 8, 256, { log: true }),
 *   learningRate: trial.float('learningRate', 1e-4, 1e-1, { log: true }),
 * })), { trials: 50 })
 * study.best.params
 */
export function createStudy(options: StudyOptions = {}): Promise<Study> {
  return new Study(options).open()
}
