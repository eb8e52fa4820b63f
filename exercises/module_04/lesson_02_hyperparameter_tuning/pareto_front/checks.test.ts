import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/pareto_front'
import type { Candidate } from './exercise'

const { paretoFront } = course.subject(reference)
const { assertEqual, assertThat, freshRandom } = course

const of = (name: string, accuracy: number, latency: number): Candidate => ({ name, accuracy, latency })

test('one is worse in both respects', async () => {
  assertEqual(await paretoFront([of('a', 0.9, 5), of('b', 0.8, 9), of('c', 0.95, 20)]), ['a', 'c'])
})

test('equal in one respect, worse in the other', async () => {
  assertEqual(await paretoFront([of('a', 0.9, 5), of('b', 0.9, 6), of('c', 0.8, 5)]), ['a'])
})

test('twins stay together', async () => {
  assertEqual(await paretoFront([of('a', 0.9, 5), of('b', 0.9, 5), of('c', 0.1, 50)]), ['a', 'b'])
  assertEqual(await paretoFront([of('a', 0.5, 9), of('b', 0.5, 9), of('c', 0.6, 5)]), ['c'])
})

test('the order is that of the list', async () => {
  assertEqual(await paretoFront([of('slow', 0.99, 90), of('fast', 0.7, 1), of('middle', 0.9, 10)]), ['slow', 'fast', 'middle'])
})

test('nothing, one, and what was not measured', async () => {
  assertEqual(await paretoFront([]), [])
  assertEqual(await paretoFront([of('a', 0.1, 1000)]), ['a'])
  assertEqual(await paretoFront([of('a', Number.NaN, 1), of('b', 0.5, 5), of('c', 0.9, Number.NaN)]), ['b'])
})

test('every one that is out is dominated by one that is in, and none that is in is dominated', async () => {
  const random = freshRandom()
  const all = Array.from({ length: 40 }, (_, i) => of(`m${i}`, random.int(12) / 12, random.int(12)))
  const front = await paretoFront(all)
  const beats = (p: Candidate, q: Candidate): boolean =>
    p.accuracy >= q.accuracy && p.latency <= q.latency && (p.accuracy > q.accuracy || p.latency < q.latency)
  for (const q of all) {
    const beaten = all.some((p) => beats(p, q))
    assertThat(front.includes(q.name) !== beaten, beaten ? 'A dominated candidate is in the front.' : 'A candidate that nothing dominates is missing.', { got: q })
  }
})
