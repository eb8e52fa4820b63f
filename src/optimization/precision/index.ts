// 16-bit floating point: what the room exports of it.
export { convertPrecision, type PrecisionOptions } from './convert'
export { HALF, unsafeConstant, weightRange, type HalfFacts, type HalfType, type WeightRange } from './range'
