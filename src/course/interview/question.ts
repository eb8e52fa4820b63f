// What an interview question is made of. The questions themselves are data, one file a track, in questions/.
import type { Random } from '../../core'
import type { FigureName } from './figures'

/** What an answer must have to be a good one, and how much of the mark it is. */
export interface Criterion {
  readonly says: string
  /** Weights of a question add up to 10. */
  readonly weight: number
}

/** Numbers that are drawn anew every time a calculation is asked. */
export type Numbers = Readonly<Record<string, number>>

/** A calculation that belongs to the question and that a program can mark: the part of an answer that is not an opinion. */
export interface Probe {
  readonly draw: (random: Random) => Numbers
  readonly ask: (numbers: Numbers) => string
  readonly answer: (numbers: Numbers) => number
  readonly unit: string
  /** Relative error that is still right; default 2%. */
  readonly tolerance?: number
  /** How it is worked out, shown after the answer. */
  readonly why: string
}

/** One question. */
export interface Question {
  /** The id of the curriculum's point. */
  readonly id: string
  readonly question: string
  readonly rubric: readonly Criterion[]
  readonly answer: string
  /** Numbers of the learner's own that belong into the answer. */
  readonly cites: readonly FigureName[]
  readonly followUps: readonly string[]
  readonly probe: Probe
}

/** One of the given numbers, for `draw`. */
export function one(random: Random, ...from: readonly number[]): number {
  return from[random.int(from.length)] ?? 0
}

/** A number of a probe; 0 for one that was not drawn, which no probe has. */
export const n = (numbers: Numbers, name: string): number => numbers[name] ?? 0
