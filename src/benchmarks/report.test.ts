import fc from 'fast-check'
import { expect, test } from 'vitest'
import { displaySymbol } from '../core'
import { benchPage, benchView, digits, ratioText, type Row } from '.'

const rows: Row[] = [
  { case: 'a <b>', contestant: 'ours', unit: 'ms', median: 2, ratio: 1, interval: [1, 1] },
  { case: 'a <b>', contestant: 'faster', unit: 'ms', median: 1, ratio: 0.5, interval: [0.45, 0.55] },
  { case: 'a <b>', contestant: 'about as fast', unit: 'ms', median: 2.1, ratio: 1.05, interval: [0.9, 1.2] },
  { case: 'a <b>', contestant: 'absent', unit: 'ms', missing: 'PyTorch is not installed' },
]
const targets = [{ name: 'speed', wanted: '1', reached: 'no GPU', met: null }]
const machine = { cpu: 'CPU', cores: 2, memoryGB: 24, node: 'v20', platform: 'linux-x64' }

test('a ratio whose interval contains 1 is no difference, in words and in colour', () => {
  expect(rows.map(ratioText)).toEqual(['× 1  [1, 1]', '× 0.5  [0.45, 0.55]', '× 1.05  [0.9, 1.2]  no difference shown', 'PyTorch is not installed'])
  const circles = [...benchPage({ suite: 's', machine, rows, targets }).matchAll(/<circle cx="([\d.]+)"[^>]*fill="([^"]+)"/g)].map((found) => ({ x: Number(found[1]), colour: found[2] }))
  expect(circles.map(({ colour }) => colour)).toEqual(['var(--none)', 'var(--accent)', 'var(--none)'])
  // Faster stands to the left of the reference, slower to its right.
  const [ours, faster, slower] = circles
  expect((faster?.x ?? 0) < (ours?.x ?? 0) && (ours?.x ?? 0) < (slower?.x ?? 0)).toBe(true)
})

test('what was not measured is said, and names cannot become markup', () => {
  const page = benchPage({ suite: '<script>', machine, rows, targets, at: '2026-11-21T12:00:00Z' })
  for (const text of ['not measured here: no GPU', 'PyTorch is not installed', 'a &lt;b&gt;', '2 cores']) expect(page).toContain(text)
  expect(page).not.toContain('<script>')
  expect(page).not.toContain('a <b>')
  expect(benchView({ rows, targets })[displaySymbol]()['text/html']).toContain('<circle')
})

test('any numbers make a page without NaN in its coordinates', () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(0, 1e-300, 1e300, Infinity, Number.NaN))
  fc.assert(fc.property(fc.array(fc.tuple(number, number, number, number)), (given) => {
    const made = given.map(([median, ratio, low, high], i): Row => ({ case: 'c', contestant: String(i), unit: 'ms', median, ratio, interval: [Math.min(low, high), Math.max(low, high)] }))
    const page = benchPage({ suite: 's', machine, rows: made, targets: [] })
    expect(page).not.toMatch(/(?:x|y|cx|cy|x1|x2)="(?:NaN|-?Infinity)"/)
    for (const row of made) expect(digits(row.median ?? 0)).not.toBe('')
  }))
})
