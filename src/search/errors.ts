// The error class of this room.
import { WhetstoneError } from '../core'
import type { ErrorDetails } from '../core'

export type SearchErrorCode =
  /** A range, a list of choices or an option that makes no sense, or a parameter asked for twice with different ranges. */
  | 'SEARCH_SPACE'
  /** Arguments of a study that do not fit. */
  | 'SEARCH_ARGUMENT'
  /** The objective returned something that is no finite number, or the wrong count of them. */
  | 'SEARCH_VALUE'
  /** The journal cannot be read or written, or belongs to another study. */
  | 'SEARCH_STORAGE'
  /** A worker process ended in a way that it should not. */
  | 'SEARCH_WORKER'

/** A search that cannot be done as asked. */
export class SearchError extends WhetstoneError {
  override readonly name = 'SearchError'
  constructor(code: SearchErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}

/** Thrown by an objective to end a trial that its pruner has given up: `if (trial.shouldPrune()) throw new TrialPruned()`. */
export class TrialPruned extends Error {
  override readonly name = 'TrialPruned'
  constructor() {
    super('This trial was pruned: it was doing worse than the others at the same step.')
  }
}
