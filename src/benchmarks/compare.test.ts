import { expect, test } from 'vitest'
import { bootstrapMedian, compare, differs, geometricMean, quantile, type Case } from '.'

const context = { quick: false, note: () => undefined }

test('quantiles are those of R and NumPy (type 7)', () => {
  expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75)
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
  expect(quantile([15, 20, 35, 40, 50], 0.4)).toBeCloseTo(29, 12)
  expect(geometricMean([2, 8])).toBeCloseTo(4, 12)
})

test('the bootstrap interval holds the true median about as often as it says', () => {
  let state = 12345
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647
  let held = 0
  for (let trial = 0; trial < 200; trial++) {
    const [low, high] = bootstrapMedian(Array.from({ length: 25 }, uniform), 0.95, 300, trial)
    if (low <= 0.5 && 0.5 <= high) held++
  }
  expect(held).toBeGreaterThan(175)
  expect(held).toBeLessThan(200)
})

test('contestants alternate, and drift of the machine does not reach the ratio', async () => {
  let clock = 0
  const order: string[] = []
  const contestant = (name: string, cost: number) => ({
    name, measure: () => { order.push(name); clock += 1; return cost * (1 + clock / 10) },
  })
  const one: Case = { name: 'drift', unit: 'ms', rounds: 20, warmup: 0, contestants: [contestant('a', 1), contestant('b', 2)] }
  const rows = await compare(one, context)
  expect(order.slice(0, 6)).toEqual(['a', 'b', 'b', 'a', 'a', 'b'])
  expect(rows[1]!.ratio).toBeGreaterThan(1.9)
  expect(rows[1]!.ratio).toBeLessThan(2.2)
  expect(differs(rows[1]!)).toBe(true)
  expect(differs(rows[0]!)).toBe(false)
})

test('a contestant that is not installed or fails is a row with its reason', async () => {
  const rows = await compare({ name: 'x', unit: 'ms', rounds: 2, contestants: [
    { name: 'ours', measure: () => 1 },
    { name: 'peer', missing: 'not installed', measure: () => 1 },
    { name: 'broken', measure: () => { throw new Error('no luck') } },
  ] }, context)
  expect(rows.map((row) => row.missing)).toEqual([undefined, 'not installed', 'failed: no luck'])
  expect(rows[0]!.median).toBe(1)
})
