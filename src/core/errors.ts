// The one error class of the library and how its message is put together. Rooms extend it; nothing throws a bare Error
// at a learner.

/** What a person needs to know about a failure, besides what failed. */
export interface ErrorDetails {
  /** What would have been right, e.g. `a tensor of shape [N, 1, 28, 28]`. */
  readonly expected?: string
  /** What came instead. */
  readonly got?: string
  /** Where: a file and byte offset, a graph and node, an argument. */
  readonly where?: string
  /** What to do next, as an instruction. */
  readonly fix?: string
  /** The error underneath, kept for those who debug. */
  readonly cause?: unknown
}

/**
 * A failure that says what was expected, what came, where, and what to do next.
 *
 * @example
 * throw new WhetstoneError('SHAPE_MISMATCH', 'Add cannot broadcast its inputs', {
 *   expected: 'equal or broadcastable shapes', got: '[2,3] and [4]', where: 'node "add_1"', fix: 'reshape one input',
 * })
 */
export class WhetstoneError extends Error {
  override readonly name: string = 'WhetstoneError'
  readonly what: string
  readonly details: ErrorDetails

  /**
   * @param code stable and upper case, for programs: `DATA_CHECKSUM`, `ONNX_TRUNCATED`
   * @param what one sentence without the final full stop, for people
   */
  constructor(
    readonly code: string,
    what: string,
    details: ErrorDetails = {},
  ) {
    super(describeFailure(what, details), details.cause === undefined ? undefined : { cause: details.cause })
    this.what = what
    this.details = details
  }
}

/** One readable block: the sentence, then a line each for expected, got, where and what to do. */
export function describeFailure(what: string, details: ErrorDetails): string {
  const lines = [what + '.']
  if (details.expected !== undefined) lines.push(`  expected: ${details.expected}`)
  if (details.got !== undefined) lines.push(`  got:      ${details.got}`)
  if (details.where !== undefined) lines.push(`  where:    ${details.where}`)
  if (details.fix !== undefined) lines.push(`  to fix:   ${details.fix}`)
  return lines.join('\n')
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
