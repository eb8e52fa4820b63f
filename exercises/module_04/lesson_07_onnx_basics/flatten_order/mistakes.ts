import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/flatten_order'
import type { FlattenShape } from './exercise'

type Place = (c: number, h: number, w: number, shape: FlattenShape) => number

const channelsLast: Place = (c, h, w, { width, channels }) => (h * width + w) * channels + c
const channelsFirst: Place = (c, h, w, { height, width }) => (c * height + h) * width + w

/** Copies row `from` to row `to` for every channel and pixel, or what a mistake takes for it. */
function variant(wrong: {
  from?: Place
  to?: Place
  target?: (weights: Float32Array) => Float32Array
  units?: (shape: FlattenShape) => number
  checksLength?: boolean
}): Partial<typeof reference> {
  const { from = channelsLast, to = channelsFirst, checksLength = true } = wrong
  return {
    reorderRows(weights, shape) {
      const { height, width, channels } = shape
      if (checksLength && weights.length !== height * width * channels * shape.units) throw new Error('the weights do not fit')
      const units = wrong.units?.(shape) ?? shape.units
      const result = wrong.target?.(weights) ?? new Float32Array(weights.length)
      for (let c = 0; c < channels; c++) {
        for (let h = 0; h < height; h++) {
          for (let w = 0; w < width; w++) {
            for (let u = 0; u < units; u++) result[to(c, h, w, shape) * units + u] = weights[from(c, h, w, shape) * units + u]!
          }
        }
      }
      return result
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-way-back',
    sentence: 'You moved the rows the other way, from (c, h, w) to (h, w, c). Read from the old place, (h · W + w) · C + c, and write to the new one.',
    functions: variant({ from: channelsFirst, to: channelsLast }),
  },
  {
    name: 'nothing-moves',
    sentence: 'You gave the weights back as they were. The shape fits without any change, and that is the danger: no tool complains, only the answers are wrong.',
    functions: variant({ to: channelsLast }),
  },
  {
    name: 'height-for-width',
    sentence: 'A row of an image holds W pixels, so the step from one row to the next is W, not H. On a square image you would not have noticed.',
    functions: variant({ to: (c, h, w, { height, width }) => (c * width + h) * height + w, from: (c, h, w, { height, channels }) => (h * height + w) * channels + c }),
  },
  {
    name: 'columns-before-rows',
    sentence: 'You wrote the pixels of a channel column by column. In (c, h, w) the last index runs fastest: w.',
    functions: variant({ to: (c, h, w, { height, width }) => (c * width + w) * height + h }),
  },
  {
    name: 'a-row-is-one-number',
    sentence: 'A row of the weights holds one number for each unit, and all of them move together. You moved single numbers as if there were one unit.',
    functions: variant({ units: () => 1 }),
  },
  {
    name: 'over-its-own-input',
    sentence: 'You wrote into the array that you still read from: a row is overwritten before its turn to be copied. Write into a new array.',
    functions: variant({ target: (weights) => weights }),
  },
  {
    name: 'any-length',
    sentence: 'Weights that do not fill the shape belong to another layer. Throw an Error instead of an answer with holes or without the rest.',
    functions: variant({ checksLength: false }),
  },
]
