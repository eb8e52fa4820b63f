// What the kernel's two processes say to each other. The front holds the sockets and never runs a learner's code; the
// worker runs the code and holds no socket. A frame goes worker → front, a request front → worker.
import type { ErrorReply } from './error-reply'

/** The worker's file descriptors besides 0 to 2. */
export const FD = { frames: 3, requests: 4, interrupts: 5 } as const

export interface ExecuteRequest {
  readonly type: 'execute'
  readonly id: number
  readonly code: string
  /** Jupyter's counter, which names the cell in stack traces. */
  readonly count: number
  readonly silent: boolean
  readonly allowStdin: boolean
  readonly cellId?: string
  readonly userExpressions: Readonly<Record<string, string>>
}

export type Request =
  | ExecuteRequest
  | { readonly type: 'complete'; readonly id: number; readonly code: string; readonly cursor: number }
  | { readonly type: 'inspect'; readonly id: number; readonly code: string; readonly cursor: number }
  | { readonly type: 'isComplete'; readonly id: number; readonly code: string }
  | { readonly type: 'input'; readonly id: number; readonly value: string }
  | { readonly type: 'exit' }

export interface Bundle { readonly data: Record<string, unknown>; readonly metadata: Record<string, unknown> }

export type Frame =
  | { readonly type: 'ready' }
  | { readonly type: 'stderr'; readonly text: string }
  | { readonly type: 'display'; readonly update: boolean; readonly bundle: Bundle; readonly id?: string }
  | { readonly type: 'clear'; readonly wait: boolean }
  | { readonly type: 'input'; readonly id: number; readonly prompt: string; readonly password: boolean }
  | {
    readonly type: 'done'; readonly id: number; readonly error?: ErrorReply; readonly result?: Bundle
    readonly userExpressions: Record<string, unknown>
  }
  /** The answer to a request other than `execute`. */
  | { readonly type: 'answer'; readonly id: number; readonly content: Record<string, unknown> }

/** The mark in the worker's stdout that says: here belongs frame `sequence`. Short, so that a pipe writes it whole. */
export function marker(nonce: string, sequence: number): string {
  return `\u001b]${nonce};${sequence}\u0007`
}
