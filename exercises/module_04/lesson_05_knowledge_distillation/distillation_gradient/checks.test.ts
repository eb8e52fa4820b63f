import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/distillation_gradient'

const { distillationGradient } = course.subject(reference)
const { assertClose, freshRandom } = course

const softmax = (z: number[]): number[] => {
  const sum = z.reduce((a, v) => a + Math.exp(v), 0)
  return z.map((v) => Math.exp(v) / sum)
}
const loss = (s: number[], t: number[], y: number, T: number, hard: number): number => {
  const [p, q] = [softmax(t.map((v) => v / T)), softmax(s.map((v) => v / T))]
  return -hard * Math.log(softmax(s)[y]!) + (1 - hard) * T * T * p.reduce((sum, v, i) => sum + v * Math.log(v / q[i]!), 0)
}

test('the example', async () => {
  const d = -0.25 + (0.5 - 1 / (1 + Math.exp(-1)))
  assertClose(await distillationGradient([0, 0], [2, 0], 0, 2, 0.5), [d, -d], { rtol: 1e-9 })
})

test('only the label: answer minus target', async () => {
  assertClose(await distillationGradient([1, 2, 0], [0, 9, 0], 2, 7, 1), softmax([1, 2, 0]).map((v, i) => v - (i === 2 ? 1 : 0)), { rtol: 1e-9 })
})

test('only the teacher, at T = 3', async () => {
  const [q, p] = [softmax([1 / 3, 2 / 3, 0]), softmax([3, 0, 1])]
  assertClose(await distillationGradient([1, 2, 0], [9, 0, 3], 2, 3, 0), q.map((v, i) => 3 * (v - p[i]!)), { rtol: 1e-9 })
})

test('it is the slope of the loss, by finite differences', async () => {
  const random = freshRandom()
  const n = 3 + random.int(3)
  const s = Array.from({ length: n }, () => random.normal()), t = Array.from({ length: n }, () => 2 * random.normal())
  const [y, T, hard] = [random.int(n), 1.5 + 4 * random.next(), 0.2 + 0.6 * random.next()]
  const slopes = s.map((_, i) => {
    const moved = (d: number): number[] => s.map((v, k) => (k === i ? v + d : v))
    return (loss(moved(1e-5), t, y, T, hard) - loss(moved(-1e-5), t, y, T, hard)) / 2e-5
  })
  assertClose(await distillationGradient(s, t, y, T, hard), slopes, { rtol: 1e-4, atol: 1e-7 })
})
