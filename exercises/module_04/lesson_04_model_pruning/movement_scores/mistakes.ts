import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/movement_scores'
import type { TrainingStep } from './exercise'

function refuse(steps: TrainingStep[]): void {
  const size = steps[0]?.weights.length
  if (size === undefined || steps.some((s) => s.weights.length !== size || s.gradients.length !== size)) throw new Error('sizes')
}

const sum = (steps: TrainingStep[], term: (w: number, g: number) => number): Float64Array =>
  Float64Array.from(steps[0]!.weights, (_, i) => steps.reduce((total, s) => total + term(s.weights[i]!, s.gradients[i]!), 0))

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'wrong-sign',
    sentence: 'The sign is turned. A step goes against the gradient, so a weight grows where w · g is negative: S has a minus.',
    functions: { movementScores: (steps) => { refuse(steps); return sum(steps, (w, g) => w * g) } },
  },
  {
    name: 'absolute-values',
    sentence: 'You added |w · g|: that is the Taylor score, which says how much a weight matters now. Movement has a sign: where is it going?',
    functions: { movementScores: (steps) => { refuse(steps); return sum(steps, (w, g) => Math.abs(w * g)) } },
  },
  {
    name: 'only-the-last-step',
    sentence: 'You looked at the last step alone. One batch is noise: S is the sum over all steps.',
    functions: { movementScores: (steps) => { refuse(steps); return sum(steps.slice(-1), (w, g) => -w * g) } },
  },
  {
    name: 'gradient-alone',
    sentence: 'You left out the weight: −Σ g says whether w rises or falls. Whether that is away from zero depends on the sign of w.',
    functions: { movementScores: (steps) => { refuse(steps); return sum(steps, (_, g) => -g) } },
  },
  {
    name: 'sums-apart',
    sentence: 'You added weights and gradients apart and multiplied afterwards. Each step multiplies its own weight by its own gradient.',
    functions: { movementScores: (steps) => {
      refuse(steps)
      const [w, g] = [sum(steps, (x) => x), sum(steps, (_, y) => y)]
      return w.map((x, i) => (-x * g[i]!) / steps.length)
    } },
  },
  {
    name: 'accepts-anything',
    sentence: 'Steps that are missing, or whose sizes differ, have no scores: say so with an Error, or the result is NaN where nobody looks.',
    functions: { movementScores: (steps) => (steps.length === 0 ? new Float64Array() : sum(steps, (w, g) => -w * g)) },
  },
]
