// What quantization and precision refuse, each with its code.
import { WhetstoneError, type ErrorDetails } from '../../core'

/** Codes of the quantization errors, for programs. */
export type QuantizeErrorCode =
  | 'QUANTIZE_ALREADY' // the model is quantized already
  | 'QUANTIZE_DATA' // calibration data is missing, or of the wrong shape or type
  | 'QUANTIZE_NOT_FINITE' // a sample, a weight or an activation holds NaN or an infinity
  | 'QUANTIZE_NOTHING' // no operator of the model can be quantized as asked
  | 'QUANTIZE_OPTION' // an option that means nothing
  | 'QUANTIZE_QUALITY' // the result is too far from its source
  | 'QUANTIZE_RUN' // the produced model does not run
  | 'QUANTIZE_OPSET' // the model cannot be raised to the version of the operator set that this needs

/** A refusal: no wrong model is returned instead. */
export class QuantizeError extends WhetstoneError {
  override readonly name: string = 'QuantizeError'
  declare readonly code: QuantizeErrorCode

  constructor(code: QuantizeErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
