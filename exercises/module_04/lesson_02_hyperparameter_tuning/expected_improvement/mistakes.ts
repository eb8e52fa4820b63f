import { search, type course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/expected_improvement'

const ei = (z: number, deviation: number): number => deviation * (z * search.normalCumulative(z) + search.normalDensity(z))

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'maximizes',
    sentence: 'You measured from the best up to the mean. That is the improvement of something to maximize; a loss improves when it falls: z = (best − μ)/σ.',
    functions: { expectedImprovement: (m, s, b) => (s === 0 ? Math.max(0, m - b) : ei((m - b) / s, s)) },
  },
  {
    name: 'probability-of-improvement',
    sentence: 'You returned Φ(z), the probability that it is better at all. That ignores by how much, and makes the search timid.',
    functions: { expectedImprovement: (m, s, b) => (s === 0 ? Math.max(0, b - m) : search.normalCumulative((b - m) / s)) },
  },
  {
    name: 'no-scale',
    sentence: 'The result has no unit: the bracket must be multiplied by σ.',
    functions: { expectedImprovement: (m, s, b) => (s === 0 ? Math.max(0, b - m) : ei((b - m) / s, 1)) },
  },
  {
    name: 'divides-by-zero',
    sentence: 'Where the model is certain, z divides by 0. Then the improvement is the plain difference, and not below 0.',
    functions: { expectedImprovement: (m, s, b) => ei((b - m) / s, s) },
  },
  {
    name: 'only-the-mean',
    sentence: 'You compared means only. The term σ · φ(z) is what makes the search look where it knows little.',
    functions: { expectedImprovement: (m, _s, b) => Math.max(0, b - m) },
  },
]
