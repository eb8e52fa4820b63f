import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/straight_through'

const RIGHT = {
  levels: (bits: number): number => 2 ** (bits - 1) - 1,
  clamp: (q: number, levels: number): number => Math.min(levels, Math.max(-levels, q)),
  round: (q: number): number => Math.round(q),
  passes: (x: number, end: number): boolean => Math.abs(x) <= end,
  passed: (g: number, _scale: number): number => g,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { levels, clamp, round, passes, passed } = { ...RIGHT, ...wrong }
  return {
    fakeQuantize(x, upstream, scale, bits) {
      const l = levels(bits)
      const values = x.map((v) => scale * clamp(round(v / scale), l))
      return { values, gradient: upstream.map((g, i) => (passes(x[i] ?? 0, scale * l) ? passed(g, scale) : 0)) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'true-derivative',
    sentence: 'Your gradient is 0 everywhere. That is the true slope of a stair, and a network would never learn with it.',
    functions: variant({ passes: () => false }),
  },
  {
    name: 'passes-everywhere',
    sentence: 'You pass the gradient on where x was clipped too (y is always within the grid: ask about x). There a small change of x changes nothing, and weights drift away from the grid.',
    functions: variant({ passes: () => true }),
  },
  {
    name: 'end-counts-as-clipped',
    sentence: 'At the end of the grid itself nothing was clipped: the largest weight of every channel lies there, and must still learn.',
    functions: variant({ passes: (x, end) => Math.abs(x) < end }),
  },
  {
    name: 'divided-by-the-scale',
    sentence: 'You divided the gradient by the scale. The division forward and the multiplication back cancel: the slope is 1.',
    functions: variant({ passed: (g, scale) => g / scale }),
  },
  {
    name: 'no-clamp',
    sentence: 'Forward, values beyond the grid must stop at its end: there are no integers for them.',
    functions: variant({ clamp: (q) => q }),
  },
  {
    name: 'integers-not-values',
    sentence: 'You return integers. Fake quantization gives real numbers again, multiplied by the scale: that is what is fake about it.',
    functions: { fakeQuantize(x, upstream, scale, bits) {
      const l = RIGHT.levels(bits)
      return { values: x.map((v) => RIGHT.clamp(Math.round(v / scale), l)), gradient: upstream.map((g, i) => (Math.abs(x[i] ?? 0) <= scale * l ? g : 0)) }
    } },
  },
]
