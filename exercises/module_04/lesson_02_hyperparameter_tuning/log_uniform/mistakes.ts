import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/log_uniform'

const guard = (low: number, high: number): void => {
  if (!(low > 0) || high < low) throw new Error('no such range')
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'uniform',
    sentence: 'You went the share u of the way from low to high. Then nine tenths of all draws lie in the last power of ten. Go along the logarithm.',
    functions: { logUniform: (u, low, high) => (guard(low, high), low + u * (high - low)) },
  },
  {
    name: 'forgot-the-way-back',
    sentence: 'You returned the logarithm of the value. The way back is the exponential.',
    functions: { logUniform: (u, low, high) => (guard(low, high), Math.log(low) + u * (Math.log(high) - Math.log(low))) },
  },
  {
    name: 'two-bases',
    sentence: 'You took one logarithm and came back with the power of another base: log10 belongs to 10 ** x, log to exp.',
    functions: { logUniform: (u, low, high) => (guard(low, high), 10 ** (Math.log(low) + u * (Math.log(high) - Math.log(low)))) },
  },
  {
    name: 'takes-any-range',
    sentence: 'The numbers are right, but a range that has no logarithm must be refused, not answered with NaN.',
    functions: { logUniform: (u, low, high) => Math.exp(Math.log(low) + u * (Math.log(high) - Math.log(low))) },
  },
]
