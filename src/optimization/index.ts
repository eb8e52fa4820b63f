// The optimization room: graph in, graph out.
export { OptimizationError, type OptimizationErrorCode } from './errors'
export { explain, Explanation } from './explain'
export { simplify, type Simplified, type SimplifyOptions } from './optimize'
export {
  definePass, type Change, type Pass, type PassContext, type PassDescription, type PassResult, type Reason, type Work,
} from './pass'
export * from './passes'
export * from './pipeline'
export * from './precision'
export * from './compress'
export * from './prune'
export * from './quantize'
export * from './tensorrt'
export { countOperators, SimplifyReport, weightBytes, type Size } from './report'
export { any, constant, either, Match, op, optional, type Condition, type Pattern } from './rewrite'
export { rulePass, type Edit, type Rule, type RulePass } from './rules'
export type { RunDType, RunFunction, RunTensor, RunTensors } from './run'
export { compareOutputs, DEFAULT_TOLERANCE, exampleInputs, verifySame, type Difference, type Tolerance } from './verify'
