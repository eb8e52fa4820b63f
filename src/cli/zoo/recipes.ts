// The models that benchmarks and lessons compress: how each is made, on which data it is trained, and for how long.
import type * as tf from '@tensorflow/tfjs'
import { loadDigits, loadMnist, type Split } from '../../data'
import { models } from '../../nn'

/** One trained model of the zoo. Everything here decides the key of the cache. */
export interface Recipe {
  readonly dataset: 'mnist' | 'digits'
  readonly seed: number
  readonly epochs: number
  readonly batchSize: number
  /** Peak learning rate of a one-cycle schedule with Adam. */
  readonly rate: number
  readonly build: (seed: number) => tf.LayersModel
}

const mnist = { dataset: 'mnist', seed: 1, batchSize: 128 } as const

/** By name. */
export const RECIPES = {
  'mlp': { ...mnist, batchSize: 256, epochs: 5, rate: 0.002, build: (seed) => models.mlp({ seed }) },
  'lenet-300-100': { ...mnist, batchSize: 256, epochs: 8, rate: 0.002, build: (seed) => models.lenet300100({ seed }) },
  'lenet-5': { ...mnist, epochs: 2, rate: 0.003, build: (seed) => models.lenet5({ seed }) },
  'mnist-cnn': { ...mnist, batchSize: 64, epochs: 1, rate: 0.002, build: (seed) => models.mnistCnn({ seed }) },
  'mobilenet': { ...mnist, batchSize: 64, epochs: 1, rate: 0.005, build: (seed) => models.mobileNet({ seed }) },
  'resnet': { ...mnist, batchSize: 64, epochs: 1, rate: 0.004, build: (seed) => models.resNet({ seed }) },
  'transformer': { ...mnist, epochs: 2, rate: 0.002, build: (seed) => models.transformer({ seed }) },
  'digits-mlp': {
    dataset: 'digits', seed: 1, epochs: 40, batchSize: 32, rate: 0.003,
    build: (seed) => models.mlp({ inputShape: [8, 8, 1], hidden: [64, 32], seed }),
  },
  'digits-cnn': {
    dataset: 'digits', seed: 1, epochs: 30, batchSize: 32, rate: 0.003,
    build: (seed) => models.mnistCnn({ inputShape: [8, 8, 1], filters: [16, 32], units: 64, seed }),
  },
} as const satisfies Record<string, Recipe>

/** Name of a model of the zoo. */
export type ZooName = keyof typeof RECIPES

const loaded = new Map<Recipe['dataset'], Split>()

/** The data of a recipe: training and held-out part, scaled to [0, 1]. */
export function dataOf(dataset: Recipe['dataset']): Split {
  let split = loaded.get(dataset)
  if (!split) {
    split = (dataset === 'mnist' ? loadMnist() : loadDigits().split({ test: 0.25, seed: 1 })).normalise('unit')
    loaded.set(dataset, split)
  }
  return split
}
