// Contestants measured in turn, in one run, and what may be said of their difference. Every `npm run bench` suite uses it.
import { throwIfInterrupted } from '../core'
import { bootstrapMedian, median, type Interval } from './statistics'

/** One way of doing the work of a case. */
export interface Contestant {
  readonly name: string
  /** Why it cannot take part here, e.g. `PyTorch is not installed`. */
  readonly missing?: string
  /** Once, before the warm-up. */
  readonly prepare?: () => void | Promise<void>
  /** One measurement, in the unit of the case. */
  readonly measure: () => number | Promise<number>
  /** Once, at the end, also after a failure. */
  readonly close?: () => void | Promise<void>
}

/** The same work done by several contestants; the first is the reference of the ratios. */
export interface Case {
  readonly name: string
  /** `ms`, `MB`, `lines`: lower is better unless `higherIsBetter`. */
  readonly unit: string
  readonly higherIsBetter?: boolean
  /** Counted rounds; each measures every contestant once. Default 9. */
  readonly rounds?: number
  /** Rounds that are not counted. Default 1. */
  readonly warmup?: number
  readonly contestants: readonly Contestant[]
}

/** A line of the result table. */
export interface Row {
  readonly case: string
  readonly contestant: string
  readonly unit: string
  readonly median?: number
  /** Median over the rounds of (this contestant ÷ the reference), both of the same round. */
  readonly ratio?: number
  /** 95% bootstrap interval of `ratio`. */
  readonly interval?: Interval
  readonly missing?: string
}

/** A number that the project promised. */
export interface Target {
  readonly name: string
  readonly wanted: string
  readonly reached: string
  /** `null`: not measured here. */
  readonly met: boolean | null
}

export interface SuiteResult {
  readonly rows: readonly Row[]
  readonly targets: readonly Target[]
  /** Why the suite did not come to its end: the rows are those measured before, the targets what these say. */
  readonly stopped?: string
}

/** What a suite gets from the command line. */
export interface BenchContext {
  /** The project's root folder. */
  readonly root: string
  /** Fewer rounds, for a look instead of a measurement. */
  readonly quick: boolean
  /** Words after the suite's name. */
  readonly args: readonly string[]
  /** One line of progress for the person who waits. */
  readonly note: (line: string) => void
  /**
   * Takes rows as soon as they are measured, with the targets that they decide; a target replaces the one of its name. What
   * was added is kept when the suite is stopped or fails.
   */
  readonly add: (rows: readonly Row[], targets?: readonly Target[]) => void
}

/** A file `src/cli/bench/<name>.ts` exports one as `suite`. */
export interface BenchSuite {
  readonly name: string
  readonly description: string
  /** Measures, and gives each case's rows to `context.add`. */
  readonly run: (context: BenchContext) => Promise<void>
  /** The targets that all rows together decide; asked anew whenever rows were added. */
  readonly targets?: (rows: readonly Row[]) => readonly Target[]
}

/**
 * Measures the contestants of a case in turn, starting each round with the next one, so that drift of the machine
 * falls on all alike. A contestant that fails becomes a row with the reason in `missing`.
 */
export async function compare(one: Case, context: Pick<BenchContext, 'quick' | 'note'>): Promise<Row[]> {
  const rounds = context.quick ? Math.min(3, one.rounds ?? 9) : one.rounds ?? 9
  const warmup = one.warmup ?? 1
  const failed = new Map<Contestant, string>()
  const samples = new Map<Contestant, number[]>(one.contestants.map((contestant) => [contestant, []]))
  const running = (): Contestant[] => one.contestants.filter((c) => c.missing === undefined && !failed.has(c))
  const attempt = async (contestant: Contestant, work: () => unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      failed.set(contestant, `failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  try {
    for (const contestant of running()) await attempt(contestant, () => contestant.prepare?.())
    for (let round = -warmup; round < rounds; round++) {
      context.note(`${one.name}: ${round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`}`)
      // Runs are synchronous: without a pause nothing else of this process, such as an interrupt, gets its turn.
      await new Promise(setImmediate)
      const order = running()
      for (let i = 0; i < order.length; i++) {
        throwIfInterrupted()
        const contestant = order[(i + round + warmup) % order.length]
        if (!contestant) continue
        await attempt(contestant, async () => {
          const value = await contestant.measure()
          if (round >= 0) samples.get(contestant)?.push(value)
        })
      }
    }
  } finally {
    for (const contestant of one.contestants) if (contestant.missing === undefined) await attempt(contestant, () => contestant.close?.())
  }
  const reference = one.contestants[0] && samples.get(one.contestants[0])
  return one.contestants.map((contestant) => {
    const row = { case: one.name, contestant: contestant.name, unit: one.unit }
    const missing = contestant.missing ?? failed.get(contestant)
    if (missing !== undefined) return { ...row, missing }
    const own = samples.get(contestant) ?? []
    if (!reference || reference.length !== own.length) return { ...row, median: median(own) }
    const ratios = own.map((value, round) => value / (reference[round] ?? Number.NaN))
    return { ...row, median: median(own), ratio: median(ratios), interval: bootstrapMedian(ratios) }
  })
}

/** Whether a row's ratio is a difference that the samples support: its interval does not contain 1. */
export function differs(row: Row): boolean {
  return row.interval !== undefined && (row.interval[0] > 1 || row.interval[1] < 1)
}
