import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/soft_targets'

const soften = (z: number[], T: number, scale: (v: number, T: number) => number, shift = true): number[] => {
  if (!(T > 0)) throw new Error('the temperature must be above 0')
  const top = shift ? Math.max(...z) : 0
  const e = z.map((v) => Math.exp(scale(v - top, T)))
  const sum = e.reduce((a, b) => a + b, 0)
  return e.map((v) => v / sum)
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'multiplied',
    sentence: 'You multiplied by the temperature. That makes the answer sharper; dividing makes it softer.',
    functions: { softTargets: (z, T) => soften(z, T, (v) => v * T) },
  },
  {
    name: 'temperature-behind-the-softmax',
    sentence: 'You divided probabilities by T. That scales all alike and normalising undoes it; divide the logits.',
    functions: { softTargets: (z, T) => soften(z, T, (v) => v) },
  },
  {
    name: 'overflow',
    sentence: 'exp(1000) is infinite, and infinite divided by infinite is no number. Take the largest logit off first.',
    functions: { softTargets: (z, T) => soften(z, T, (v) => v / T, false) },
  },
]
