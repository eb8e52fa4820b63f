// From ONNX back to TensorFlow.js, differentiable.
export {
  TensorFlowModel, toTensorFlow,
  type ApplyOptions, type ModelInputs, type TensorFlowPort, type ToTensorFlowOptions,
} from './model'
export { supportedOperators } from './table'
