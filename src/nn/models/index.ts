// Model builders for lessons, tests and benchmarks. All end in logits.
export { convNet, lenet300100, lenet5, mlp, mnistCnn, stridedCnn, type CnnOptions, type ConvNetOptions, type MlpOptions, type ModelOptions } from './classic'
export { mobileNet, resNet, type MobileNetOptions, type ResNetOptions } from './residual'
export { transformer, type TransformerOptions } from './transformer'
