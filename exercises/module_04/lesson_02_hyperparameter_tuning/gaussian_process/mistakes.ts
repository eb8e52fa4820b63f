import { search, type course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/gaussian_process'

const RIGHT = {
  kernel: (r: number, scale: number): number => Math.exp(-0.5 * (r / scale) ** 2),
  noise: (i: number, j: number, noise: number): number => (i === j ? noise : 0),
  variance: (explained: number): number => Math.max(0, 1 - explained),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { kernel, noise: added, variance } = { ...RIGHT, ...wrong }
  return {
    gaussianProcess(x, X, y, scale, noise) {
      const K = X.map((a, i) => X.map((b, j) => kernel(a - b, scale) + added(i, j, noise)))
      const near = X.map((a) => kernel(x - a, scale))
      const dot = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * q[i]!, 0)
      return { mean: dot(near, search.solve(K, y)), variance: variance(dot(near, search.solve(K, near))) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-distance-is-not-squared',
    sentence: 'Your kernel falls with the distance, not with its square: exp(−½ · (distance / scale)²).',
    functions: variant({ kernel: (r, scale) => Math.exp(-0.5 * Math.abs(r / scale)) }),
  },
  {
    name: 'scale-not-squared',
    sentence: 'The scale belongs inside the square: (distance / scale)², not distance² / scale.',
    functions: variant({ kernel: (r, scale) => Math.exp((-0.5 * r * r) / scale) }),
  },
  {
    name: 'noise-everywhere',
    sentence: 'You added the noise to every pair. Two measurements have independent noise: it belongs on the diagonal only.',
    functions: variant({ noise: (_i, _j, noise) => noise }),
  },
  {
    name: 'no-noise',
    sentence: 'You left the noise out of K: the model then believes every measurement to the last digit.',
    functions: variant({ noise: () => 0 }),
  },
  {
    name: 'variance-explained',
    sentence: 'You returned the part of the variance that the observations explain. What is left is 1 minus it.',
    functions: variant({ variance: (explained) => explained }),
  },
  {
    name: 'deviation',
    sentence: 'You returned the standard deviation. The variance is its square.',
    functions: variant({ variance: (explained) => Math.sqrt(Math.max(0, 1 - explained)) }),
  },
]
