// The training room: models, training, and what training can do for small and fast models. Knows no backend.
export { NnError, type NnErrorCode } from './errors'
export * as models from './models'
export { evaluate, type Evaluation, type Predict } from './training/evaluate'
export { learner, type Learner, type SampleBatch, type Samples } from './training/learner'
export { adam, parameterGroups, sgd, type Optimizer, type OptimizerOptions, type ParameterGroup } from './training/optimizers'
export { rangeTest, type RangeTest, type RangeTestOptions } from './training/range-test'
export { constantRate, cosine, steps, warmup, type Schedule } from './training/schedules'
export {
  crossEntropy, meanSquaredError, train, type Compile, type EpochReport, type History, type Loss, type LossInputs, type TrainOptions,
} from './training/train'
export { GraphLearner, type GraphHooks, type GraphLearnerOptions } from './graph/learner'
export { sharedWeights, type SharedValues, type SharedWeights } from './graph/shared'
export { gradients, movementScores, type GradientOptions } from './graph/gradients'
export { withNewHead, type NewHead } from './transfer/head'
export { lowRankAdapters, sparseUpdate, type LowRankAdapters, type LowRankOptions, type SparseUpdate } from './adapters/low-rank'
export {
  attentionMap, averagedTeacher, distill, responseLoss, type AveragedTeacher, type Distilled, type DistillOptions, type FeaturePair, type Observable,
} from './distillation/distill'
export { answersTo, recordedTeacher, type LabelledSamples, type RecordedTeacher } from './distillation/recorded'
export { fakeQuantize, lsqGradientScale, roundStraightThrough, type IntegerRange } from './quantization/fake-quantize'
export { QatLearner, type QatOptions } from './quantization/qat'
