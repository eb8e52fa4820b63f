import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/training_symptoms'
import type { Symptom, TrainingCurves } from './exercise'

type Rule = (curves: TrainingCurves) => boolean

const last = (values: number[]): number => values.at(-1) ?? NaN
const RIGHT: Record<Exclude<Symptom, 'healthy'>, Rule> = {
  diverged: ({ train }) => train.some((loss) => !Number.isFinite(loss)) || last(train) > 2 * train[0]!,
  'learns nothing': ({ train, classes }) => last(train) > 0.9 * Math.log(classes),
  leak: ({ train, validation }) => last(validation) < 0.5 * last(train),
  overfits: ({ validation }) => last(validation) > 1.1 * Math.min(...validation),
  'not finished': ({ validation }) => last(validation) < 0.95 * validation.at(-2)!,
}

function variant(wrong: Partial<typeof RIGHT>, order: (keyof typeof RIGHT)[] = Object.keys(RIGHT) as (keyof typeof RIGHT)[]): Partial<typeof reference> {
  const rules = { ...RIGHT, ...wrong }
  return { trainingSymptom: (curves) => order.find((name) => rules[name](curves)) ?? 'healthy' }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'nan-only-at-the-end',
    sentence: 'You looked at the last training loss only. A loss that was NaN or infinite in between has diverged, wherever it ended.',
    functions: variant({ diverged: ({ train }) => !Number.isFinite(last(train)) || last(train) > 2 * train[0]! }),
  },
  {
    name: 'only-nan-diverges',
    sentence: 'A loss can diverge without ever being NaN: more than twice the first is enough.',
    functions: variant({ diverged: ({ train }) => train.some((loss) => !Number.isFinite(loss)) }),
  },
  {
    name: 'always-ten-classes',
    sentence: 'You compared with the guess among ten classes. With two, guessing has the loss ln 2 = 0.69.',
    functions: variant({ 'learns nothing': ({ train }) => last(train) > 0.9 * Math.log(10) }),
  },
  {
    name: 'overfits-against-training',
    sentence: 'You compared validation with training. A gap is normal; overfitting is when validation has become worse than it was.',
    functions: variant({ overfits: ({ train, validation }) => last(validation) > 1.1 * last(train) }),
  },
  {
    name: 'still-falling-first',
    sentence: 'You asked whether it is still falling before you asked whether it overfits. One good last step does not undo what was lost.',
    functions: variant({}, ['diverged', 'learns nothing', 'leak', 'not finished', 'overfits']),
  },
  {
    name: 'leak-first',
    sentence: 'You asked about a leak before you asked whether it learns at all. The rules have an order.',
    functions: variant({}, ['diverged', 'leak', 'learns nothing', 'overfits', 'not finished']),
  },
  {
    name: 'lower-is-a-leak',
    sentence: 'A validation loss a little below the training loss is common (dropout, a training loss averaged over the epoch). Below half of it is not.',
    functions: variant({ leak: ({ train, validation }) => last(validation) < last(train) }),
  },
]
