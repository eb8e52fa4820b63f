// What can go wrong between an ONNX model and a TensorRT engine, as one class with stable codes.
import { WhetstoneError } from '../../core'
import type { ErrorDetails } from '../../core'

/** The codes of a `TensorrtError`. */
export type TensorrtErrorCode =
  /** The library, its headers, trtexec, the GPU or the provider is missing here. */
  | 'TENSORRT_MISSING'
  /** An optimization profile does not fit the model's inputs. */
  | 'TENSORRT_PROFILE'
  /** The engine could not be built. */
  | 'TENSORRT_BUILD'
  /** The engine could not be run. */
  | 'TENSORRT_RUN'
  /** A file is not what trtexec writes. */
  | 'TENSORRT_FORMAT'
  /** An option that means nothing. */
  | 'TENSORRT_OPTION'

/** TensorRT is missing, or refused. */
export class TensorrtError extends WhetstoneError {
  override readonly name = 'TensorrtError'
  constructor(code: TensorrtErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
