// What can go wrong between a CUDA source and its results, as one class with stable codes.
import { WhetstoneError } from '../../core'
import type { ErrorDetails } from '../../core'

/** The codes of a `CudaError`. */
export type CudaErrorCode =
  /** No compiler for the chosen device. */
  | 'CUDA_TOOLCHAIN'
  /** The source does not compile. */
  | 'CUDA_COMPILE'
  /** The source uses something that the emulator does not have. */
  | 'CUDA_UNSUPPORTED'
  /** There is no such kernel, or the launch does not fit it. */
  | 'CUDA_LAUNCH'
  /** The judge found a fault; the run with all faults is in `run`. */
  | 'CUDA_FAULT'
  /** The runner ended without a report. */
  | 'CUDA_RUNNER'
  /** There is no such device here. */
  | 'CUDA_DEVICE'

/** A CUDA program could not be compiled, launched or trusted. */
export class CudaError extends WhetstoneError {
  override readonly name = 'CudaError'
  constructor(code: CudaErrorCode, what: string, details: ErrorDetails = {}, readonly run?: unknown) {
    super(code, what, details)
  }
}
