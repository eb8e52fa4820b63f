import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/group_folds'

const { groupFolds } = course.subject(reference)
const { assertEqual, assertThat, assertThrows, freshRandom } = course
const letters = (text: string): string[] => text.split('')

test('the example', async () => {
  assertEqual(await groupFolds(letters('abacab'), 2), [0, 1, 0, 1, 0, 1])
})

test('every sample its own group: dealt out in turn', async () => {
  assertEqual(await groupFolds(letters('abcdef'), 3), [0, 1, 2, 0, 1, 2])
})

test('large groups first, wherever they stand', async () => {
  // d has 4 samples, b and c 2, a 1: d → 0, b → 1, c → 1, a → 0 (4 against 4: the lower number).
  assertEqual(await groupFolds(letters('abcdbcddd'), 2), [0, 1, 1, 0, 1, 1, 0, 0, 0])
})

test('folds are filled by samples, not by groups', async () => {
  // One writer with six pages against six with one: the six together are as many.
  assertEqual(await groupFolds(letters('xxxxxxabcdef'), 2), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
})

test('fewer groups than folds are refused', async () => {
  await groupFolds(letters('aabb'), 2)
  await assertThrows(groupFolds(letters('aabb'), 3), 'Two groups cannot fill three folds.')
})

test('no group is ever in two folds, and no fold is empty', async () => {
  const random = freshRandom()
  const names = Array.from({ length: 6 + random.int(10) }, (_, i) => `patient ${i}`)
  const groups = [...names, ...Array.from({ length: 60 }, () => names[random.int(names.length)] ?? '')]
  random.shuffle(groups)
  const k = 2 + random.int(4)
  const folds = await groupFolds(groups, k)
  const torn = names.find((name) => new Set(folds.filter((_, i) => groups[i] === name)).size !== 1)
  assertThat(torn === undefined, `The samples of "${torn ?? ''}" are not all in the same fold.`, { got: folds })
  const sizes = Array.from({ length: k }, (_, fold) => folds.filter((f) => f === fold).length)
  const largest = Math.max(...names.map((name) => groups.filter((group) => group === name).length))
  assertThat(Math.min(...sizes) > 0 && Math.max(...sizes) - Math.min(...sizes) <= largest, 'The folds are not filled evenly.', { expected: `sizes that differ by at most ${largest}, none 0`, got: sizes })
})
