import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/range_test_rate'

interface Way {
  smooth: (losses: number[], beta: number) => number[]
  choose: (smooth: number[], least: number) => number
}
const RIGHT: Way = {
  smooth: (losses, beta) => {
    let average = 0
    return losses.map((loss, i) => (average = beta * average + (1 - beta) * loss) / (1 - beta ** (i + 1)))
  },
  choose: (smooth, least) => {
    let best = 1
    for (let i = 1; i <= least; i++) if (smooth[i - 1]! - smooth[i]! > smooth[best - 1]! - smooth[best]!) best = i
    return best
  },
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const { smooth, choose } = { ...RIGHT, ...wrong }
  return {
    pickRate(rates, losses, beta) {
      const smoothed = smooth(losses, beta)
      const least = smoothed.indexOf(Math.min(...smoothed))
      if (least === 0) throw new Error('the loss never fell')
      return rates[choose(smoothed, least)]!
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-smallest-loss',
    sentence: 'You took the rate of the smallest loss. There the run is about to blow up; the rate at which it falls fastest lies before it.',
    functions: variant({ choose: (_, least) => least }),
  },
  {
    name: 'no-smoothing',
    sentence: 'You looked at the raw losses. One lucky batch then decides; smooth them first.',
    functions: variant({ smooth: (losses) => losses }),
  },
  {
    name: 'no-correction',
    sentence: 'Your average starts at 0 and is not corrected: divide by 1 − β^(i+1), or the first losses look far too small.',
    functions: variant({ smooth: (losses, beta) => {
      let average = 0
      return losses.map((loss) => (average = beta * average + (1 - beta) * loss))
    } }),
  },
  {
    name: 'starts-at-the-first-loss',
    sentence: 'Your average starts at the first loss, which then weighs too much for many steps. Start at 0 and divide by 1 − β^(i+1).',
    functions: variant({ smooth: (losses, beta) => {
      let average = losses[0]!
      return losses.map((loss) => (average = beta * average + (1 - beta) * loss))
    } }),
  },
  {
    name: 'also-after-the-smallest',
    sentence: 'You looked for the steepest fall in the whole curve. After the smallest loss it jumps up and down: look only before.',
    functions: variant({ choose: (smooth) => RIGHT.choose(smooth, smooth.length - 1) }),
  },
  {
    name: 'one-too-early',
    sentence: 'You returned the rate of the step before the fall. The loss fell in step i, with the rate of step i.',
    functions: variant({ choose: (smooth, least) => RIGHT.choose(smooth, least) - 1 }),
  },
]
