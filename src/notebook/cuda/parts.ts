// A CUDA run, as far as it is drawn: the shape of runtime's CudaRun, so that this room needs to know nothing of runtime/.

/** Accesses of a line. */
export interface AccessLike {
  readonly space: 'global' | 'shared'
  readonly kind: 'load' | 'store' | 'atomic'
  readonly size: number
  readonly requests: number
  readonly threadsPerRequest: number
  readonly sectorsPerRequest: number
  readonly efficiency: number
  readonly wavefronts: number
  readonly bankConflicts: number
  readonly contention: number
  readonly sample: { readonly mask: number, readonly size: number, readonly addresses: readonly number[] }
}

/** A line of the source. */
export interface LineLike {
  readonly line: number
  readonly accesses: readonly AccessLike[]
  readonly executions: number
  readonly activeThreads: number
  readonly flops: number
  readonly heat: number
}

/** A kernel with one configuration. */
export interface KernelLike {
  readonly kernel: string
  readonly grid: readonly number[]
  readonly block: readonly number[]
  readonly launches: number
  readonly ms: number
  readonly lines: readonly LineLike[]
  readonly totals: {
    readonly sectorsPerRequest: number
    readonly efficiency: number
    readonly bankConflicts: number
    readonly sharedWavefronts: number
    readonly globalBytes: number
    readonly leastBytes: number
    readonly flops: number
    readonly activeThreads: number
    readonly barriers: number
  }
  readonly occupancy: { readonly blocks: number, readonly fraction: number, readonly limitedBy: string }
  readonly roofline: { readonly intensity: number, readonly idealIntensity: number, readonly ridge: number, readonly bound: string }
  readonly gpu: { readonly name: string, readonly bandwidth: number, readonly float32: number }
}

/** A fault. */
export interface FaultLike {
  readonly kind: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly advice: string
  readonly line: number
  readonly otherLine?: number
  readonly block?: readonly number[]
  readonly thread?: readonly number[]
  readonly count: number
}

/** A run. */
export interface CudaRunLike {
  readonly device: string
  readonly faults: readonly FaultLike[]
  readonly kernels: readonly KernelLike[]
  readonly stdout: string
  readonly orders: number
  readonly file: string
  readonly source: string
}

/** Whether a value is a run of a CUDA program. */
export function isCudaRun(value: unknown): value is CudaRunLike {
  return typeof value === 'object' && value !== null && 'device' in value && 'faults' in value && Array.isArray(value.faults)
    && 'kernels' in value && Array.isArray(value.kernels) && 'orders' in value && 'source' in value
}
