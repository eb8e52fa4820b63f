import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/safe_sparsity'
import type { PrunedScore } from './exercise'

const { safeSparsity } = course.subject(reference)
const { assertEqual, freshRandom } = course

const dense = { right: 980, of: 1000 }
const at = (sparsity: number, right: number, of = 1000): PrunedScore => ({ sparsity, right, of })

test('the example: half is safe, four fifths are not', async () => {
  assertEqual(await safeSparsity(dense, [at(0.5, 975), at(0.8, 960), at(0.9, 945)], 0.03), 0.5)
})

test('a loss within the budget is not enough when the test set is small', async () => {
  // The same accuracies. On ten thousand images the doubt is a third of that on a thousand.
  assertEqual(await safeSparsity({ right: 9800, of: 10000 }, [at(0.5, 9750, 10000), at(0.8, 9600, 10000), at(0.9, 9450, 10000)], 0.025), 0.8)
  assertEqual(await safeSparsity(dense, [at(0.5, 975), at(0.8, 960), at(0.9, 945)], 0.025), 0.5)
})

test('the doubt about the dense model counts, too', async () => {
  // 98 of 100: alone, that is ± 0.023.
  assertEqual(await safeSparsity({ right: 98, of: 100 }, [at(0.5, 97900, 100000), at(0.6, 97, 100), at(0.8, 95500, 100000)], 0.02), null)
  assertEqual(await safeSparsity({ right: 9800, of: 10000 }, [at(0.5, 97900, 100000)], 0.02), 0.5)
})

test('candidates come in any order', async () => {
  assertEqual(await safeSparsity(dense, [at(0.9, 900), at(0.3, 979), at(0.6, 978), at(0.5, 979)], 0.02), 0.6)
})

test('after the first that is not safe, luck does not count', async () => {
  assertEqual(await safeSparsity(dense, [at(0.3, 980), at(0.5, 900), at(0.7, 981), at(0.9, 500)], 0.02), 0.3)
})

test('none is safe', async () => {
  assertEqual(await safeSparsity(dense, [at(0.5, 900), at(0.8, 979)], 0.02), null)
  assertEqual(await safeSparsity(dense, [at(0.4, 980)], 0.02), 0.4)
})

test('random candidates', async () => {
  const random = freshRandom()
  for (let round = 0; round < 4; round++) {
    const of = 2000 + random.int(3000), base = Math.round(of * (0.93 + 0.05 * random.next()))
    const candidates = random.shuffle([0.1, 0.3, 0.5, 0.7, 0.9].map((s) => at(s, Math.round(base - of * 0.06 * s ** 2 * random.next() - of * 0.002), of)))
    // Safe when the square of what is left of the budget covers the doubt: 1.645² · (p(1 − p) + q(1 − q)) ÷ n.
    const doubt = (count: number): number => (count * (of - count)) / of ** 3
    const unsafe = candidates.filter(({ right }) => {
      const left = 0.03 - (base - right) / of
      return left < 0 || left ** 2 < 2.706025 * (doubt(base) + doubt(right))
    }).map(({ sparsity }) => sparsity)
    const first = Math.min(1, ...unsafe), below = [0.1, 0.3, 0.5, 0.7, 0.9].filter((sparsity) => sparsity < first)
    assertEqual(await safeSparsity({ right: base, of }, candidates, 0.03), below.at(-1) ?? null, 'For candidates drawn by chance, another sparsity is the last safe one.')
  }
})
