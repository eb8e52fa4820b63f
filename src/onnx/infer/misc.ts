// Inference for quantization, random numbers, signals, text, losses and detection.
import type { DType } from '../../core'
import type { Dim } from '../ir/types'
import { addDims, floorDivDims, mulDims, subDims } from './dims'
import { dtypeAttribute } from './elementwise'
import type { InferContext, InferFunction } from './context'

const quantize: InferFunction = (c) => {
  const stated = c.int('output_dtype') ?? 0
  c.set(0, c.dtype(2) ?? (stated !== 0 ? dtypeAttribute(c, 'output_dtype') : c.has(2) ? undefined : 'uint8'), c.shape(0))
}

const dequantize: InferFunction = (c) => {
  const stated = c.int('output_dtype') ?? 0
  c.set(0, stated !== 0 ? dtypeAttribute(c, 'output_dtype') : c.since < 19 ? 'float32' : c.dtype(1), c.shape(0))
}

const dynamicQuantize: InferFunction = (c) => {
  c.set(0, 'uint8', c.shape(0))
  c.set(1, 'float32', [])
  c.set(2, 'uint8', [])
}

const randomShape: InferFunction = (c) => {
  c.set(0, dtypeAttribute(c, 'dtype') ?? 'float32', c.ints('shape'))
}

const randomLike: InferFunction = (c) => {
  c.set(0, c.node.attributes.has('dtype') ? dtypeAttribute(c, 'dtype') : c.dtype(0), c.shape(0))
}

const multinomial: InferFunction = (c) => {
  c.set(0, c.node.attributes.has('dtype') ? dtypeAttribute(c, 'dtype') : 'int32', [c.shape(0)?.[0] ?? null, c.int('sample_size') ?? 1])
}

const fft: InferFunction = (c) => {
  const dims = c.shape(0)
  if (dims === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const raw = c.since < 20 ? (c.int('axis') ?? 1) : c.has(2) ? c.numbers(2)?.[0] : -2
  const onesided = c.int('onesided') === 1
  const inverse = c.int('inverse') === 1
  const length = c.has(1) ? (c.elements(1)?.[0] ?? null) : undefined
  if (raw === undefined) {
    c.set(0, c.dtype(0), new Array<Dim>(dims.length).fill(null))
    return
  }
  const axis = c.axis(raw, dims.length)
  const out: Dim[] = dims.map((dim, i) => {
    if (i !== axis) return dim
    const size = length ?? dim
    if (onesided && inverse && length === undefined) return mulDims(2, subDims(dim, 1))
    return onesided && !inverse ? addDims(floorDivDims(size, 2), 1) : size
  })
  out[out.length - 1] = onesided && inverse ? 1 : 2
  c.set(0, c.dtype(0), out)
}

const stft: InferFunction = (c) => {
  const signal = c.shape(0)
  const step = c.numbers(1)?.[0]
  const frame = c.has(3) ? c.numbers(3)?.[0] : c.shape(2)?.[0]
  const length = signal?.[1]
  if (signal === undefined || step === undefined || typeof frame !== 'number' || typeof length !== 'number') {
    c.set(0, c.dtype(0), [signal?.[0] ?? null, null, null, 2])
    return
  }
  c.set(0, c.dtype(0), [signal[0] ?? null, Math.floor((length - frame) / step) + 1, c.int('onesided') === 0 ? frame : Math.floor(frame / 2) + 1, 2])
}

const window: InferFunction = (c) => {
  c.set(0, dtypeAttribute(c, 'output_datatype') ?? 'float32', [c.elements(0)?.[0] ?? null])
}

const melWeights: InferFunction = (c) => {
  const dft = c.elements(1)?.[0] ?? null
  c.set(0, dtypeAttribute(c, 'output_datatype') ?? 'float32', [addDims(floorDivDims(dft, 2), 1), c.elements(0)?.[0] ?? null])
}

function lossShape(c: InferContext): Dim[] | undefined {
  return (c.string('reduction') ?? 'mean') === 'none' ? c.shape(1)?.slice() : []
}

const loss: InferFunction = (c) => {
  c.set(0, c.dtype(0), lossShape(c))
  if (c.hasOutput(1)) c.setType(1, c.type(0))
}

const nonMaxSuppression: InferFunction = (c) => {
  c.set(0, 'int64', [null, 3])
}

const stringSplit: InferFunction = (c) => {
  const dims = c.shape(0)
  c.set(0, 'string', dims === undefined ? undefined : [...dims, null])
  c.set(1, 'int64', dims)
}

const asDtype = (dtype: DType): InferFunction => (c) => {
  c.set(0, dtype, c.shape(0))
}

const tfIdf: InferFunction = (c) => {
  const dims = c.shape(0)
  const indexes = c.ints('ngram_indexes')
  if (dims === undefined || indexes === undefined) {
    c.set(0, 'float32')
    return
  }
  c.set(0, 'float32', [...dims.slice(0, -1), indexes.reduce((a, b) => Math.max(a, b), -1) + 1])
}

const stringConcat: InferFunction = (c) => {
  c.set(0, 'string', c.broadcast([c.shape(0), c.shape(1)]))
}

const stringNormalizer: InferFunction = (c) => {
  const dims = c.shape(0)
  const drops = (c.get('stopwords', 'strings')?.length ?? 0) > 0
  c.set(0, 'string', drops ? dims?.map((dim, i) => (i === dims.length - 1 ? null : dim)) : dims)
}

const imageDecoder: InferFunction = (c) => {
  c.set(0, 'uint8', [null, null, c.string('pixel_format') === 'Grayscale' ? 1 : 3])
}

export const MISC: Readonly<Record<string, InferFunction>> = {
  QuantizeLinear: quantize, DequantizeLinear: dequantize, DynamicQuantizeLinear: dynamicQuantize,
  RandomNormal: randomShape, RandomUniform: randomShape, RandomNormalLike: randomLike, RandomUniformLike: randomLike,
  Multinomial: multinomial, DFT: fft, STFT: stft, HannWindow: window, HammingWindow: window, BlackmanWindow: window,
  MelWeightMatrix: melWeights, NegativeLogLikelihoodLoss: loss, SoftmaxCrossEntropyLoss: loss,
  NonMaxSuppression: nonMaxSuppression, StringSplit: stringSplit, StringConcat: stringConcat,
  RegexFullMatch: asDtype('bool'), StringNormalizer: stringNormalizer, TfIdfVectorizer: tfIdf, ImageDecoder: imageDecoder,
}
