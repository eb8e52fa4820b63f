import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/choose_temperature'

interface Way {
  error: (a: number[], mean: number) => number
  answer: (stats: { temperature: number; mean: number; error: number }[], best: number) => number
}
const squares = (a: number[], mean: number): number => a.reduce((sum, v) => sum + (v - mean) ** 2, 0)
const within = (stats: { temperature: number; mean: number; error: number }[], line: number): number =>
  Math.min(...stats.filter((s) => s.mean >= line).map((s) => s.temperature))

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = {
    error: (a, mean) => (a.length < 2 ? 0 : Math.sqrt(squares(a, mean) / (a.length - 1) / a.length)),
    answer: (stats, best) => within(stats, stats[best]!.mean - stats[best]!.error), ...wrong,
  }
  return {
    chooseTemperature(runs) {
      const stats = [...runs].sort((a, b) => a.temperature - b.temperature).map(({ temperature, accuracies }) => {
        const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length
        return { temperature, mean, error: way.error(accuracies, mean) }
      })
      const top = Math.max(...stats.map((s) => s.mean))
      return way.answer(stats, stats.findIndex((s) => s.mean === top))
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'best-mean',
    sentence: 'You took the best mean. With a few seeds the best is often the luckiest: everything within one standard error is as good.',
    functions: variant({ answer: (stats, best) => stats[best]!.temperature }),
  },
  {
    name: 'deviation-instead-of-error',
    sentence: 'You used the standard deviation. The mean of n runs is √n times more certain than one run.',
    functions: variant({ error: (a, mean) => (a.length < 2 ? 0 : Math.sqrt(squares(a, mean) / (a.length - 1))) }),
  },
  {
    name: 'best-single-run',
    sentence: 'You looked at the best single run. That rewards the spread, not the temperature: compare means.',
    functions: {
      chooseTemperature: (runs) => runs.reduce((a, b) => (Math.max(...b.accuracies) > Math.max(...a.accuracies) ? b : a)).temperature,
    },
  },
  {
    name: 'highest-within-the-line',
    sentence: 'Of those that are as good, you took the highest temperature. Take the lowest.',
    functions: variant({ answer: (stats, best) => Math.max(...stats.filter((s) => s.mean >= stats[best]!.mean - stats[best]!.error).map((s) => s.temperature)) }),
  },
]
