import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/choose_student'

const { chooseStudent } = course.subject(reference)
const { assertEqual, freshRandom } = course

const steady = (ms: number): number[] => Array.from({ length: 10 }, () => ms)

test('the example', async () => {
  assertEqual(await chooseStudent([
    { name: 'a', accuracy: 0.95, latencies: steady(1.8) }, { name: 'b', accuracy: 0.952, latencies: steady(1.9) }, { name: 'c', accuracy: 0.97, latencies: steady(2.4) },
  ], 2, 0.005), 'a')
})

test('one that is usually fast and sometimes slow does not fit', async () => {
  const now = [...steady(1), ...steady(1)]
  const spiky = now.map((v, i) => (i === 7 ? 50 : v))
  assertEqual(await chooseStudent([{ name: 'spiky', accuracy: 0.99, latencies: spiky }, { name: 'steady', accuracy: 0.9, latencies: steady(1.9) }], 2, 0), 'steady')
})

test('one outlier in a thousand is allowed, twenty are not', async () => {
  const many = (slow: number): number[] => Array.from({ length: 1000 }, (_, i) => (i < slow ? 50 : 1))
  assertEqual(await chooseStudent([{ name: 'one', accuracy: 0.9, latencies: many(1) }, { name: 'twenty', accuracy: 0.95, latencies: many(20) }], 2, 0), 'one')
})

test('accuracy decides outside the tolerance', async () => {
  const students = [{ name: 'slow', accuracy: 0.96, latencies: steady(10) }, { name: 'fast', accuracy: 0.94, latencies: steady(2) }]
  assertEqual(await chooseStudent(students, 20, 0.01), 'slow')
  assertEqual(await chooseStudent(students, 20, 0.03), 'fast')
})

test('milliseconds are sorted as numbers', async () => {
  assertEqual(await chooseStudent([{ name: 'x', accuracy: 0.9, latencies: [9, 10, 100, 2] }, { name: 'y', accuracy: 0.8, latencies: [12] }], 20, 0), 'y')
})

test('none fits', async () => {
  assertEqual(await chooseStudent([{ name: 'x', accuracy: 0.9, latencies: steady(5) }], 5, 0), 'x')
  assertEqual(await chooseStudent([{ name: 'x', accuracy: 0.9, latencies: steady(5) }], 4, 0), undefined)
})

test('random students, by the definition', async () => {
  const random = freshRandom()
  for (let round = 0; round < 4; round++) {
    const students = Array.from({ length: 6 }, (_, i) => ({ name: `s${i}`, accuracy: 0.9 + 0.01 * random.int(8), latencies: Array.from({ length: 30 }, () => 1 + i + 3 * random.next()) }))
    // Of 30 measurements, ⌈0.99 · 30⌉ is the 30th: the largest.
    const known = students.map((s) => ({ ...s, p99: Math.max(...s.latencies) })).filter((s) => s.p99 <= 7)
    const best = Math.max(...known.map((s) => s.accuracy))
    const near = known.filter((s) => s.accuracy >= best - 0.015)
    assertEqual(await chooseStudent(students, 7, 0.015), near.find((s) => s.p99 === Math.min(...near.map((o) => o.p99)))?.name)
  }
})
