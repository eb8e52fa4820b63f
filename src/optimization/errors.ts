// The errors of the optimization room.
import { WhetstoneError, type ErrorDetails } from '../core'

/** What can go wrong while a model is changed; stable, for programs. */
export type OptimizationErrorCode =
  | 'OPTIMIZATION_INVALID' // a pass made a graph that is not consistent
  | 'OPTIMIZATION_CLAIM' // a pass says it changed the model and did not, or the other way round
  | 'OPTIMIZATION_DIFFERS' // the outputs of the new model are not those of the old one
  | 'OPTIMIZATION_INPUTS' // example inputs are missing or do not fit
  | 'OPTIMIZATION_NODE' // a node that is asked about is not in the model
  | 'OPTIMIZATION_OPTION' // an option that means nothing
  | 'OPTIMIZATION_NOTHING' // nothing in the model that is asked for can be changed
  | 'OPTIMIZATION_BUDGET' // a budget that nothing meets
  | 'OPTIMIZATION_FILE' // a compressed model that cannot be read

/** A failure of the optimization room, with one of its codes. No wrong model is ever returned instead. */
export class OptimizationError extends WhetstoneError {
  override readonly name: string = 'OptimizationError'
  declare readonly code: OptimizationErrorCode

  constructor(code: OptimizationErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
