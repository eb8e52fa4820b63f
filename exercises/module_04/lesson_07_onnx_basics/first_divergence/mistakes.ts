import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/first_divergence'
import type { LayerOutputs } from './exercise'

const norm = (values: Float32Array | number[]): number => Math.hypot(...values)
const differences = ({ expected, actual }: LayerOutputs): number[] => Array.from(expected, (e, i) => actual[i]! - e)

/** The right error of a layer, given the quotient that a mistake may have changed. */
function ruled(layer: LayerOutputs, quotient: number): number {
  if (layer.expected.length !== layer.actual.length) return Infinity
  if (norm(layer.expected) === 0 && norm(layer.actual) === 0) return 0
  return Number.isNaN(quotient) ? Infinity : quotient
}

const right = (layer: LayerOutputs): number => ruled(layer, norm(differences(layer)) / norm(layer.expected))

function first(error: (layer: LayerOutputs) => number): Partial<typeof reference> {
  return {
    firstDivergence(layers, tolerance) {
      const found = layers.find((layer) => error(layer) > tolerance)
      return found ? { layer: found.name, error: error(found) } : null
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-worst-layer',
    sentence: 'You gave the layer with the largest error. Errors grow on their way through the model; the cause is where the first one appears.',
    functions: {
      firstDivergence(layers, tolerance) {
        const [worst] = layers.map((layer) => ({ layer: layer.name, error: right(layer) })).sort((a, b) => b.error - a.error)
        return worst && worst.error > tolerance ? worst : null
      },
    },
  },
  {
    name: 'not-relative',
    sentence: 'You did not divide by the size of the expected output. A difference of 0.1 is rounding in a layer of thousands, and a fault in one of hundredths.',
    functions: first((layer) => ruled(layer, norm(differences(layer)))),
  },
  {
    name: 'forgets-the-root',
    sentence: 'Your error is squared: a layer that is off by 10 percent looks like 1 percent. Take the root of the sums.',
    functions: first((layer) => ruled(layer, (norm(differences(layer)) / norm(layer.expected)) ** 2)),
  },
  {
    name: 'largest-element',
    sentence: 'You compared the largest elements. The L2 norm is over all of them: many small differences add up to a large one.',
    functions: first((layer) => {
      const largest = (values: Float32Array | number[]): number => Math.max(...Array.from(values, Math.abs))
      return ruled(layer, largest(differences(layer)) / largest(layer.expected))
    }),
  },
  {
    name: 'nan-hides',
    sentence: 'A layer with a NaN in it passed as good: NaN > tolerance is false, like every comparison with NaN. Say what a NaN error counts as.',
    functions: first((layer) => (Number.isNaN(norm(layer.actual)) && layer.actual.length === layer.expected.length ? NaN : right(layer))),
  },
  {
    name: 'silence-is-suspected',
    sentence: 'A layer that should be all zeros and is all zeros is right. Your quotient there is 0 / 0; catch it before it becomes Infinity.',
    functions: first((layer) => (norm(layer.expected) === 0 ? Infinity : right(layer))),
  },
  {
    name: 'extra-elements',
    sentence: 'You compared two outputs of different lengths as far as the expected one goes. A wrong shape is a fault of that layer: its error is Infinity.',
    functions: first((layer) => right({ ...layer, actual: layer.actual.length > layer.expected.length ? layer.actual.slice(0, layer.expected.length) : layer.actual })),
  },
]
