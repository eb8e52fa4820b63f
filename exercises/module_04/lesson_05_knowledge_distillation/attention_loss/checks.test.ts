import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/attention_loss'

const { attentionLoss } = course.subject(reference)
const { assertClose, freshRandom } = course

test('the example', async () => {
  assertClose(await attentionLoss([[1, 0], [0, 0]], [[1, 1]]), 1 - Math.SQRT1_2, { rtol: 1e-9 })
})

test('the scale and the number of channels do not matter, only where', async () => {
  assertClose(await attentionLoss([[1, 2, 0]], [[3, 6, 0], [0, 0, 0], [3, 6, 0]]), 0, { atol: 1e-12 })
  assertClose(await attentionLoss([[0, 1]], [[3, 0]]), 1, { rtol: 1e-9 })
})

test('signs do not matter: a strong negative answer is attention too', async () => {
  assertClose(await attentionLoss([[1, -2], [-1, 0]], [[-1, 2], [1, 0]]), 0, { atol: 1e-12 })
  assertClose(await attentionLoss([[1, -1], [1, -1]], [[2, 0]]), ((1 - Math.SQRT1_2) ** 2 + 0.5) / 2, { rtol: 1e-9 })
})

test('a dead layer is compared as zeros', async () => {
  assertClose(await attentionLoss([[0, 0], [0, 0]], [[3, 4]]), 0.5, { rtol: 1e-9 })
})

test('random maps', async () => {
  const random = freshRandom()
  const P = 4 + random.int(4)
  const map = (channels: number): number[][] => Array.from({ length: channels }, () => Array.from({ length: P }, () => random.normal()))
  const [s, t] = [map(2), map(5)]
  const attention = (x: number[][]): number[] => {
    const a = Array.from({ length: P }, (_, p) => x.map((row) => row[p]! * row[p]!).reduce((u, v) => u + v, 0))
    return a.map((v) => v / Math.hypot(...a))
  }
  const [as, at] = [attention(s), attention(t)]
  assertClose(await attentionLoss(s, t), as.map((v, p) => (v - at[p]!) ** 2).reduce((u, v) => u + v, 0) / P, { rtol: 1e-9 })
})
