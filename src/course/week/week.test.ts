import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { keepEvaluation, type Evaluation } from '../evaluation/evaluate'
import { appendEvent } from '../journal'
import { projectAt, type Project } from '../project'
import { proposals } from './adapt'
import { planCalendar, planWeek } from './plan'
import { statusOf, statusText } from './status'
import { openLessons, type Task } from './tasks'
import { trackerPage } from './tracker'

const folder = mkdtempSync(path.join(os.tmpdir(), 'week-'))
const project: Project = projectAt(folder)
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(folder, { recursive: true, force: true }))

const notebook = (name: string, order: number, more: object = {}): void => {
  mkdirSync(path.join(folder, 'notebooks', 'a'), { recursive: true })
  writeFileSync(path.join(folder, 'notebooks', 'a', `${name}.ipynb`), JSON.stringify({
    cells: [], metadata: { whetstone: { title: `Lesson ${name}`, track: 'a', order, minutes: 40, ...more } },
  }))
}
const MONDAY = new Date(2026, 10, 23)
const task = (title: string, minutes: number, divisible: boolean): Task => ({ kind: divisible ? 'lesson' : 'exercise', title, minutes, divisible, open: 'x', why: 'y', track: 'a' })

test('a plan loses no minute, keeps to the hours, and cuts only what may be cut', () => {
  const tasks = fc.array(fc.record({ title: fc.string(), minutes: fc.integer({ min: 1, max: 200 }), divisible: fc.boolean() }), { maxLength: 20 })
  fc.assert(fc.property(tasks, fc.integer({ min: 1, max: 20 }), fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }), (given, hours, days) => {
    const all = given.map((each, i) => task(`${i} ${each.title}`, each.minutes, each.divisible))
    const plan = planWeek(all, { hours, days, from: MONDAY, at: 0 })
    const sum = (minutes: readonly number[]): number => minutes.reduce((a, b) => a + b, 0)
    expect(plan.minutes).toBeLessThanOrEqual(hours * 60 + days.length)
    const perDay = (hours * 60) / days.length
    for (const one of all) {
      const sittings = plan.days.flatMap((day) => day.sittings).filter((each) => each.task.title === one.title)
      const left = plan.left.find((each) => each.title === one.title)?.minutes ?? 0
      expect(Math.abs(sum(sittings.map((each) => each.minutes)) + left - one.minutes)).toBeLessThanOrEqual(1)
      if (!one.divisible && one.minutes <= perDay) expect(sittings.length).toBeLessThanOrEqual(1)
    }
    expect(plan.days.map((day) => day.date)).toEqual([...plan.days.map((day) => day.date)].sort())
  }), { numRuns: 200 })
})

test('the calendar is iCalendar: folded lines, events one after another, text escaped', () => {
  const plan = planWeek([task('Größen; Formen, und mehr '.repeat(5), 90, true), task('b', 10, false)], { hours: 2, days: [1, 3], from: MONDAY, at: 0 })
  const text = planCalendar(plan, 19 * 60 + 30, new Date('2026-11-20T08:00:00Z'))
  const lines = text.split('\r\n')
  expect(lines.at(-1)).toBe('')
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75)
  const whole = text.replaceAll('\r\n ', '')
  expect(whole).toContain('SUMMARY:Größen\\; Formen\\, und mehr')
  expect([...whole.matchAll(/^DT(?:START|END):(.*)\r$/gm)].map((match) => match[1])).toEqual(
    ['20261123T193000', '20261123T203000', '20261125T193000', '20261125T200000', '20261125T200000', '20261125T201000'])
  expect(whole.match(/BEGIN:VEVENT/g)).toHaveLength(3)
})

test('hours and days that no week has are refused', () => {
  expect(() => planWeek([], { hours: 0, days: [1], from: MONDAY, at: 0 })).toThrow(/hours/)
  expect(() => planWeek([], { hours: 2, days: [], from: MONDAY, at: 0 })).toThrow(/needs a day/)
})

test('lessons come after those they need, also where the order in the folder says otherwise or they need each other', () => {
  notebook('late', 3)
  notebook('early', 1, { needs: ['late', 'nowhere'] })
  notebook('ring1', 4, { needs: ['ring2'] })
  notebook('ring2', 5, { needs: ['ring1'] })
  expect(openLessons(project, (error) => { throw error }).map((each) => each.lesson.lesson)).toEqual(['late', 'early', 'ring2', 'ring1'])
})

test('an empty project and one with a broken notebook have a status and a page', () => {
  expect(statusText(statusOf(project))).toMatch(/0 of 0[^]*none yet: npm run evaluate/)
  notebook('x', 1)
  writeFileSync(path.join(folder, 'notebooks', 'a', 'broken.ipynb'), '{')
  const status = statusOf(project)
  expect(status.problems.join()).toMatch(/broken\.ipynb/)
  expect(status.next?.title).toMatch(/interview|Lesson x/)
  const page = trackerPage(project)
  expect(page).toContain('<!doctype html>')
  expect(page).not.toMatch(/https?:\/\//)
})

const evaluation = (day: number, verdicts: Readonly<Record<string, 'passed' | 'failed'>>, scores: Readonly<Record<string, number>>): Evaluation => ({
  scope: 'module 4', at: new Date(Date.UTC(2026, 0, 1 + day)).toISOString(), machine: '', problems: [], open: ['a/b/fold'],
  lines: Object.entries(verdicts).map(([id, verdict]) => ({ id, track: 'module04', kind: 'goal', section: '', text: id, rule: 'exercises', command: `again ${id}`, verdict, reason: `${id} ${verdict}`, evidence: [{ what: 'a/b/fold', value: '' }], attained: 0.5 })),
  scores: Object.entries(scores).map(([name, value]) => ({ name: name as 'quality', value, formula: '', worked: '' })),
})

test('adapt proposes from several evaluations, names its reasons, and changes nothing', () => {
  expect(proposals(project)).toEqual([])
  keepEvaluation(project, evaluation(0, { kept: 'passed', slow: 'failed', gone: 'passed' }, {}))
  expect(proposals(project)).toEqual([])
  keepEvaluation(project, evaluation(10, { kept: 'passed', slow: 'failed', gone: 'passed' }, {}))
  appendEvent(project.journal, { kind: 'solution', exercise: 'a/b/fold', afterPass: false })
  keepEvaluation(project, evaluation(21, { kept: 'passed', slow: 'failed', gone: 'failed' }, { completion: 80, understanding: 20, consistency: 10 }))
  const found = proposals(project)
  expect(found.map((each) => each.kind)).toEqual(['lost', 'stuck', 'shallow', 'unsteady', 'pace'])
  expect(found[0]).toMatchObject({ command: 'again gone', because: ['gone: gone failed'] })
  expect(found[1]?.command).toMatch(/hint\('fold'\)/)
  expect(found[4]?.because[0]).toMatch(/-1 lines passed in 3\.0 weeks, 2 are open/)
  expect(proposals(project)).toEqual(found)
  // A damaged file of an evaluation is left out, not believed.
  writeFileSync(path.join(project.state, 'evaluations', '2026-01-22T00-00-00.000Z.json'), '{"lines":')
  expect(proposals(project).map((each) => each.kind)).not.toContain('lost')
})
