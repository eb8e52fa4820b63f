import type { Sampler } from '../sampler'
import { drawUniform } from '../space'

/**
 * Random search: every value drawn independently and uniformly. Finds good values of the few parameters that matter
 * sooner than a grid, because every trial tries a new value of each (Bergstra and Bengio, JMLR 13, 2012).
 */
export function randomSampler(): Sampler {
  return { name: 'random', single: (_history, _name, distribution, { random }) => drawUniform(distribution, random) }
}
