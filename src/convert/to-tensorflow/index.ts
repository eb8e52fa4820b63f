// From ONNX back to TensorFlow.js, differentiable.
export {
  TensorFlowModel, toTensorFlow,
  type ApplyOptions, type ModelInputs, type RunOptions, type TensorFlowHooks, type TensorFlowPort, type ToTensorFlowOptions,
} from './model'
export { toTypeScript, TypeScriptModule, type TypeScriptOptions } from './typescript'
export { supportedOperators } from './table'
