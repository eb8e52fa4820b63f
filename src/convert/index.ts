// The conversion room: models and weights of other frameworks into ONNX and back.
export {
  convert, type Conversion, type ConvertOptions, type Format, type FormatOptions, type Input, type Simplify,
} from './convert'
export { ConvertError, MissingOperatorsError, type ConvertErrorCode, type MissingOperator } from './errors'
export { OperatorTable, type Lowering } from './operators'
export {
  ConversionReport, type ConversionFacts, type ConversionReportParts, type MappedOperator, type SimplifiedSummary,
} from './report'
export { byteSource, withSource, type ByteSource } from './source'
export { verifyConversion, type OutputError, type Run, type RunTensor, type Sample } from './verify'
export { ZipArchive, type ZipEntry } from './zip'
export { isSafetensors, readSafetensors, saveSafetensors, writeSafetensors } from './safetensors'
export { TensorFile, type StoredTensor } from './tensor-file'
export type { SizeValue } from './torch/arguments'
export { TorchContext } from './torch/context'
export { torchOperators, type TorchLowering } from './torch/table'
export {
  supportedOperators, TensorFlowModel, toTensorFlow, toTypeScript, TypeScriptModule,
  type ApplyOptions, type ModelInputs, type RunOptions, type TensorFlowHooks, type TensorFlowPort, type ToTensorFlowOptions, type TypeScriptOptions,
} from './to-tensorflow'
export { isCheckpoint, readCheckpoint } from './torch/checkpoint'
export { convertModule, explainExportFailure, exportModule, type ModuleInput, type ModuleOptions } from './torch/python'
export { loadWeights, weightsOf, type LoadedWeights } from './weights'
export { TfContext, type TfLowering } from './tensorflow/context'
export { tensorflowOperators } from './tensorflow/table'
export { LayerContext } from './keras/context'
export { kerasLayers } from './keras/layers'
