// What the grader and the untrusted process say to each other. Requests go in on stdin, replies come out on descriptor 3.
import type { Wire } from '../boundary/codec'
import type { Failure, Outcome } from '../subject'

/** The descriptor that replies are written to. */
export const REPLY_DESCRIPTOR = 3

/** From the grader. `load` is the first, and comes once; `end` is the last: its reply shows that nothing else was said. */
export type Request =
  | { readonly id: number; readonly kind: 'load'; readonly code: string; readonly file: string; readonly library: string; readonly native: readonly string[] }
  | { readonly id: number; readonly kind: 'call'; readonly name: string; readonly args: readonly Wire[] }
  | { readonly id: number; readonly kind: 'end' }

/** Characters of an error's name and message that are kept. */
const TEXT = 1_000

/** What the other side may say about a call; that it is late, or gone, is for the grader to say. */
const REASONS: readonly Failure[] = ['threw', 'unreadable', 'missing']

/**
 * The outcome in a reply to request `id`, or undefined when the message is anything else. Only fields that are known are
 * taken over; the value is checked when it is decoded.
 */
export function readReply(message: unknown, id: number): Outcome | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined
  const reply = message as Readonly<Record<string, unknown>>
  if (reply['id'] !== id) return undefined
  if (reply['ok'] === true && Object.hasOwn(reply, 'value')) return { ok: true, value: reply['value'] as Wire }
  const { reason, error } = reply
  if (reply['ok'] !== false || !REASONS.includes(reason as Failure) || typeof error !== 'object' || error === null) return undefined
  const { name, message: text } = error as Readonly<Record<string, unknown>>
  if (typeof name !== 'string' || typeof text !== 'string') return undefined
  return { ok: false, reason: reason as Failure, error: { name: name.slice(0, TEXT), message: text.slice(0, TEXT) } }
}
