import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/cubic_sparsity'
import type { SparsityRamp } from './exercise'

const clamped = (step: number, { begin, end }: SparsityRamp): number => Math.min(1, Math.max(0, (step - begin) / (end - begin)))

const variant = (f: (done: number, ramp: SparsityRamp) => number, done = clamped): Partial<typeof reference> =>
  ({ cubicSparsity: (step, ramp) => f(done(step, ramp), ramp) })

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'slow-first',
    sentence: 'Your schedule is slow first and fast at the end: the cube is of what is left of the way, not of what is done.',
    functions: variant((t, { initial, final }) => initial + (final - initial) * t ** 3),
  },
  {
    name: 'a-straight-line',
    sentence: 'Your sparsity rises on a straight line: the cube is missing.',
    functions: variant((t, { initial, final }) => initial + (final - initial) * t),
  },
  {
    name: 'forgets-the-initial-sparsity',
    sentence: 'You always start at 0. The ramp says from where it starts.',
    functions: variant((t, { final }) => final - final * (1 - t) ** 3),
  },
  {
    name: 'no-bounds',
    sentence: 'Before the beginning and after the end the equation goes on to numbers that mean nothing: hold the share of the way between 0 and 1.',
    functions: variant((t, { initial, final }) => final + (initial - final) * (1 - t) ** 3, (step, { begin, end }) => (step - begin) / (end - begin)),
  },
  {
    name: 'counts-from-zero',
    sentence: 'You divided the step by the end. The way begins at `begin` and is end − begin long.',
    functions: variant((t, { initial, final }) => final + (initial - final) * (1 - t) ** 3, (step, { end }) => Math.min(1, step / end)),
  },
]
