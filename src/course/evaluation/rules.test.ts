import path from 'node:path'
import { expect, test } from 'vitest'
import { readCurriculum } from '../curriculum'
import { projectAt } from '../project'
import { claims, readClaims } from './claims'
import { passed, failed, together, unmeasured } from './measurement'
import { wilson } from './measures'
import { PROJECTS } from './projects'
import { evaluatedPoints, EVALUATED_KINDS, KINDS, LINES, ruleOf } from './rules'

const project = projectAt(path.resolve(__dirname, '../../..'))

test('every line that is evaluated has exactly one rule, and every rule of a line is of one that exists', () => {
  const points = evaluatedPoints(project)
  // Counted by kind in the curriculum: 19 + 77 + 1 + 4 + 19 + 28 + 28 + 28 + 10 + 13.
  expect(points).toHaveLength(227)
  for (const point of points) expect(ruleOf(point).name).not.toBe('')
  const ids = new Set(points.map((point) => point.id))
  expect([...LINES.keys()].filter((id) => !ids.has(id))).toEqual([])
  const named = PROJECTS.flatMap((one) => Object.keys(one.lines))
  expect(named.filter((id, i) => named.indexOf(id) !== i)).toEqual([])
  // What is measured by name alone: no fallback of a kind may hide that a line was forgotten.
  for (const kind of ['done-when', 'project', 'target', 'milestone']) expect(KINDS[kind]).toBeUndefined()
})

test('a line that no rule covers is an error that says where to add one', () => {
  expect(() => ruleOf({ id: 'module04/checklist/new-line', kind: 'done-when', section: '', text: '' })).toThrow(/No rule[^]*projects\.ts/)
})

test('every kind of the curriculum is either evaluated or known to be none of one\'s work', () => {
  const kinds = new Set(readCurriculum(project).map((point) => point.kind))
  expect([...kinds].filter((kind) => !EVALUATED_KINDS.includes(kind)).sort()).toEqual(['context', 'resource', 'topic'])
})

test('claims are the rows of tables with model, metric and value, not prose', () => {
  expect(readClaims(`The model is 10 times faster: accuracy 99%.

| Model | metric | value | note |
|:--|:--|--:|:--|
| \`a.onnx\` | Bytes | 1,234,567 | |
| b.onnx | accuracy | 97.5 % | held out |
| b.onnx | milliseconds | 3e-2 ms | |
| c.onnx | accuracy | high | |

| file | size |
|---|---|
| a.onnx | 9 |`)).toEqual([
    { model: 'a.onnx', metric: 'bytes', value: 1234567 }, { model: 'b.onnx', metric: 'accuracy', value: 0.975 },
    { model: 'b.onnx', metric: 'milliseconds', value: 0.03 },
  ])
  expect(claims('x.md', ['bytes'], 1, 'a.onnx').needs).toEqual(['x.md'])
})

test('Wilson intervals are what they are defined by', () => {
  // Its definition: both ends p solve |right/of − p| = z √(p(1 − p)/of).
  for (const [right, of] of [[9, 15], [0, 40], [349, 360], [40, 40]] as const) {
    for (const p of wilson(right, of)) expect(Math.abs(right / of - p)).toBeCloseTo(1.959964 * Math.sqrt((Math.max(0, p) * Math.max(0, 1 - p)) / of), 9)
  }
})

test('together: one failure fails all, one that is not measured leaves the whole open', () => {
  expect(together([passed('a', []), failed('b', [], 0.5)])).toMatchObject({ verdict: 'failed', reason: 'b', attained: 0.75 })
  expect(together([passed('a', []), unmeasured('no GPU')])).toMatchObject({ verdict: 'not measured', reason: 'not measured here: no GPU' })
  expect(together([passed('a', []), passed('b', [])])).toMatchObject({ verdict: 'passed', reason: 'a; b' })
  expect(together([]).verdict).toBe('not measured')
})
