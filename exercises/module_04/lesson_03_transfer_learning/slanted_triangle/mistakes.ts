import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/slanted_triangle'

const variant = (p: (s: number, cut: number) => number, rate: (p: number, peak: number, ratio: number) => number): Partial<typeof reference> => ({
  slantedTriangle: (s, peak, cut, ratio) => rate(p(s, cut), peak, ratio),
})
const triangle = (s: number, cut: number): number => (s < cut ? s / cut : 1 - (s - cut) / (1 - cut))
const stretch = (p: number, peak: number, ratio: number): number => (peak * (1 + p * (ratio - 1))) / ratio

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'down-to-zero',
    sentence: 'Your rate goes down to 0. It should begin and end at peak / ratio, so that nothing stands still.',
    functions: variant(triangle, (p, peak) => p * peak),
  },
  {
    name: 'the-fall-starts-at-zero',
    sentence: 'In the fall you used s instead of what has gone by since the cut: at the cut p must be 1.',
    functions: variant((s, cut) => (s < cut ? s / cut : 1 - s), stretch),
  },
  {
    name: 'as-steep-down-as-up',
    sentence: 'Your fall is as steep as the rise and ends long before the run does. It has the whole rest of the run: divide by 1 − cut.',
    functions: variant((s, cut) => (s < cut ? s / cut : Math.max(0, 1 - (s - cut) / cut)), stretch),
  },
]
