import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/teacher_trouble'

const { teacherTrouble } = course.subject(reference)
const { assertEqual, freshRandom } = course

const spread = [[2, 0, 1], [0, 3, 1], [1, 0, 2.5], [2, 1, 0]]
const right = [0, 1, 2, 0]

test('a good teacher', async () => {
  assertEqual(await teacherTrouble(spread, spread, right, 2), [])
  assertEqual(await teacherTrouble(spread.map((z) => z.map((v) => v * 30)), spread.map((z) => z.map((v) => v * 30)), right, 1), ['too hard'])
})

test('hard as labels, until the temperature is raised', async () => {
  const sure = [[20, 0], [0, 20]], surest = [[3000, 0], [0, 3000]]
  assertEqual(await teacherTrouble(surest, surest, [0, 1], 1), ['too hard'])
  assertEqual(await teacherTrouble(sure, sure, [0, 1], 1), ['too hard'])
  assertEqual(await teacherTrouble(sure, sure, [0, 1], 10), [])
})

test('so soft that nothing is left', async () => {
  assertEqual(await teacherTrouble(spread, spread, right, 50), ['too soft'])
})

test('two runs that differ: it is still in training mode', async () => {
  const other = spread.map((z, i) => z.map((v, k) => (i === 2 && k === 1 ? v + 0.4 : v)))
  assertEqual(await teacherTrouble(spread, other, right, 2), ['random'])
  assertEqual(await teacherTrouble(spread, spread.map((z) => z.map((v) => v + 1e-6)), right, 2), [])
})

test('wrong more often than right', async () => {
  assertEqual(await teacherTrouble(spread, spread, [1, 0, 2, 1], 2), ['wrong'])
  assertEqual(await teacherTrouble(spread, spread, [1, 0, 2, 0], 2), [], 'Exactly half is not fewer than half.')
})

test('several at once, in order', async () => {
  const sure = spread.map((z) => z.map((v) => v * 100))
  assertEqual(await teacherTrouble(sure, spread, [2, 2, 0, 2], 1), ['random', 'wrong', 'too hard'])
})

test('random teachers, by the definition', async () => {
  const random = freshRandom()
  for (const scale of [0.05, 0.3, 1, 40]) {
    const z = Array.from({ length: 6 }, () => Array.from({ length: 4 }, () => scale * 3 * random.normal()))
    const labels = Array.from({ length: 6 }, () => random.int(4))
    const correct = z.filter((row, i) => row.every((v) => v <= row[labels[i]!]!)).length
    const entropy = z.reduce((sum, row) => {
      const top = Math.max(...row)
      const e = row.map((v) => Math.exp((v - top) / 2))
      const total = e.reduce((a, b) => a + b, 0)
      return sum + Math.log(total) - e.reduce((s, v, i) => s + (v * (row[i]! - top)) / 2, 0) / total
    }, 0) / 6
    assertEqual(await teacherTrouble(z, z, labels, 2), [
      ...(correct < 3 ? ['wrong'] : []), ...(entropy < 0.02 * Math.log(4) ? ['too hard'] : []), ...(entropy > 0.98 * Math.log(4) ? ['too soft'] : []),
    ])
  }
})
