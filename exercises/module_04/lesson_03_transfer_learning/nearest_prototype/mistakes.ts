import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/nearest_prototype'

interface Way {
  prototype: (examples: number[][]) => number[]
  distance: (a: number[], b: number[]) => number
  order: (a: number, b: number) => number
}

function variant(wrong: Partial<Way>, answer = (classes: number[], k: number): number => classes[k]!): Partial<typeof reference> {
  const way: Way = {
    prototype: (examples) => examples[0]!.map((_, d) => examples.reduce((sum, e) => sum + e[d]!, 0) / examples.length),
    distance: (a, b) => a.reduce((sum, v, d) => sum + (v - b[d]!) ** 2, 0), order: (a, b) => a - b, ...wrong,
  }
  return {
    nearestPrototype(support, labels, queries) {
      const classes = [...new Set(labels)].sort(way.order)
      const prototypes = classes.map((label) => way.prototype(support.filter((_, i) => labels[i] === label)))
      return queries.map((q) => {
        const distances = prototypes.map((p) => way.distance(q, p))
        return answer(classes, distances.indexOf(Math.min(...distances)))
      })
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'nearest-example',
    sentence: 'You looked for the nearest single example. One odd example then decides; a prototype is the mean of all examples of the class.',
    functions: {
      nearestPrototype: (support, labels, queries) => queries.map((q) => {
        const distances = support.map((s) => s.reduce((sum, v, d) => sum + (v - q[d]!) ** 2, 0))
        const least = Math.min(...distances)
        return Math.min(...labels.filter((_, i) => distances[i] === least))
      }),
    },
  },
  {
    name: 'sum-instead-of-mean',
    sentence: 'Your prototype is the sum of the examples. Divide by their number, or large classes lie far away.',
    functions: variant({ prototype: (examples) => examples[0]!.map((_, d) => examples.reduce((sum, e) => sum + e[d]!, 0)) }),
  },
  {
    name: 'dot-product',
    sentence: 'You took the largest dot product. Long prototypes then win everywhere; the distance ‖q − c‖² is what counts.',
    functions: variant({ distance: (a, b) => -a.reduce((sum, v, d) => sum + v * b[d]!, 0) }),
  },
  {
    name: 'number-of-the-class',
    sentence: 'You returned the place of the class in your list. Return its label.',
    functions: variant({}, (_, k) => k),
  },
  {
    name: 'ties',
    sentence: 'Of two classes at the same distance, yours takes the larger label. The smaller one should win.',
    functions: variant({ order: (a, b) => b - a }),
  },
]
