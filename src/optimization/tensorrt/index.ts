// What can be done for TensorRT on the graph alone.
export { agreement, previewFusion, type FusionGroup, type FusionPreview } from './fusion'
export { prepareForTensorrt, tensorrtProblems, type PreparedModel, type TensorrtOptions, type TensorrtPrecision, type TensorrtProblem } from './prepare'
