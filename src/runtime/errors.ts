// What can go wrong when a graph runs, as one class with stable codes.
import { WhetstoneError } from '../core'
import type { ErrorDetails } from '../core'

/** The codes of a `RuntimeError`. */
export type RuntimeErrorCode =
  /** The model is not valid, or uses an operator that the runtime does not have. */
  | 'RUNTIME_MODEL'
  /** The execution provider cannot make a session on this machine. */
  | 'RUNTIME_PROVIDER'
  /** Inputs are missing, unknown, or of another type or shape than the model declares. */
  | 'RUNTIME_INPUT'
  /** The run itself failed. */
  | 'RUNTIME_RUN'
  /** The session was disposed of. */
  | 'RUNTIME_DISPOSED'
  /** A worker of a pool stopped. */
  | 'RUNTIME_WORKER'
  /** A file is no trace of ONNX Runtime's profiler, or has too few runs. */
  | 'RUNTIME_PROFILE'

/** A session could not be made, or could not run. */
export class RuntimeError extends WhetstoneError {
  override readonly name = 'RuntimeError'
  constructor(code: RuntimeErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
