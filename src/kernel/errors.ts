// The typed failures of the kernel room. It imports no other room, so this mirrors the shape of the library's errors
// (`code`, and a message that says what was expected and what to do) without extending them.

/** What a kernel error can be about; stable, for programs. */
export type KernelErrorCode =
  | 'KERNEL_VERSION' // another tslab than the pinned one
  | 'KERNEL_SEAM' // the pinned tslab lacks a place that we patch
  | 'KERNEL_CONNECTION_FILE'
  | 'KERNEL_START' // the process did not start or did not answer
  | 'KERNEL_DIED'
  | 'KERNEL_TIMEOUT'
  | 'KERNEL_SIGNATURE' // a message whose HMAC is wrong
  | 'KERNEL_PROTOCOL' // a message that is not Jupyter's
  | 'KERNEL_STDIN' // input() where the front end cannot answer
  | 'KERNEL_DISPLAY' // something displayed that is not a MIME bundle
  | 'KERNEL_EXIT' // process.exit() in a cell
  | 'KERNEL_INTERRUPTED'

/** A failure of the kernel or of a client of it. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError'

  /**
   * @param code stable and upper case
   * @param what one sentence without the final full stop
   * @param fix what to do next, as an instruction
   */
  constructor(
    readonly code: KernelErrorCode,
    what: string,
    fix?: string,
    cause?: unknown,
  ) {
    super(fix === undefined ? `${what}.` : `${what}.\n  to fix:   ${fix}`, cause === undefined ? undefined : { cause })
  }
}
