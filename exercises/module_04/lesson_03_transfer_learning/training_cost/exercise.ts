import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/training_cost',
  title: 'What freezing saves',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/topics/feature-extraction-vs-fine-tuning',
    'module04/lesson-3-transfer-learning-and-fine/topics/layer-freezing-strategies',
  ],
}

// #region cell
/** One layer of a network, from the input to the output. */
export interface LayerCost {
  name: string
  /** Multiplications to compute its output for one sample. */
  forward: number
  /** Whether its weights are trained. */
  trained: boolean
}

/**
 * Multiplications of one training step for one sample. There are three kinds of work:
 *
 *   forward: every layer, once
 *   gradient of the weights: every trained layer; as many multiplications as its forward run
 *   gradient of the input: every layer that has a trained layer below it, that is, nearer to the input: the error has to
 *   go through it; again as many as its forward run
 *
 * Example: layers of 100, 200 and 50 multiplications. Only the last one trained: 350 + 50 + 0 = 400. All of them:
 * 350 + 350 + (200 + 50) = 950. Only the first: 350 + 100 + (200 + 50) = 700, although it has the fewest.
 *
 * @param layers from the input to the output
 */
export function trainingCost(layers: LayerCost[]): number {
  // TODO: find the lowest trained layer; then add the three kinds of work.
  throw new Error('trainingCost is not written yet')
}
// #endregion
