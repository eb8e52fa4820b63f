import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/soft_targets',
  title: 'What a teacher says at a temperature',
  points: 6,
  minutes: 8,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/soft-targets-and-temperature',
  ],
}

// #region cell
/**
 * The answer of a model, softened by a temperature:
 *
 *   p_i = exp(z_i / T) / Σ_j exp(z_j / T)
 *
 * T = 1 is the ordinary softmax; a larger T shows which wrong classes are nearly right. Logits may be large (1,000 and
 * more): take the largest off all of them first, which changes nothing in p and keeps exp from overflowing.
 *
 * Example: z = [6, 2, 0]. T = 1: [0.9796, 0.0179, 0.0024]. T = 4: [0.6285, 0.2312, 0.1402].
 *
 * @param logits z, one for each class; @param temperature T > 0
 * @returns probabilities that add up to 1
 * @throws Error when T is not above 0
 */
export function softTargets(logits: number[], temperature: number): number[] {
  // TODO: refuse temperatures that are none; shift, divide, exponentiate, normalise.
  throw new Error('softTargets is not written yet')
}
// #endregion
