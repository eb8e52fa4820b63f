// From ONNX back to TensorFlow.js, differentiable.
export { TensorFlowModel, toTensorFlow } from './model'
export type { ApplyOptions, ModelInputs, RunOptions, TensorFlowHooks, TensorFlowPort, ToTensorFlowOptions } from './options'
export { toTypeScript, TypeScriptModule, type TypeScriptOptions } from './typescript'
export { supportedOperators } from './table'
