import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/training_cost'
import type { LayerCost } from './exercise'

const costs = (layers: LayerCost[], of: (layer: LayerCost, i: number, lowest: number) => number): number => {
  const lowest = layers.findIndex((layer) => layer.trained)
  return layers.reduce((sum, layer, i) => sum + layer.forward * of(layer, i, lowest < 0 ? layers.length : lowest), 0)
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-error-stops-at-frozen-layers',
    sentence: 'You let only trained layers pass the error on. A frozen layer above a trained one must pass it too, or the trained one never gets it.',
    functions: { trainingCost: (layers) => costs(layers, ({ trained }, i, lowest) => 1 + (trained ? 1 : 0) + (trained && i > lowest ? 1 : 0)) },
  },
  {
    name: 'the-lowest-passes-on-too',
    sentence: 'You counted an input gradient for the lowest trained layer. Nothing below it learns, so nobody asks for it.',
    functions: { trainingCost: (layers) => costs(layers, ({ trained }, i, lowest) => 1 + (trained ? 1 : 0) + (i >= lowest ? 1 : 0)) },
  },
  {
    name: 'frozen-is-free',
    sentence: 'You left out the forward run of frozen layers. Their output is still needed, unless it was computed once and kept.',
    functions: { trainingCost: (layers) => costs(layers, ({ trained }, i, lowest) => (trained ? 2 : 0) + (i > lowest ? 1 : 0)) },
  },
  {
    name: 'weights-of-all',
    sentence: 'You computed gradients for the weights of frozen layers. Nobody uses them.',
    functions: { trainingCost: (layers) => costs(layers, (_, i, lowest) => 2 + (i > lowest ? 1 : 0)) },
  },
]
