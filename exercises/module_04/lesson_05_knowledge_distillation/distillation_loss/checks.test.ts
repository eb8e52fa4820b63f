import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/distillation_loss'

const { distillationLoss } = course.subject(reference)
const { assertClose, freshRandom } = course

const logSoftmax = (z: number[]): number[] => {
  const sum = z.reduce((a, v) => a + Math.exp(v), 0)
  return z.map((v) => v - Math.log(sum))
}

test('the example', async () => {
  const p = [1 / (1 + Math.exp(-1)), 1 / (1 + Math.E)]
  const kl = p[0]! * Math.log(2 * p[0]!) + p[1]! * Math.log(2 * p[1]!)
  assertClose(await distillationLoss([0, 0], [2, 0], 0, 2, 0.5), 0.5 * Math.LN2 + 2 * kl, { rtol: 1e-9 })
})

test('only the label: the ordinary cross entropy', async () => {
  assertClose(await distillationLoss([1, 3, 0], [9, 9, 0], 1, 5, 1), -logSoftmax([1, 3, 0])[1]!, { rtol: 1e-9 })
})

test('a student that says what the teacher says has nothing left to learn from it', async () => {
  assertClose(await distillationLoss([1, -2, 0.5], [4, 1, 3.5], 0, 3, 0), 0, { atol: 1e-9 })
  assertClose(await distillationLoss([1, -2, 0.5], [4, 1, 3.5], 0, 3, 0.3), -0.3 * logSoftmax([1, -2, 0.5])[0]!, { rtol: 1e-9 })
})

test('the factor T² keeps the size of the soft part when T grows', async () => {
  // For large T the soft part tends to (1 / 2n) Σ ((t − mean t) − (s − mean s))².
  const [s, t] = [[0.3, -0.2, 0.5], [1, -1, 0.2]]
  const centred = (z: number[]): number[] => z.map((v) => v - (z[0]! + z[1]! + z[2]!) / 3)
  const limit = centred(t).reduce((sum, v, i) => sum + (v - centred(s)[i]!) ** 2, 0) / 6
  assertClose(await distillationLoss(s, t, 0, 500, 0), limit, { rtol: 0.02 })
})

test('random logits, by the definition', async () => {
  const random = freshRandom()
  const n = 3 + random.int(4)
  const s = Array.from({ length: n }, () => 2 * random.normal()), t = Array.from({ length: n }, () => 2 * random.normal())
  const label = random.int(n), T = 1.5 + 4 * random.next(), hard = 0.2 + 0.6 * random.next()
  const [p, q] = [logSoftmax(t.map((v) => v / T)), logSoftmax(s.map((v) => v / T))]
  const kl = p.reduce((sum, lp, i) => sum + Math.exp(lp) * (lp - q[i]!), 0)
  assertClose(await distillationLoss(s, t, label, T, hard), -hard * logSoftmax(s)[label]! + (1 - hard) * T * T * kl, { rtol: 1e-9 })
})
