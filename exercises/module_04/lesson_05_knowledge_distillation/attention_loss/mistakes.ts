import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/attention_loss'
import type { FeatureMap } from './exercise'

interface Way {
  strength: (v: number) => number
  normalise: (a: number[]) => number[]
  mean: boolean
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = {
    strength: (v) => v * v,
    normalise: (a) => { const length = Math.hypot(...a); return a.map((v) => (length === 0 ? 0 : v / length)) },
    mean: true, ...wrong,
  }
  return {
    attentionLoss(student, teacher) {
      const attention = (x: FeatureMap): number[] => way.normalise(x[0]!.map((_, p) => x.reduce((sum, row) => sum + way.strength(row[p]!), 0)))
      const [s, t] = [attention(student), attention(teacher)]
      return s.reduce((sum, v, p) => sum + (v - t[p]!) ** 2, 0) / (way.mean ? s.length : 1)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'plain-sum',
    sentence: 'You added the values without squaring. Positive and negative answers then cancel, though both are attention.',
    functions: variant({ strength: (v) => v }),
  },
  {
    name: 'absolute-values',
    sentence: 'You added absolute values. The attention here is the sum of squares, which favours the places that one channel is sure of.',
    functions: variant({ strength: Math.abs }),
  },
  {
    name: 'not-normalised',
    sentence: 'You compared maps of different sizes. A teacher with more channels has larger sums: divide each map by its length.',
    functions: variant({ normalise: (a) => a }),
  },
  {
    name: 'divided-by-the-sum',
    sentence: 'You divided by the sum. Divide by the length of the vector, the root of the sum of squares.',
    functions: variant({ normalise: (a) => { const sum = a.reduce((u, v) => u + v, 0); return a.map((v) => (sum === 0 ? 0 : v / sum)) } }),
  },
  {
    name: 'sum-over-places',
    sentence: 'You added the differences up. Divide by the number of places, so that large images do not weigh more.',
    functions: variant({ mean: false }),
  },
  {
    name: 'divided-by-zero',
    sentence: 'A map of zeros has length 0, and 0 / 0 is no number. A dead layer has an attention of zeros.',
    functions: variant({ normalise: (a) => { const length = Math.hypot(...a); return a.map((v) => v / length) } }),
  },
]
