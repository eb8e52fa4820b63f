import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/movement_scores',
  title: 'Where the weights are going',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-4-model-pruning/topics/movement-pruning',
    'module04/lesson-4-model-pruning/hands-on/compare-pruning-methods',
  ],
}

// #region cell
/** What one step of a fine-tuning saw of a layer: its weights before the step, and the gradient of the loss. */
export interface TrainingStep {
  weights: Float32Array
  /** ∂L/∂w, one for each weight. */
  gradients: Float32Array
}

/**
 * Movement scores over a fine-tuning: for weight i
 *
 *   S[i] = −Σ over steps of w[i] · ∂L/∂w[i]
 *
 * Gradient descent moves w by −η ∂L/∂w. Where that has the sign of w, the weight moves away from zero, and each step adds
 * to S; where the signs differ the weight is on its way to zero, and each step takes from it. The weights with the smallest
 * S are pruned, however large they still are (Sanh, Wolf, Rush 2020, equation 4).
 *
 * Example: two steps, w = 0.5 then 0.6 with gradients −1 and −2: S = −(0.5 · −1 + 0.6 · −2) = 1.7, it grows. Another weight
 * w = 2 then 1.9 with gradients 1 and 1: S = −(2 + 1.9) = −3.9: it is large, and shrinking.
 *
 * @param steps at least one, in order; all of one size
 * @returns a score for each weight
 * @throws Error without steps, or when the sizes differ
 */
export function movementScores(steps: TrainingStep[]): Float64Array {
  // TODO: refuse what has no scores; begin with zeros; subtract w · g, step by step.
  throw new Error('movementScores is not written yet')
}
// #endregion
