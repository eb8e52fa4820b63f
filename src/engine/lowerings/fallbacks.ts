// Kernels that always run on the CPU, with the reason.
import type { Fallback } from '../lowering'

const because = (fallback: string): Fallback => ({ fallback })
const strings = because('works on strings')
const ragged = because('the size of its result depends on its values')
const complex = because('complex numbers are two tensors in TensorFlow.js and no type of ONNX operators')
const rare = because('rare in models; not worth an ONNX form of many nodes')

export const fallbacks = {
  StaticRegexReplace: strings,
  StringNGrams: strings,
  StringSplit: strings,
  StringToHashBucketFast: strings,

  RaggedGather: ragged,
  RaggedRange: ragged,
  RaggedTensorToTensor: ragged,
  SparseFillEmptyRows: ragged,
  SparseReshape: ragged,
  Unique: ragged,
  NonMaxSuppressionV3: ragged,
  NonMaxSuppressionV4: ragged,
  NonMaxSuppressionV5: ragged,
  SparseSegmentMean: ragged,
  SparseSegmentSum: ragged,
  BroadcastArgs: because('computes a shape, which TensorFlow.js needs at once'),

  Complex: complex,
  ComplexAbs: complex,
  FFT: complex,
  IFFT: complex,
  Imag: complex,
  Real: complex,

  Multinomial: because('draws random numbers with a generator of its own'),
  Draw: because('draws on a canvas'),
  Bincount: rare,
  DenseBincount: rare,
  SearchSorted: rare,
  Cumprod: rare,
  Diag: rare,
  CropAndResize: rare,
  Dilation2D: rare,
  Dilation2DBackpropFilter: rare,
  Dilation2DBackpropInput: rare,
  RotateWithOffset: rare,
  Transform: rare,
  MaxPoolWithArgmax: rare,
  LRNGrad: rare,
  AvgPool3D: rare,
  AvgPool3DGrad: rare,
  MaxPool3D: rare,
  MaxPool3DGrad: rare,
  Conv3D: rare,
  Conv3DBackpropFilterV2: rare,
  Conv3DBackpropInputV2: rare,
} as const satisfies Readonly<Record<string, Fallback>>
