// What the runner writes, as it writes it: addresses instead of lines.
import type { Index3 } from './faults'

/** Sums of one place in the code that touches memory. */
export interface RawSite {
  readonly pc: number
  readonly space: 'global' | 'shared'
  readonly kind: 'load' | 'store' | 'atomic'
  readonly size: number
  readonly requests: number
  readonly lanes: number
  readonly bytes: number
  readonly sectors: number
  readonly idealSectors: number
  readonly wavefronts: number
  readonly idealWavefronts: number
  readonly contention: number
  /** The most expensive request: its active lanes, and their addresses relative to a 128-byte line. */
  readonly mask: number
  readonly addresses: readonly number[]
}

/** All launches of a kernel with the same configuration. */
export interface RawKernel {
  readonly kernel: string
  readonly line: number
  readonly grid: Index3
  readonly block: Index3
  readonly dynamicShared: number
  readonly launches: number
  readonly threads: number
  readonly accesses: number
  readonly barriers: number
  readonly collectives: number
  readonly readOnce: number
  readonly writtenOnce: number
  readonly ms: number
  readonly fastestMs: number
  readonly sites: readonly RawSite[]
  /** pc, executions by warps, executions by threads. */
  readonly blocks: readonly (readonly [number, number, number])[]
}

/** A fault with addresses. */
export interface RawFault {
  readonly kind: string
  readonly severity: 'error' | 'warning'
  readonly pc: number
  readonly pc2: number
  readonly address: string
  readonly size: number
  readonly count: number
  readonly detail: string
  readonly target: string
  readonly kernel?: string
  readonly block?: Index3
  readonly thread?: Index3
  readonly otherBlock?: Index3
  readonly otherThread?: Index3
}

/** The whole file. */
export interface RawResult {
  readonly exit: number
  /** `__shared__` variables: name with its function, and bytes. */
  readonly shared: readonly (readonly [string, number])[]
  readonly kernels: readonly RawKernel[]
  readonly faults: readonly RawFault[]
}
