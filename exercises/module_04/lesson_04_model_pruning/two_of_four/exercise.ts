import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/two_of_four',
  title: 'Two of every four',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-4-model-pruning/topics/structured-vs-unstructured-pruning',
    'module04/lesson-4-model-pruning/interview-questions/structured-vs-unstructured-pruning',
  ],
}

// #region cell
/**
 * The mask of 2:4 sparsity for a matrix of weights: in each row, of every four neighbours at columns 4g … 4g + 3, the two
 * with the largest |w| stay (1) and the other two go (0). Of equal ones those that stand first go. Columns at the end of a
 * row that make no whole four stay dense. NVIDIA's sparse tensor cores store such a row as half as many numbers and two
 * bits of index for each (Mishra et al. 2021).
 *
 * Example: one row [4, −1, 0.5, 2, 9, 8] of six columns: of the first four, 4 and 2 stay; 9 and 8 make no four and stay.
 * The mask is [1, 0, 0, 1, 1, 1].
 *
 * @param weights row-major [rows, columns]: all of row 0, then all of row 1
 * @param columns length of a row: one row for each output, with its inputs side by side; divides the number of weights
 */
export function twoOfFourMask(weights: Float32Array, columns: number): Uint8Array {
  // TODO: go through the rows; in each row through whole fours; sort the four places by |w|; the first two go.
  throw new Error('twoOfFourMask is not written yet')
}
// #endregion
