// Quantization: what the room exports of it.
export { QuantizeError, type QuantizeErrorCode } from './errors'
export {
  dequantize, fakeQuantize, limitsOf, parametersOf, quantize, sqnr, type Grid, type Limits, type Parameters, type QuantizedType, type QuantizedWeight, type Range,
} from './arithmetic'
export { Histogram } from './histogram'
export { chooseRange, entropyRange, leastSquaresRange, percentileRange, type CalibrationMethod, type RangeOptions } from './ranges'
export { observe, ChannelObserver, HistogramObserver, type CalibrationData, type Observer, type Observers } from './calibrate'
export { MomentObserver } from './moments'
export { adviseRange, type RangeAdvice } from './cpu'
export { crossLayerEqualization, equalizer, type EqualizeOptions } from './equalize'
export { smoothLayers, type Smoothed, type SmoothOptions } from './smooth'
export { adaRound, gptq, outputError, roundToNearest, type AdaRoundOptions, type GptqOptions, type Integers, type ParametersAt, type Rounding } from './rounding'
export type { Decision, Selection } from './plan'
export type { CommonOptions } from './prepare'
export { QuantizationReport, type OutputError, type Quantized } from './report'
export { assemble, calibrate, finish, quantizeStatic, type Calibration, type StaticOptions } from './static'
export type { LayerError } from './probe'
export { layersOf, type Layer } from './layers'
export { quantizeDynamic, type DynamicOptions } from './dynamic'
export { quantizeWeights, type WeightFormat, type WeightOnlyOptions } from './weight-only'
export {
  keepIfBetter, quantizeMixed, sensitivity, type Budget, type Guarded, type Measured, type MeasureFunction, type Mixed, type Sensitivity,
} from './search'
