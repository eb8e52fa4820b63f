// The errors of the training room.
import { WhetstoneError, type ErrorDetails } from '../core'

/** What can go wrong while a model is made or trained; stable, for programs. */
export type NnErrorCode =
  | 'NN_OPTION' // an option that means nothing, or two that contradict each other
  | 'NN_DATA' // samples that do not fit the model, or none
  | 'NN_DIVERGED' // the loss is not a number any more
  | 'NN_GRAPH' // an ONNX graph that cannot be trained

/** A failure of the training room, with one of its codes. */
export class NnError extends WhetstoneError {
  override readonly name: string = 'NnError'
  declare readonly code: NnErrorCode

  constructor(code: NnErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}

/** A whole number of at least `least`, or a typed refusal. */
export function whole(name: string, value: number, least = 1): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new NnError('NN_OPTION', `${name} must be a whole number`, { expected: `${least} or more`, got: String(value) })
}
