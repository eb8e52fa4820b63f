import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/model_size'
import type { Initializer } from './exercise'

type DType = Initializer['dtype']

const BITS: Record<DType, number> = {
  float64: 64, float32: 32, float16: 16, bfloat16: 16, int64: 64, int32: 32, int8: 8, uint8: 8, bool: 8, int4: 4, uint4: 4,
}

/** The parts of the right answer, each of which one mistake replaces. */
const RIGHT = {
  distinct: (all: Initializer[]): Initializer[] => all.filter((each, i) => all.findIndex(({ name }) => name === each.name) === i),
  learned: (dtype: DType): boolean => dtype.includes('float'),
  elements: (shape: number[]): number => shape.reduce((product, size) => product * size, 1),
  bytes: (tensors: { elements: number; dtype: DType }[]): number =>
    tensors.reduce((sum, { elements, dtype }) => sum + Math.ceil((elements * BITS[dtype]) / 8), 0),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { distinct, learned, elements, bytes } = { ...RIGHT, ...wrong }
  return {
    modelSize(initializers) {
      const tensors = distinct(initializers).map(({ shape, dtype }) => ({ elements: elements(shape), dtype }))
      const parameters = tensors.filter(({ dtype }) => learned(dtype)).reduce((sum, each) => sum + each.elements, 0)
      return { parameters, bytes: bytes(tensors) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'counts-the-constants',
    sentence: 'Not every stored tensor is learned: the int64 shape that a Reshape reads is no parameter. It has bytes, but does not count.',
    functions: variant({ learned: () => true }),
  },
  {
    name: 'a-scalar-is-nothing',
    sentence: 'The shape [] is not empty of numbers: a scalar has no axes and one element. What is the product of no sizes?',
    functions: variant({ elements: (shape) => (shape.length === 0 ? 0 : RIGHT.elements(shape)) }),
  },
  {
    name: 'counts-shared-weights-twice',
    sentence: 'A tensor that two layers share is stored once. You counted a name each time it is listed.',
    functions: variant({ distinct: (all) => all }),
  },
  {
    name: 'four-bytes-for-everything',
    sentence: 'You gave each number four bytes. That is float32; the type of each tensor decides, and the small types are why models shrink.',
    functions: variant({ bytes: (tensors) => tensors.reduce((sum, { elements }) => sum + 4 * elements, 0) }),
  },
  {
    name: 'a-byte-for-four-bits',
    sentence: 'You gave each 4-bit number a byte of its own. Two of them share one: that is the point of int4.',
    functions: variant({ bytes: (tensors) => tensors.reduce((sum, { elements, dtype }) => sum + elements * Math.ceil(BITS[dtype] / 8), 0) }),
  },
  {
    name: 'rounds-the-sum',
    sentence: 'You rounded the sum of all bits. Each tensor starts at a byte of its own, so each is rounded up by itself.',
    functions: variant({ bytes: (tensors) => Math.ceil(tensors.reduce((sum, { elements, dtype }) => sum + elements * BITS[dtype], 0) / 8) }),
  },
  {
    name: 'a-bit-for-a-boolean',
    sentence: 'A boolean carries one bit of news but is stored as a whole byte.',
    functions: variant({
      bytes: (tensors) => tensors.reduce((sum, { elements, dtype }) => sum + Math.ceil((elements * (dtype === 'bool' ? 1 : BITS[dtype])) / 8), 0),
    }),
  },
]
