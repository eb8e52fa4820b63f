import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Row } from '../../benchmarks'
import { guideParts, withTables, type BenchRecord } from './guide'
import { panels, ticksOf } from './panels'

const docs = path.resolve(__dirname, '../../../docs')
const row = (what: string, contestant: string, median: number, ratio?: number): Row => ({ case: `net: ${what}`, contestant, unit: '', median, ...(ratio !== undefined && { ratio, interval: [0.9 * ratio, 1.1 * ratio] as const }) })
const record: BenchRecord = { suite: 'techniques', machine: { cpu: 'A <fast> one', cores: 2, node: 'v20' }, rows: [
  row('accuracy', 'float32', 99), row('size', 'float32', 1000), row('accuracy', 'int8', 98.5), row('size', 'int8', 250),
  { case: 'net: accuracy', contestant: 'pruned', unit: '%', missing: 'nothing | to prune' },
  row('1 at once, 1 thread', 'float32', 2, 1), row('1 at once, 1 thread', 'int8', 1, 0.5), row('32 at once, 1 thread', 'float32', 20, 1), row('32 at once, 1 thread', 'int8', 40, 2),
] }

test('the guide in docs is what its measurement gives; mended with: npm run whetstone -- figures', () => {
  const { figures, tables } = guideParts(JSON.parse(readFileSync(path.join(docs, 'measurements', 'techniques.json'), 'utf8')) as BenchRecord)
  const page = readFileSync(path.join(docs, 'optimization-guide.md'), 'utf8')
  expect(withTables(page, tables)).toBe(page)
  for (const [name, svg] of figures) expect(readFileSync(path.join(docs, 'images', name), 'utf8'), name).toBe(svg)
})

test('a table has each technique against float32, and says what was not possible', () => {
  const { tables, figures } = guideParts(record)
  expect(tables.split('\n').slice(2)).toEqual([
    '| net | points lost | file | time of one ÷ float32 | time of 32 ÷ float32 |', '| --- | --- | --- | --- | --- |',
    '| float32 | 99.00% | 1000 kB | 2 ms | 20 ms |', '| int8 | 0.50 | 250 kB | 0.5 [0.45, 0.55] | 2 [1.8, 2.2] |', '| pruned | not possible: nothing / to prune | | | |',
  ])
  expect([...figures.keys()]).toEqual(['techniques-net.svg'])
  expect(figures.get('techniques-net.svg')).toContain('A &#60;fast&#62; one')
  expect(() => guideParts({ ...record, suite: 'kernel' })).toThrow(/another benchmark/)
  expect(() => withTables('no marks', tables)).toThrow(/no place/)
})

test('dots lie where their values are on the axis', () => {
  const svg = panels({ title: 't', subtitle: 's', rows: ['a', 'b', 'c'], panels: [{ title: 'p (ratio)', log: true, reference: 1, series: { one: [{ row: 'a', value: 0.1 }, { row: 'b', value: 1, interval: [0.5, 2] }, { row: 'c', value: 10 }, { row: 'c', value: -1 }] } }] })
  const xs = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map((found) => Number(found[1]))
  expect(xs).toHaveLength(3)
  // Equal factors are equal distances.
  expect(xs[1]! - xs[0]!).toBeCloseTo(xs[2]! - xs[1]!, 0)
  const [from, to] = /M([\d.]+) [\d.]+H([\d.]+)/.exec(svg)!.slice(1).map(Number)
  expect(xs[1]! - from!).toBeCloseTo(to! - xs[1]!, 0)
})

test('ticks hold every value, rise, and are few', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 8 }), fc.boolean(), (values, log) => {
    const ticks = ticksOf(values, log)
    expect(ticks[0]).toBeLessThanOrEqual(Math.min(...values) * 1.0001)
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(Math.max(...values) * 0.9998)
    expect(ticks.length).toBeGreaterThan(1)
    expect(ticks.length).toBeLessThan(24)
    for (const [i, tick] of ticks.entries()) if (i > 0) expect(tick).toBeGreaterThan(ticks[i - 1] ?? 0)
  }))
})
