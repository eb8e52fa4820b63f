// The errors of the way back to TensorFlow.js.
import { WhetstoneError, type ErrorDetails } from '../../core'

/** What can go wrong; stable, for programs. */
export type ToTensorFlowErrorCode =
  | 'CONVERT_UNSUPPORTED' // operators without a TensorFlow.js form: all of them, with their places
  | 'CONVERT_OPERATOR' // a node whose attributes or inputs do not fit each other
  | 'CONVERT_INPUT' // inputs that the model does not take
  | 'CONVERT_WEIGHTS' // weights that do not fit the model
  | 'CONVERT_RANGE' // integers that TensorFlow.js, which has 32-bit ones, cannot hold

/** A failure on the way from ONNX to TensorFlow.js. */
export class ToTensorFlowError extends WhetstoneError {
  override readonly name: string = 'ToTensorFlowError'
  declare readonly code: ToTensorFlowErrorCode

  constructor(code: ToTensorFlowErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
