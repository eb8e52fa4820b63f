import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/training_symptoms'

const { trainingSymptom } = course.subject(reference)
const { assertEqual, freshRandom } = course
const of = (train: number[], validation: number[], classes = 10): Promise<string> => trainingSymptom({ train, validation, classes })

test('the example overfits', async () => {
  assertEqual(await of([1.2, 0.6, 0.3, 0.1], [1.1, 0.7, 0.6, 0.8]), 'overfits')
})

test('healthy: down, and flat at the end', async () => {
  assertEqual(await of([1.2, 0.5, 0.4, 0.39], [1.1, 0.55, 0.46, 0.45]), 'healthy')
  // With dropout, the training loss may lie a little above.
  assertEqual(await of([1.2, 0.6, 0.5], [1, 0.5, 0.48]), 'healthy')
})

test('diverged: no number, or far above the start', async () => {
  assertEqual(await of([2, 5, Number.NaN, Number.NaN], [2, 6, Number.NaN, Number.NaN]), 'diverged')
  assertEqual(await of([2.2, Number.POSITIVE_INFINITY, 3], [2.2, 9, 3]), 'diverged')
  assertEqual(await of([2.2, 3, 4.5], [2.2, 3, 4.6]), 'diverged')
})

test('learns nothing: no better than guessing, whatever the number of classes', async () => {
  assertEqual(await of([2.31, 2.3, 2.3], [2.3, 2.3, 2.3]), 'learns nothing')
  // ln 2 = 0.693: 0.68 is guessing with two classes; with ten it would be well learned.
  assertEqual(await of([0.7, 0.69, 0.68], [0.7, 0.69, 0.69], 2), 'learns nothing')
  assertEqual(await of([0.9, 0.7, 0.68], [0.9, 0.71, 0.69], 10), 'healthy')
})

test('a leak: validation is far too easy', async () => {
  assertEqual(await of([1.5, 0.8, 0.6], [0.9, 0.3, 0.25]), 'leak')
})

test('not finished: still falling', async () => {
  assertEqual(await of([2, 1.5, 1.1], [2, 1.6, 1.2]), 'not finished')
})

test('the rules are asked in their order', async () => {
  // Overfits, though the very last step went down a little; diverged comes before everything.
  assertEqual(await of([1, 0.3, 0.1, 0.05], [0.9, 0.5, 0.9, 0.8]), 'overfits')
  assertEqual(await of([Number.NaN, 0.3, 0.2], [1, 0.4, 0.1]), 'diverged')
  assertEqual(await of([2.3, 2.29, 2.28], [1.5, 1.2, 0.9]), 'learns nothing')
})

test('made-up trainings of every kind', async () => {
  const random = freshRandom()
  const scale = 0.5 + random.next()
  const made: Record<string, [number[], number[]]> = {
    diverged: [[1, 1.5, 2.5].map((v) => v * scale), [1, 1, 1]],
    overfits: [[1, 0.5, 0.3, 0.2].map((v) => v * scale), [1, 0.6, 0.5, 0.7].map((v) => v * scale)],
    leak: [[1, 0.8, 0.7].map((v) => v * scale), [0.6, 0.4, 0.3].map((v) => v * scale)],
    'not finished': [[1, 0.8, 0.6].map((v) => v * scale), [1, 0.85, 0.7].map((v) => v * scale)],
    healthy: [[1, 0.6, 0.55].map((v) => v * scale), [1, 0.62, 0.6].map((v) => v * scale)],
  }
  for (const name of random.shuffle(Object.keys(made))) assertEqual(await of(...made[name] ?? [[], []], 100), name)
})
