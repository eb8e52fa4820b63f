// The bounds of a sandbox. Each is a named number with its reason, and each can be set.

/** What untrusted code may use. */
export interface Limits {
  /** Milliseconds from the start of the process until the code has loaded. Loading TensorFlow.js takes about one second. */
  readonly loadMs: number
  /** Milliseconds for one call. */
  readonly callMs: number
  /** Milliseconds for all calls of an exercise together: no exercise holds up the others for longer. */
  readonly totalMs: number
  /** Seconds of processor time of each process. */
  readonly cpuSeconds: number
  /** Bytes of writable memory of each process. Lessons promise to stay below 4 GB with two of these beside the grader. */
  readonly memoryBytes: number
  /** Processes and threads together. Node itself has about twelve. */
  readonly processes: number
  /** Bytes of one reply: the largest weights of a lesson, in base64. */
  readonly replyBytes: number
  /** Bytes printed to stdout and stderr together; learners' prints are short. */
  readonly outputBytes: number
  /** Bytes that may be written to the only writable folder, which is in memory. */
  readonly diskBytes: number
  /** Bytes of the learner's code: a hundred times the longest solution. */
  readonly sourceBytes: number
  /** How often the process is started anew after it died, for the checks that are left. */
  readonly starts: number
}

/** Bounds that every exercise of the course fits in with room to spare. */
export const LIMITS: Limits = {
  loadMs: 15_000,
  callMs: 5_000,
  totalMs: 60_000,
  cpuSeconds: 60,
  memoryBytes: 1536 * 1024 * 1024,
  processes: 64,
  replyBytes: 32 * 1024 * 1024,
  outputBytes: 64 * 1024,
  diskBytes: 16 * 1024 * 1024,
  sourceBytes: 256 * 1024,
  starts: 3,
}
