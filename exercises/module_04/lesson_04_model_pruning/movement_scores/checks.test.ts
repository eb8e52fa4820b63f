import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/movement_scores'
import type { TrainingStep } from './exercise'

const { movementScores } = course.subject(reference)
const { assertClose, assertThat, assertThrows, freshRandom } = course

const step = (weights: number[], gradients: number[]): TrainingStep =>
  ({ weights: Float32Array.from(weights), gradients: Float32Array.from(gradients) })

test('one weight grows, one shrinks', async () => {
  const got = await movementScores([step([0.5, 2], [-1, 1]), step([0.6, 1.9], [-2, 1])])
  assertClose(got, Float64Array.of(1.7, -3.9), { rtol: 1e-5 })
})

test('a negative weight that becomes more negative grows, too', async () => {
  assertClose(await movementScores([step([-1, -1], [2, -2])]), Float64Array.of(2, -2), { rtol: 1e-6 })
})

test('steps to and fro cancel', async () => {
  assertClose(await movementScores([step([1, 3], [1, 0]), step([1, 3], [-1, 0]), step([1, 3], [0, 0])]), Float64Array.of(0, 0), { atol: 1e-9 })
})

test('all steps count, not the last alone', async () => {
  assertClose(await movementScores([step([1], [-10]), step([2], [1])]), Float64Array.of(8), { rtol: 1e-6 })
})

test('without steps, or with sizes that differ, it refuses', async () => {
  assertClose(await movementScores([step([1, 2, 3], [1, 1, 1])]), Float64Array.of(-1, -2, -3), { rtol: 1e-6 })
  await assertThrows(movementScores([]), 'Without a step there are no scores: refuse with an Error.')
  await assertThrows(movementScores([step([1, 2], [1])]), 'Two weights and one gradient do not belong together: refuse with an Error.')
  await assertThrows(movementScores([step([1, 2], [1, 1]), step([1], [1])]), 'A step with fewer weights than the others does not belong to this layer: refuse with an Error.')
})

test('gradient descent on a random parabola: what ends nearer to zero than it began has a score below zero', async () => {
  const random = freshRandom()
  // L = Σ (w − target)² / 2, so the gradient is w − target. Weight and target have the same sign, so none crosses zero.
  const target = Array.from({ length: 6 }, (_, i) => (random.next() < 0.5 ? -1 : 1) * (i % 2 === 0 ? 2.5 + random.next() : 0.2 + 0.2 * random.next()))
  let w = target.map((t) => Math.sign(t) * (1 + 0.5 * random.next()))
  const start = w, steps: TrainingStep[] = []
  for (let i = 0; i < 12; i++) {
    const gradient = w.map((x, k) => x - (target[k] ?? 0))
    steps.push(step(w, gradient))
    w = w.map((x, k) => x - 0.2 * (gradient[k] ?? 0))
  }
  const got = await movementScores(steps)
  const grew = w.map((x, i) => Math.abs(x) > Math.abs(start[i] ?? 0))
  assertThat(grew.every((up, i) => up === ((got[i] ?? NaN) > 0)), 'Weights that moved away from zero must have scores above zero, the others below.', {
    expected: grew.map((up) => (up ? 'above 0' : 'below 0')).join(', '), got,
  })
  assertClose(got[0], -steps.reduce((sum, s) => sum + (s.weights[0] ?? 0) * (s.gradients[0] ?? 0), 0), { rtol: 1e-5 }, 'The score of the first weight is not −Σ w · g.')
})
