import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/distillation_gradient'

const softmax = (z: number[]): number[] => {
  const top = Math.max(...z)
  const e = z.map((v) => Math.exp(v - top))
  const sum = e.reduce((a, b) => a + b, 0)
  return e.map((v) => v / sum)
}
const variant = (factor: (T: number) => number, sign = 1, hardAt: (T: number) => number = () => 1): Partial<typeof reference> => ({
  distillationGradient(student, teacher, label, T, hard) {
    const at = (z: number[], temperature: number): number[] => softmax(z.map((v) => v / temperature))
    const [p, q] = [at(teacher, T), at(student, T)]
    return at(student, hardAt(T)).map((v, i) => hard * (v - (i === label ? 1 : 0)) + sign * (1 - hard) * factor(T) * (q[i]! - p[i]!))
  },
})

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 't-squared',
    sentence: 'You multiplied by T². One T is used up by the chain rule through s / T: T remains.',
    functions: variant((T) => T * T),
  },
  {
    name: 'no-factor',
    sentence: 'The factor T is missing in the teacher\'s part: T² from the loss, divided once by the T of the chain rule.',
    functions: variant(() => 1),
  },
  {
    name: 'one-over-t',
    sentence: 'Your teacher\'s part has 1/T: that is the gradient of a loss without T².',
    functions: variant((T) => 1 / T),
  },
  {
    name: 'away-from-the-teacher',
    sentence: 'Your teacher\'s part has the wrong sign and would push the student away: answer minus target, not target minus answer.',
    functions: variant((T) => T, -1),
  },
  {
    name: 'label-softened-too',
    sentence: 'In the label part you used the softened answer. The label is compared with the student at temperature 1.',
    functions: variant((T) => T, 1, (T) => T),
  },
]
