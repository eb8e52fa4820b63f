import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/attention_loss',
  title: 'Look where the teacher looks',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/feature-based-distillation',
    'module04/lesson-5-knowledge-distillation/hands-on/implement-feature-distillation',
  ],
}

// #region cell
/** What a layer computes for one image: channels × places, `map[c][p]`. */
export type FeatureMap = number[][]

/**
 * The attention transfer loss of one image (Zagoruyko and Komodakis 2017). Student and teacher may have different numbers of
 * channels; where they look can be compared all the same:
 *
 *   a_p = Σ_c x_{c,p}²,     â = a / ‖a‖₂,     loss = (1 / P) Σ_p (â_student,p − â_teacher,p)²
 *
 * A map of zeros has no direction: its â is all zeros.
 *
 * Example: student [[1, 0], [0, 0]] (two channels, two places): a = [1, 0], â = [1, 0]. Teacher [[1, 1]]: a = [1, 1],
 * â = [0.7071, 0.7071]. Loss = ((1 − 0.7071)² + 0.7071²) / 2 = 0.2929.
 *
 * @param student [C, P], @param teacher [C′, P], with the same places P
 */
export function attentionLoss(student: FeatureMap, teacher: FeatureMap): number {
  // TODO: a helper for â; then the mean of the squared differences.
  throw new Error('attentionLoss is not written yet')
}
// #endregion
