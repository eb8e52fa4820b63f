// What a program found out about one line of the curriculum, with the evidence a person can check.
import { readFileSync, statSync } from 'node:fs'
import type { Interval } from '../../benchmarks'
import { sha256 } from '../../core'

/** `not measured`: this machine, or the course as it is, cannot tell. It is neither passed nor failed. */
export type Verdict = 'passed' | 'failed' | 'not measured'

/** A file as it was when it was measured. */
export interface FileEvidence {
  /** Relative to the project's root. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** One fact behind a verdict. */
export interface Evidence {
  readonly what: string
  readonly value: string
  /** 95% interval of a measured number. */
  readonly interval?: Interval
  readonly file?: FileEvidence
}

/** The verdict about one line. */
export interface Measurement {
  readonly verdict: Verdict
  /** One sentence: why. */
  readonly reason: string
  readonly evidence: readonly Evidence[]
  /** How much of what was wanted is there, 0 to 1; absent where there is no such number. */
  readonly attained?: number
}

export function passed(reason: string, evidence: readonly Evidence[], attained = 1): Measurement {
  return { verdict: 'passed', reason, evidence, attained }
}

export function failed(reason: string, evidence: readonly Evidence[] = [], attained = 0): Measurement {
  return { verdict: 'failed', reason, evidence, attained: Math.min(Math.max(attained, 0), 1) }
}

/** @param missing what would have to be there, as the end of the sentence "not measured here: …" */
export function unmeasured(missing: string, evidence: readonly Evidence[] = []): Measurement {
  return { verdict: 'not measured', reason: `not measured here: ${missing}`, evidence }
}

/**
 * Several measurements as one: failed where one failed, else not measured where one was not, else passed. What is
 * attained is the mean of those that were measured.
 */
export function together(parts: readonly Measurement[]): Measurement {
  const of = (verdict: Verdict): Measurement | undefined => parts.find((part) => part.verdict === verdict)
  const verdict = of('failed') ? 'failed' : of('not measured') || parts.length === 0 ? 'not measured' : 'passed'
  const deciding = of(verdict)
  const reasons = parts.filter((part) => part.verdict === verdict).map((part) => part.reason)
  const numbers = parts.flatMap((part) => part.attained ?? [])
  return {
    verdict,
    reason: verdict === 'passed' ? reasons.join('; ') : deciding?.reason ?? 'not measured here: nothing to measure',
    evidence: parts.flatMap((part) => part.evidence),
    ...(numbers.length === 0 || verdict === 'not measured' ? {} : { attained: numbers.reduce((a, b) => a + b, 0) / numbers.length }),
  }
}

/** Path, size and SHA-256 of a file. */
export function fileEvidence(file: string, shown: string): FileEvidence {
  return { path: shown, bytes: statSync(file).size, sha256: sha256(readFileSync(file)) }
}

/** 0.873 as 87.3%. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`

/** Three significant digits. */
export const short = (value: number): string => String(Number(value.toPrecision(3)))
