import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/range_too_narrow'
import type { FinishedTrial } from './exercise'

const { rangesTooNarrow } = course.subject(reference)
const { assertEqual, freshRandom } = course

const rate = { learningRate: { low: 1e-4, high: 1e-2, log: true } }
const trial = (learningRate: number, loss: number): FinishedTrial => ({ params: { learningRate }, loss })

test('the best three stand at the upper end', async () => {
  const trials = [trial(0.0095, 0.1), trial(0.009, 0.12), trial(0.002, 0.15), ...Array.from({ length: 17 }, (_, i) => trial(2e-4 + 1e-4 * i, 1 + i))]
  assertEqual(await rangesTooNarrow(trials, rate), { learningRate: 'high' })
})

test('at the lower end, and in the middle', async () => {
  const trials = [0.011, 0.05, 0.02, 0.5, 0.9].map((x, i): FinishedTrial => ({ params: { x, y: 0.3 + 0.1 * i }, loss: i }))
  assertEqual(await rangesTooNarrow(trials, { x: { low: 0, high: 1, log: false }, y: { low: 0, high: 1, log: false } }), { x: 'low' })
})

test('a logarithmic axis is judged by its logarithm', async () => {
  // 0.0009 is in the middle of the powers of ten between 0.0001 and 0.01, though close to 0.0001 on a plain axis.
  const trials = [0.0009, 0.0008, 0.0007, 0.001].map((v, i) => trial(v, i))
  assertEqual(await rangesTooNarrow(trials, rate), {})
  assertEqual(await rangesTooNarrow(trials, { learningRate: { ...rate.learningRate, log: false } }), { learningRate: 'low' })
})

test('only the best tenth counts', async () => {
  const random = freshRandom()
  const trials = random.shuffle(Array.from({ length: 60 }, (_, i): FinishedTrial =>
    ({ params: { x: i < 6 ? 0.5 : 0.99 }, loss: i })))
  assertEqual(await rangesTooNarrow(trials, { x: { low: 0, high: 1, log: false } }), {})
  const turned = trials.map(({ params, loss }): FinishedTrial => ({ params: { x: params.x === 0.5 ? 0.95 : 0.5 }, loss }))
  assertEqual(await rangesTooNarrow(turned, { x: { low: 0, high: 1, log: false } }), { x: 'high' })
})

test('exactly half is not more than half', async () => {
  const trials = Array.from({ length: 40 }, (_, i): FinishedTrial => ({ params: { x: i % 2 === 0 ? 0.6 : 0.02 }, loss: i }))
  assertEqual(await rangesTooNarrow(trials, { x: { low: 0, high: 1, log: false } }), {})
})

test('the single best at an end is chance', async () => {
  const trials = Array.from({ length: 12 }, (_, i): FinishedTrial => ({ params: { x: i === 0 ? 0.99 : 0.3 + 0.04 * i }, loss: i }))
  assertEqual(await rangesTooNarrow(trials, { x: { low: 0, high: 1, log: false } }), {})
})

test('a trial that diverged is nobody\'s best', async () => {
  const trials = [
    ...Array.from({ length: 5 }, (): FinishedTrial => ({ params: { x: 0.99 }, loss: Number.NaN })),
    ...Array.from({ length: 10 }, (_, i): FinishedTrial => ({ params: { x: 0.4 }, loss: i })),
  ]
  assertEqual(await rangesTooNarrow(trials, { x: { low: 0, high: 1, log: false } }), {})
})
