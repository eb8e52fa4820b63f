import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/distillation_loss'

interface Way {
  hardAt: (T: number) => number
  factor: (T: number) => number
  studentAt: (T: number) => number
  backwards: boolean
  swapped: boolean
}
const logSoftmax = (z: number[]): number[] => {
  const top = Math.max(...z)
  const sum = z.reduce((a, v) => a + Math.exp(v - top), 0)
  return z.map((v) => v - top - Math.log(sum))
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = { hardAt: () => 1, factor: (T) => T * T, studentAt: (T) => T, backwards: false, swapped: false, ...wrong }
  return {
    distillationLoss(student, teacher, label, T, hard) {
      const at = (z: number[], temperature: number): number[] => logSoftmax(z.map((v) => v / temperature))
      const [p, q] = [at(teacher, T), at(student, way.studentAt(T))]
      const kl = way.backwards
        ? q.reduce((sum, lq, i) => sum + Math.exp(lq) * (lq - p[i]!), 0)
        : p.reduce((sum, lp, i) => sum + Math.exp(lp) * (lp - q[i]!), 0)
      const share = way.swapped ? 1 - hard : hard
      return -share * at(student, way.hardAt(T))[label]! + (1 - share) * way.factor(T) * kl
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'without-t-squared',
    sentence: 'The factor T² is missing: without it the teacher is heard less and less as T grows.',
    functions: variant({ factor: () => 1 }),
  },
  {
    name: 't-once',
    sentence: 'You multiplied by T once. The gradient of the soft part shrinks with T², so that is the factor.',
    functions: variant({ factor: (T) => T }),
  },
  {
    name: 'label-softened-too',
    sentence: 'You softened the student for the label as well. The label part is the ordinary cross entropy, at temperature 1.',
    functions: variant({ hardAt: (T) => T }),
  },
  {
    name: 'student-at-one',
    sentence: 'You compared the softened teacher with the student at temperature 1. Both are divided by the same T.',
    functions: variant({ studentAt: () => 1 }),
  },
  {
    name: 'divergence-backwards',
    sentence: 'Your divergence is the wrong way round: the teacher\'s p stands in front of the logarithm, ln(p / q).',
    functions: variant({ backwards: true }),
  },
  {
    name: 'shares-swapped',
    sentence: '`hard` is the share of the label, 1 − hard that of the teacher; yours are swapped.',
    functions: variant({ swapped: true }),
  },
]
