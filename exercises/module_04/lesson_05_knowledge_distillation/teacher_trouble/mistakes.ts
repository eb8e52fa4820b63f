import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/teacher_trouble'
import type { TeacherTrouble } from './exercise'

interface Way {
  temperature: (T: number) => number
  limit: (n: number) => number
  half: (right: number, of: number) => boolean
  tolerance: number
  entropy: (p: number[]) => number
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = {
    temperature: (T) => T, limit: Math.log, half: (right, of) => right < of / 2, tolerance: 1e-4,
    entropy: (p) => -p.reduce((sum, v) => sum + (v > 0 ? v * Math.log(v) : 0), 0), ...wrong,
  }
  return {
    teacherTrouble(first, second, labels, T) {
      const found: TeacherTrouble[] = []
      if (first.some((z, i) => z.some((v, k) => Math.abs(v - second[i]![k]!) > way.tolerance))) found.push('random')
      if (way.half(first.filter((z, i) => z.indexOf(Math.max(...z)) === labels[i]).length, first.length)) found.push('wrong')
      const entropies = first.map((z) => {
        const top = Math.max(...z)
        const e = z.map((v) => Math.exp((v - top) / way.temperature(T)))
        const sum = e.reduce((a, b) => a + b, 0)
        return way.entropy(e.map((v) => v / sum))
      })
      const mean = entropies.reduce((a, b) => a + b, 0) / entropies.length
      const limit = way.limit(first[0]!.length)
      if (mean < 0.02 * limit) found.push('too hard')
      if (mean > 0.98 * limit) found.push('too soft')
      return found
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'without-the-temperature',
    sentence: 'You looked at the answers at temperature 1. What the student sees is softened by T: divide first.',
    functions: variant({ temperature: () => 1 }),
  },
  {
    name: 'not-relative',
    sentence: 'You compared the entropy with fixed numbers. With n classes it goes up to ln n: compare with fractions of that.',
    functions: variant({ limit: () => 1 }),
  },
  {
    name: 'half-is-wrong',
    sentence: 'Exactly half right is not fewer than half.',
    functions: variant({ half: (right, of) => right <= of / 2 }),
  },
  {
    name: 'every-bit',
    sentence: 'You asked for equal bits. Two runs may add in another order: allow differences up to 1e-4.',
    functions: variant({ tolerance: 0 }),
  },
  {
    name: 'zero-times-infinity',
    sentence: 'A probability of 0 has the logarithm −∞, and 0 · ∞ is no number: such a term counts as 0.',
    functions: variant({ entropy: (p) => -p.reduce((sum, v) => sum + v * Math.log(v), 0) }),
  },
  {
    name: 'bits-instead-of-nats',
    sentence: 'Your entropy is in bits (log₂) and the limit in nats (ln). Use one of them.',
    functions: variant({ entropy: (p) => -p.reduce((sum, v) => sum + (v > 0 ? v * Math.log2(v) : 0), 0) }),
  },
]
