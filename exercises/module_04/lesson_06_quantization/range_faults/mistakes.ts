import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/range_faults'

const RIGHT = {
  asked: (x: number, scale: number, zero: number): number => Math.round(x / scale) + zero,
  outside: (q: number): boolean => q < 0 || q > 255,
  narrow: (outside: number, all: number): boolean => outside > 0.01 * all,
  span: (asked: number[]): number => asked.reduce((a, b) => Math.max(a, b), -Infinity) - asked.reduce((a, b) => Math.min(a, b), Infinity),
  wideFirst: false,
  skip: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { asked, outside, narrow, span, wideFirst, skip } = { ...RIGHT, ...wrong }
  return {
    rangeFaults(values) {
      const faults: Record<string, 'too narrow' | 'too wide'> = {}
      for (const { name, scale, zeroPoint, seen } of values) {
        const integers = Array.from(seen, (x) => asked(x, scale, zeroPoint))
        if (skip && integers.length === 0) continue
        const clipped = narrow(integers.filter(outside).length, integers.length)
        const wide = span(integers) < 32
        if (wideFirst && wide) faults[name] = 'too wide'
        else if (clipped) faults[name] = 'too narrow'
        else if (wide) faults[name] = 'too wide'
      }
      return faults
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'forgets-the-zero-point',
    sentence: 'Your integers lack the zero point: they must be shifted by it before they are compared with 0 and 255.',
    functions: variant({ asked: (x, scale) => Math.round(x / scale) }),
  },
  {
    name: 'any-outlier',
    sentence: 'One number outside is enough for you. Good calibration clips a few; a fault begins above one percent.',
    functions: variant({ narrow: (count) => count > 0 }),
  },
  {
    name: 'only-above',
    sentence: 'You looked above 255 only. Numbers below 0 are clipped just so.',
    functions: variant({ outside: (q) => q > 255 }),
  },
  {
    name: 'one-percent-is-enough',
    sentence: 'Exactly one percent outside is not yet more than one percent.',
    functions: variant({ narrow: (count, all) => count > 0 && count >= 0.01 * all }),
  },
  {
    name: 'clamps-first',
    sentence: 'You clamped the integers before you asked whether they are outside: now none of them is.',
    functions: variant({ asked: (x, scale, zero) => Math.min(255, Math.max(0, Math.round(x / scale) + zero)) }),
  },
  {
    name: 'wide-before-narrow',
    sentence: 'Numbers that are all clipped lie close together, but the range is too narrow for them, not too wide. Ask about clipping first.',
    functions: variant({ wideFirst: true }),
  },
  {
    name: 'no-numbers',
    sentence: 'A value that saw no numbers has no range to judge: leave it out.',
    functions: variant({ skip: false, span: (asked) => (asked.length === 0 ? 0 : RIGHT.span(asked)) }),
  },
  {
    name: 'largest-not-span',
    sentence: 'You looked at the largest integer only. What counts is how many are used, from the smallest to the largest.',
    functions: variant({ span: (asked) => asked.reduce((a, b) => Math.max(a, b), 0) }),
  },
]
