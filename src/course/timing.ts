// A check of speed that holds against code which knows that it is timed: every call has inputs of its own, every result is
// compared, and nothing tells a call that counts from one that warms up.
import { decode, encode } from './boundary/codec'
import { difference, type Tolerance } from './compare'
import { show } from './show'
import { CheckFailure, freshRandom } from './subject'
import type { Random } from '../core'

/** What is timed beside what. */
export interface SpeedContest<Args extends unknown[], Result> {
  /** The checked function, as `course.subject` gives it. */
  readonly call: (...args: Args) => Promise<Result>
  /** What it is measured against, on the same inputs. */
  readonly reference: (...args: Args) => Result
  /** Inputs of one call. Each should take milliseconds: copies to and from a sandbox count, for both. */
  readonly inputs: (random: Random) => Args
  /** Most time that may be taken, as a multiple of the reference's. */
  readonly ratio: number
  readonly tolerance?: Tolerance
  /** Pairs that count. Default 7. */
  readonly rounds?: number
}

/** Pairs that do not count: a number that is drawn, so that nobody can count calls until it matters. */
const LEAST_WARMUP = 2, MOST_WARMUP = 5

/**
 * The median over rounds of (time of the call ÷ time of the reference) is at most `ratio`, and every result agrees.
 *
 * The clock is the checking process's own, and stops when the whole result has been copied, so work cannot be put off.
 *
 * @param sentence what the learner reads when it is too slow
 */
export async function assertFast<Args extends unknown[], Result>(contest: SpeedContest<Args, Result>, sentence: string): Promise<void> {
  const { call, reference, inputs, ratio, tolerance = {}, rounds = 7 } = contest
  const random = freshRandom()
  const warmup = LEAST_WARMUP + random.int(MOST_WARMUP - LEAST_WARMUP + 1)
  const ratios: number[] = []
  for (let round = 0; round < warmup + rounds; round++) {
    const args = inputs(random)
    let got: Result | undefined, expected: unknown
    const ours = async (): Promise<number> => timed(async () => { got = await call(...args) })
    // Copied as the call's arguments and result are, so that only the work differs.
    const theirs = (): Promise<number> => timed(() => { expected = decode(encode(reference(...(args.map((arg) => decode(encode(arg))) as Args)))) })
    const first = random.int(2) === 0
    const before = first ? await ours() : await theirs()
    const after = first ? await theirs() : await ours()
    const wrong = difference(got, expected, tolerance)
    if (wrong) throw new CheckFailure('A result is wrong, and speed is worth nothing then.', { got: show(got), expected: show(expected) })
    if (round >= warmup) ratios.push(first ? before / after : after / before)
  }
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? Infinity
  if (median > ratio) throw new CheckFailure(sentence, { expected: `at most ${ratio} times as long as the reference`, got: `${median.toPrecision(2)} times as long` })
}

async function timed(work: () => void | Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}
