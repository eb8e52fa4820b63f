import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/compare_outputs'
import type { OutputTolerance } from './exercise'

/** The parts of the right answer, each of which one mistake replaces. a: actual, e: expected. */
const RIGHT = {
  agrees: (a: number, e: number, t: OutputTolerance): boolean =>
    (Number.isFinite(a) && Number.isFinite(e) ? Math.abs(a - e) <= t.absolute + t.relative * Math.abs(e) : Object.is(a, e)),
  /** Whether the pair enters the maxima. */
  measured: (a: number, e: number): boolean => Number.isFinite(a) && Number.isFinite(e),
  distance: (a: number, e: number): number => Math.abs(a - e),
  /** What the relative difference is relative to; 0 keeps it out of the maximum. */
  size: (_a: number, e: number): number => Math.abs(e),
  checksLength: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { agrees, measured, distance, size, checksLength } = { ...RIGHT, ...wrong }
  return {
    compareOutputs(expected, actual, tolerance) {
      if (checksLength && expected.length !== actual.length) throw new Error('the lengths differ')
      const result = { maxAbsolute: 0, maxRelative: 0, mismatches: 0, agree: true }
      for (let i = 0; i < Math.min(expected.length, actual.length); i++) {
        const a = actual[i]!, e = expected[i]!
        if (!agrees(a, e, tolerance)) result.mismatches++
        if (!measured(a, e)) continue
        result.maxAbsolute = Math.max(result.maxAbsolute, distance(a, e))
        if (size(a, e) !== 0) result.maxRelative = Math.max(result.maxRelative, distance(a, e) / size(a, e))
      }
      return { ...result, agree: result.mismatches === 0 }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'forgets-the-sign',
    sentence: 'You compared a − e, not |a − e|: an output that is far too small then passes, because its difference is negative.',
    functions: variant({ agrees: (a, e, t) => (RIGHT.measured(a, e) ? a - e <= t.absolute + t.relative * Math.abs(e) : Object.is(a, e)), distance: (a, e) => a - e }),
  },
  {
    name: 'relative-to-the-actual',
    sentence: 'The fraction is of |e|, the value that is right. You took it of |a|: then the more an output is too large, the more it is forgiven.',
    functions: variant({
      agrees: (a, e, t) => (RIGHT.measured(a, e) ? Math.abs(a - e) <= t.absolute + t.relative * Math.abs(a) : Object.is(a, e)),
      size: (a) => Math.abs(a),
    }),
  },
  {
    name: 'either-tolerance',
    sentence: 'The two tolerances add up to one limit. You asked whether the difference is within one or the other.',
    functions: variant({
      agrees: (a, e, t) => (RIGHT.measured(a, e) ? Math.abs(a - e) <= t.absolute || Math.abs(a - e) <= t.relative * Math.abs(e) : Object.is(a, e)),
    }),
  },
  {
    name: 'limit-is-outside',
    sentence: 'A difference of exactly the limit agrees: the equation has ≤. You compared with <, so two equal outputs disagree at tolerance 0.',
    functions: variant({ agrees: (a, e, t) => (RIGHT.measured(a, e) ? Math.abs(a - e) < t.absolute + t.relative * Math.abs(e) : Object.is(a, e)) }),
  },
  {
    name: 'nan-slips-through',
    sentence: 'You counted a mismatch when the difference is above the limit. With NaN every comparison is false, so a model that gives only NaN agrees with everything.',
    functions: variant({ agrees: (a, e, t) => !(Math.abs(a - e) > t.absolute + t.relative * Math.abs(e)) }),
  },
  {
    name: 'the-equation-for-infinity',
    sentence: 'The equation is for finite numbers. With e = Infinity the limit is Infinity too, and any a agrees; Infinity − Infinity is NaN, and equal ones disagree.',
    functions: variant({ agrees: (a, e, t) => Math.abs(a - e) <= t.absolute + t.relative * Math.abs(e) || (Number.isNaN(a) && Number.isNaN(e)) }),
  },
  {
    name: 'nan-poisons-the-maximum',
    sentence: 'A maximum with NaN in it is NaN, and tells nothing of the other elements. Leave pairs that are not both finite out of the maxima; count them.',
    functions: variant({ measured: () => true }),
  },
  {
    name: 'divides-by-zero',
    sentence: 'Where the expected value is 0, a relative difference has no meaning, and the quotient is Infinity or NaN. Leave these elements out of maxRelative.',
    functions: variant({ size: (_a, e) => Math.abs(e) || Number.MIN_VALUE }),
  },
  {
    name: 'any-lengths',
    sentence: 'You compared outputs of different lengths as far as the shorter goes. Outputs of different sizes never agree: throw an Error.',
    functions: variant({ checksLength: false }),
  },
]
