// The search over pipelines.
export { dominates, paretoFront, type Quality } from './pareto'
export { optimize, Optimized, type FailedTrial, type OptimizeOptions, type Trial } from './search'
export { DEFAULT_SPACE, describePipeline, propose, type Pipeline, type Space, type Tried } from './space'
