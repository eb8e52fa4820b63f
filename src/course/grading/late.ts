// What handing in late costs.
import { GradingError } from './errors'

/** points · max(0, 1 − perDay · days), days begun after the deadline and the grace. */
export interface LatePolicy {
  readonly deadline: Date
  /** Share of the points that each day begun costs: 0.1. */
  readonly perDay: number
  /** Minutes after the deadline that cost nothing. */
  readonly graceMinutes: number
  /** Days begun after which nothing is left. */
  readonly lastDay?: number
}

/** How late, and what is left. */
export interface Lateness {
  /** Days begun after deadline and grace; 0 when in time. */
  readonly days: number
  /** Share of the points that counts. */
  readonly factor: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** The lateness of a submission. Without a time or a policy nothing is late. */
export function lateness(submitted: Date | undefined, policy: LatePolicy | undefined): Lateness {
  if (!submitted || !policy) return { days: 0, factor: 1 }
  const after = submitted.getTime() - policy.deadline.getTime() - policy.graceMinutes * 60_000
  const days = after <= 0 ? 0 : Math.ceil(after / DAY_MS)
  if (policy.lastDay !== undefined && days > policy.lastDay) return { days, factor: 0 }
  // In hundredths, because 1 − 3 · 0.1 is not 0.7.
  return { days, factor: Math.max(0, Math.round(1e6 * (1 - policy.perDay * days)) / 1e6) }
}

/**
 * A time as a person writes it, of this machine's zone when it names none.
 *
 * @throws GradingError `GRADE_TIME`
 */
export function parseTime(text: string, where: string): Date {
  const time = new Date(text.trim().replace(' ', 'T'))
  if (Number.isNaN(time.getTime())) {
    throw new GradingError('GRADE_TIME', 'This is not a time', { expected: 'a time such as 2026-03-01T23:59 or 2026-03-01T23:59:00Z', got: JSON.stringify(text), where })
  }
  return time
}
