// What the engine refuses to do, as one class with stable codes.
import { WhetstoneError } from '../core'
import type { ErrorDetails } from '../core'

/** The codes of an `EngineError`. */
export type EngineErrorCode =
  /** A kernel has no ONNX form for this call, and the fallback is switched off or impossible while tracing. */
  | 'ENGINE_NO_LOWERING'
  /** A traced function read a value, drew random numbers, or depends on something a graph cannot hold. */
  | 'ENGINE_TRACE'
  /** Arguments of `toOnnx`, `compile`, `use` that do not fit. */
  | 'ENGINE_ARGUMENT'
  /** The chosen provider or backend does not work here. */
  | 'ENGINE_PROVIDER'
  /** A lowering broke its own promise: a fault of this library. */
  | 'ENGINE_INTERNAL'

/** The engine could not record, trace, export or run something. */
export class EngineError extends WhetstoneError {
  override readonly name = 'EngineError'
  constructor(code: EngineErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
