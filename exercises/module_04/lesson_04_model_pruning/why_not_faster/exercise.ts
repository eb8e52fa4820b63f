import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/why_not_faster',
  title: 'Diagnose: pruned, and not faster',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-4-model-pruning/hands-on/measure-speedup-vs-accuracy',
    'module04/lesson-4-model-pruning/hands-on/deploy-pruned-models',
    'module04/lesson-4-model-pruning/interview-questions/what-is-model-pruning',
  ],
}

// #region cell
/** What was measured about a model before and after pruning. */
export interface PruningFacts {
  /** 95 % interval of (time after ÷ time before), both measured in turn. */
  timeRatio: [low: number, high: number]
  /** Multiply-accumulates by the shapes of the weights: zeros count like all numbers. */
  macsBefore: number
  macsAfter: number
  /** Share of zeros among the weights that are left. */
  zeros: number
  /** Share of the time before that was spent in the pruned layers, in [0, 1]. */
  timeShare: number
  /** Sizes of the pruned layers afterwards. */
  channels: number[]
}

/** What to tell the colleague. */
export type Finding = 'faster' | 'zeros are computed' | 'not where the time goes' | 'awkward sizes' | 'measure again'

/**
 * Why a pruned model is not faster, and what was the most to hope for. If only the share p of the time is in pruned layers,
 * and their arithmetic shrinks to the share r = macsAfter / macsBefore, then by Amdahl's law
 *
 *   bound = (1 − p) + p · r
 *
 * is the least that time after ÷ time before can become. The finding is the first of these that holds:
 *
 * 1. 'faster': the whole interval lies below 1.
 * 2. 'zeros are computed': `macsAfter` is not below `macsBefore`, though at least half of the weights are zero.
 * 3. 'not where the time goes': the bound is above 0.9.
 * 4. 'awkward sizes': a channel count is no multiple of 16, the blocks in which the runtime's vector units work.
 * 5. 'measure again': nothing explains it.
 *
 * Example: ratio [0.98, 1.03], 50 million multiply-accumulates before and 25 million after, no zeros, 10 % of the time in
 * the pruned layers. bound = 0.9 + 0.1 · 0.5 = 0.95: 'not where the time goes'.
 */
export function whyNotFaster(facts: PruningFacts): { finding: Finding; bound: number } {
  // TODO: the bound; then the five findings in order.
  throw new Error('whyNotFaster is not written yet')
}
// #endregion
