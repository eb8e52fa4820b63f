// What can go wrong while a profile is taken or read, as one class with stable codes.
import { WhetstoneError } from '../../core'
import type { ErrorDetails } from '../../core'

/** The codes of a `ProfilingError`. */
export type ProfilingErrorCode =
  /** The profiler is not installed, or has nothing to look at here. */
  | 'PROFILING_MISSING'
  /** A file is not what the profiler writes. */
  | 'PROFILING_FORMAT'
  /** The profiler ran and failed. */
  | 'PROFILING_RUN'

/** A profile could not be taken or read. */
export class ProfilingError extends WhetstoneError {
  override readonly name = 'ProfilingError'
  constructor(code: ProfilingErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
