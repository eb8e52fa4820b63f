import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/teacher_weights'

const { teacherWeights } = course.subject(reference)
const { assertClose, assertThrows, freshRandom } = course

const forProbability = (p: number): number[] => [Math.log(p), Math.log(1 - p)]

test('two teachers, 0.8 and 0.2', async () => {
  assertClose(await teacherWeights([forProbability(0.8), forProbability(0.2)], 0), [0.8, 0.2], { rtol: 1e-9 })
})

test('three teachers who know equally much share equally', async () => {
  assertClose(await teacherWeights([[1, 0], [3, 2], [0, -1]], 0), [1 / 3, 1 / 3, 1 / 3], { rtol: 1e-9 })
})

test('one that is surely wrong is not heard', async () => {
  const [a, b, c] = await teacherWeights([forProbability(0.9), forProbability(0.9), forProbability(1e-9)], 0)
  assertClose([a, b, c], [0.5, 0.5, 0], { atol: 1e-6 })
})

test('random teachers, by the definition', async () => {
  const random = freshRandom()
  const K = 2 + random.int(3), n = 3
  const logits = Array.from({ length: K }, () => Array.from({ length: n }, () => 2 * random.normal()))
  const label = random.int(n)
  const odds = logits.map((z) => z.reduce((sum, v) => sum + Math.exp(v), 0) / Math.exp(z[label]!))
  const total = odds.reduce((a, b) => a + b, 0)
  assertClose(await teacherWeights(logits, label), odds.map((o) => (1 - o / total) / (K - 1)), { rtol: 1e-9 })
})

test('a single teacher needs no weight', async () => {
  assertClose(await teacherWeights([[2, 1], [2, 1]], 1), [0.5, 0.5], { rtol: 1e-9 })
  await assertThrows(teacherWeights([[2, 1]], 0), 'With one teacher the formula divides by 0: refuse it.')
})
