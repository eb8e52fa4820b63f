import type { TrainingStep } from '../../../exercises/module_04/lesson_04_model_pruning/movement_scores/exercise'

// #region cell
export function movementScores(steps: TrainingStep[]): Float64Array {
  const size = steps[0]?.weights.length
  if (size === undefined) throw new Error('without a step there is no movement')
  const scores = new Float64Array(size)
  for (const { weights, gradients } of steps) {
    if (weights.length !== size || gradients.length !== size) throw new Error('all steps must have the same number of weights and gradients')
    weights.forEach((w, i) => {
      scores[i] = (scores[i] ?? 0) - w * (gradients[i] ?? 0)
    })
  }
  return scores
}
// #endregion
