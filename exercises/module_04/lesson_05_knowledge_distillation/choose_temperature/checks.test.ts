import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/choose_temperature'

const { chooseTemperature } = course.subject(reference)
const { assertEqual, freshRandom } = course

test('the example', async () => {
  assertEqual(await chooseTemperature([
    { temperature: 1, accuracies: [0.8, 0.82] }, { temperature: 4, accuracies: [0.86, 0.94] }, { temperature: 8, accuracies: [0.89, 0.93] },
    { temperature: 16, accuracies: [0.87, 0.93] },
  ]), 4)
})

test('a clear winner wins', async () => {
  assertEqual(await chooseTemperature([
    { temperature: 1, accuracies: [0.8, 0.81, 0.8] }, { temperature: 4, accuracies: [0.95, 0.951, 0.95] }, { temperature: 8, accuracies: [0.9, 0.91, 0.9] },
  ]), 4)
})

test('the runs come in any order', async () => {
  assertEqual(await chooseTemperature([
    { temperature: 8, accuracies: [0.89, 0.93] }, { temperature: 4, accuracies: [0.88, 0.92] }, { temperature: 2, accuracies: [0.86, 0.925] }, { temperature: 1, accuracies: [0.5, 0.5] },
  ]), 2)
})

test('more seeds make the line finer', async () => {
  const four = { temperature: 4, accuracies: [0.9, 0.92, 0.9, 0.92, 0.9, 0.92, 0.9, 0.92] }
  assertEqual(await chooseTemperature([{ temperature: 2, accuracies: [0.9] }, four]), 4)
  assertEqual(await chooseTemperature([{ temperature: 2, accuracies: [0.9065] }, four]), 2)
})

test('single runs: the best one, of equal ones the lowest', async () => {
  assertEqual(await chooseTemperature([{ temperature: 9, accuracies: [0.9] }, { temperature: 3, accuracies: [0.9] }, { temperature: 1, accuracies: [0.89] }]), 3)
})

test('random runs, by the definition', async () => {
  const random = freshRandom()
  for (let round = 0; round < 8; round++) {
    const runs = random.shuffle([1, 2, 4, 8]).map((temperature) => ({ temperature, accuracies: Array.from({ length: 3 }, () => 0.8 + 0.1 * random.next()) }))
    const stats = runs.map(({ temperature, accuracies: a }) => {
      const mean = (a[0]! + a[1]! + a[2]!) / 3
      return { temperature, mean, error: Math.sqrt(((a[0]! - mean) ** 2 + (a[1]! - mean) ** 2 + (a[2]! - mean) ** 2) / 6) }
    })
    const best = stats.reduce((a, b) => (b.mean > a.mean ? b : a))
    const wanted = Math.min(...stats.filter((s) => s.mean >= best.mean - best.error).map((s) => s.temperature))
    assertEqual(await chooseTemperature(runs), wanted)
  }
})
