// When a question should come back: the memory model FSRS-5 (github.com/open-spaced-repetition/fsrs4anki/wiki/The-Algorithm).

/** 1 again: not known. 2 hard. 3 good. 4 easy. */
export type Rating = 1 | 2 | 3 | 4

/** What is known about the memory of one question. */
export interface Memory {
  /** Days until the probability of recall has fallen to 90%. */
  readonly stability: number
  /** 1 (easy) to 10. */
  readonly difficulty: number
}

/** The published default weights w₀ … w₁₈ of FSRS-5, fitted to several hundred million reviews. */
const W = [
  0.40255, 1.18385, 3.173, 15.69105, 7.1949, 0.5345, 1.4604, 0.0046, 1.54575, 0.1192, 1.01925, 1.9395, 0.11, 0.29605, 2.2698,
  0.2315, 2.9898, 0.51655, 0.6621,
] as const

const DECAY = -0.5
/** So that the probability is 0.9 after `stability` days. */
const FACTOR = 0.9 ** (1 / DECAY) - 1
/** A year: beyond that the model is a guess. */
const LONGEST_DAYS = 365

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/** R(t) = (1 + 19/81 · t/S)^(−0.5): the probability of recall after `days`. */
export function retrievability({ stability }: Memory, days: number): number {
  return (1 + (FACTOR * Math.max(0, days)) / stability) ** DECAY
}

/** Whole days, at least 1, after which the probability of recall is `wanted`. */
export function interval({ stability }: Memory, wanted = 0.9): number {
  return clamp(Math.round((stability / FACTOR) * (wanted ** (1 / DECAY) - 1)), 1, LONGEST_DAYS)
}

const initialDifficulty = (rating: Rating): number => W[4] - Math.exp(W[5] * (rating - 1)) + 1

/**
 * The memory after an answer.
 *
 * @param before undefined at the first answer
 * @param days since the answer before; a clock that went back counts as 0
 */
export function review(before: Memory | undefined, rating: Rating, days: number): Memory {
  if (!before) return { stability: Math.max(W[rating - 1] ?? W[0], 0.1), difficulty: clamp(initialDifficulty(rating), 1, 10) }
  const { stability: s, difficulty: d } = before
  const elapsed = Math.max(0, days)
  const moved = d + (-W[6] * (rating - 3) * (10 - d)) / 9
  const difficulty = clamp(W[7] * initialDifficulty(4) + (1 - W[7]) * moved, 1, 10)
  if (elapsed < 1) return { stability: clamp(s * Math.exp(W[17] * (rating - 3 + W[18])), 0.01, 36500), difficulty }
  const r = retrievability(before, elapsed)
  if (rating === 1) {
    const forgotten = W[11] * d ** -W[12] * ((s + 1) ** W[13] - 1) * Math.exp(W[14] * (1 - r))
    return { stability: clamp(Math.min(forgotten, s / Math.exp(W[17] * W[18])), 0.01, 36500), difficulty }
  }
  const growth = Math.exp(W[8]) * (11 - d) * s ** -W[9] * (Math.exp(W[10] * (1 - r)) - 1) * (rating === 2 ? W[15] : 1) * (rating === 4 ? W[16] : 1)
  return { stability: clamp(s * (1 + growth), 0.01, 36500), difficulty }
}
