// The ONNX room: models as graphs that can be read, built, changed, checked and written.
export { build, GraphBuilder, type Attributes, type BuilderOptions, type Operand, type OpOptions } from './build'
export {
  loadModel, readModel, saveModel, writeModel, type ExternalDataOptions, type SaveOptions,
} from './codec/file'
export { FileRange } from './codec/external'
export { OnnxError, type OnnxErrorCode } from './errors'
export { addDims, floorDivDims, mulDims, subDims } from './infer/dims'
export { inferShapes, type InferenceResult } from './infer/infer'
export type { KnownValue } from './infer/context'
export {
  attribute, graphsOf, toAttribute,
  type Attribute, type AttributeInput, type AttributeKind, type AttributeReference, type AttributeValue, type Int,
} from './ir/attributes'
export { Graph, type OutputInfo, type QuantizationAnnotation } from './ir/graph'
export { DEFAULT_IR_VERSION, DEFAULT_OPSET, FunctionDefinition, Model, sameDomain, type ModelOptions } from './ir/model'
export { Node, type NodeOptions } from './ir/node'
export { extractModel, extractSubgraph, inlineFunction, inlineFunctions } from './ir/edit'
export { cloneGraph, cloneModel, cloneNode, cloneValue } from './ir/clone'
export { sortGraph, topologicalOrder } from './ir/sort'
export { SparseTensor, Tensor, type TensorArray, type TensorExtras, type TensorSource } from './ir/tensor'
export {
  formatShape, formatType, staticShape, tensorType,
  type ContainerType, type Dim, type MapType, type OpaqueType, type TensorType, type Type, type UnknownFields,
} from './ir/types'
export { Value, type Use } from './ir/value'
export { checkNode, type SchemaProblem } from './schema/check'
export { operatorsPage } from './schema/page'
export { allSchemas, schemaOf, type AttributeSchema, type OperatorSchema, type ParameterSchema } from './schema/schema'
export {
  assertValid, formatProblem, NEWEST_IR_VERSION, validateModel, type ModelProblem, type Rule, type ValidateOptions,
} from './validate'
export { upgradeOpset } from './upgrade'
export { parseModel } from './text-parse'
export { printGraph, printModel, printType, type PrintOptions } from './text-print'
export { diffModels, errorNorms, formatAttribute, ModelDiff, type Difference, type ErrorNorms } from './diff'
export { costOf, type Cost } from './costs'
export { formatBytes, formatCount } from './show'
export { ModelStatistics, statistics, type LayerStatistics, type StatisticsOptions } from './statistics'
