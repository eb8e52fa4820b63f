// Pruning: single weights (unstructured), whole channels and heads (structured), in steps with training between.
export { magnitude, movement, randomScore, squaredMagnitude, taylor, type Gradients, type Score, type ScoredWeight } from './scores'
export {
  cubic, iterative, oneShot, pruneGradually, pruneStructuredGradually, withWeights, type FineTune, type FineTuneContext, type GradientsOf,
  type GradualOptions, type GradualStructuredOptions, type GradualStructuredResult, type NewWeights,
} from './schedule'
export type { Dependencies, PruningGroup, PruningUnit, WeightSlice } from './structure/dependencies'
export { dependencies, removeUnits } from './structure/remove'
export { PRUNABLE_OPERATORS } from './structure/rules'
export {
  batchNormScales, batchNormScore, pruneStructured, randomUnits, unitScore, type GroupReport, type StructuredOptions, type StructuredResult,
  type StructuredTarget, type UnitScore,
} from './structured'
export {
  applyMask, linearWeights, pruneWeights, type LinearWeight, type Masks, type Pattern, type PruneOptions, type PruneResult,
} from './unstructured'
