import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { buildSync } from 'esbuild'
import fc from 'fast-check'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { appendEvent, damagedLines, journalLine, parseLine, progressOf, readJournal, type JournalEntry, type JournalEvent } from './journal'

const folder = mkdtempSync(path.join(os.tmpdir(), 'journal-'))
const file = path.join(folder, 'journal.jsonl')
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(file, { force: true }))

const event = fc.oneof(
  fc.record({ kind: fc.constant('check' as const), exercise: fc.string(), passed: fc.nat(9), total: fc.nat(9), points: fc.nat(99) }),
  fc.record({ kind: fc.constant('hint' as const), exercise: fc.string(), level: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('solution' as const), exercise: fc.string({ unit: 'grapheme' }), afterPass: fc.boolean() }),
  fc.record({ kind: fc.constant('reset' as const), exercise: fc.string() }),
  fc.record({ kind: fc.constant('interview' as const), question: fc.string(), rating: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const), probe: fc.boolean() }),
  fc.record({ kind: fc.constant('evaluation' as const), scope: fc.string(), file: fc.string() }),
)
const NOW = new Date('2026-03-01T12:00:00Z')
const stamped = (events: readonly JournalEvent[]): JournalEntry[] => events.map((each) => ({ ...each, time: NOW.toISOString() }))

test('what is appended is read back, in order, whatever the clock says', () => {
  fc.assert(fc.property(fc.array(fc.tuple(event, fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }))), (events) => {
    rmSync(file, { force: true })
    for (const [each, now] of events) appendEvent(file, each, now)
    expect(readJournal(file)).toEqual(events.map(([each, now]) => ({ ...each, time: now.toISOString() })))
  }), { numRuns: 30 })
})

test('cut at any byte, the whole lines before it survive, and so does what is written next', () => {
  const events: JournalEvent[] = [
    { kind: 'hint', exercise: 'a/b/größe', level: 1 }, { kind: 'check', exercise: 'a/b/c', passed: 3, total: 3, points: 5 },
    { kind: 'reset', exercise: 'a/b/c' },
  ]
  for (const each of events) appendEvent(file, each, NOW)
  const whole = readFileSync(file)
  const next: JournalEvent = { kind: 'solution', exercise: 'a/b/d', afterPass: false }
  const ends = events.map((_, i) => stamped(events.slice(0, i + 1)).reduce((sum, each) => sum + Buffer.byteLength('\n' + journalLine(each)), 0))
  expect(ends.at(-1)).toBe(whole.length)
  for (let cut = 0; cut <= whole.length; cut++) {
    writeFileSync(file, whole)
    truncateSync(file, cut)
    const survivors = stamped(events.slice(0, ends.filter((end) => end <= cut).length))
    expect(readJournal(file)).toEqual(survivors)
    appendEvent(file, next, NOW)
    expect(readJournal(file)).toEqual([...survivors, ...stamped([next])])
  }
})

test('a line with any byte changed is skipped, alone', () => {
  const events: JournalEvent[] = [1, 2, 3].map((level) => ({ kind: 'hint', exercise: 'a/b/c', level }))
  for (const each of events) appendEvent(file, each, NOW)
  const whole = readFileSync(file)
  const length = whole.length / 3
  fc.assert(fc.property(fc.integer({ min: length + 1, max: 2 * length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const damaged = Buffer.from(whole)
    damaged[at]! ^= flip
    writeFileSync(file, damaged)
    const levels = readJournal(file).map((entry) => (entry.kind === 'hint' ? entry.level : 0))
    expect(levels).toEqual([1, 3])
  }))
  expect(parseLine('{"kind":"hint","exercise":"a/b/c","level":3}')).toBeUndefined()
  appendFileSync(file, '\nnot json\n\n[1, 2]\n')
  expect(readJournal(file)).toHaveLength(2)
})

test('two processes at once, one of them killed again and again: no whole line is lost', async () => {
  const script = path.join(folder, 'writer.cjs')
  buildSync({ entryPoints: [path.join(__dirname, 'journal.ts')], bundle: true, platform: 'node', format: 'cjs', outfile: path.join(folder, 'journal.cjs') })
  writeFileSync(script, `
    const { appendEvent } = require('./journal.cjs')
    const [, , file, name, count] = process.argv
    for (let i = 0; i < Number(count); i++) {
      appendEvent(file, { kind: 'check', exercise: name, passed: i, total: 9, points: 0 })
      require('node:fs').writeSync(1, i + '\\n')
    }`)
  const write = (name: string, count: number) => spawn(process.execPath, [script, file, name, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const steady = ['left', 'right'].map((name) => ({ name, done: once(write(name, 1500).on('error', fail).stdout.resume(), 'end') }))
  const reported: number[] = []
  for (let round = 0; round < 4; round++) {
    const victim = write(`victim ${round}`, 1_000_000)
    let last = -1
    victim.stdout.on('data', (chunk: Buffer) => {
      last = Number(chunk.toString().trim().split('\n').at(-1))
      if (last > 50) victim.kill('SIGKILL')
    })
    await once(victim, 'close')
    reported.push(last)
  }
  await Promise.all(steady.map(({ done }) => done))
  const entries = readJournal(file)
  const of = (name: string): number[] => entries.flatMap((entry) => (entry.kind === 'check' && entry.exercise === name ? entry.passed : []))
  for (const { name } of steady) expect(of(name)).toEqual(Array.from({ length: 1500 }, (_, i) => i))
  for (const [round, last] of reported.entries()) expect(of(`victim ${round}`).length).toBeGreaterThan(last)
}, 60_000)

const fail = (error: Error): never => {
  throw error
}

test('an event too long for one write is refused, and so is a place that cannot be written', () => {
  expect(() => appendEvent(file, { kind: 'reset', exercise: 'x'.repeat(5000) })).toThrow(/too long/)
  writeFileSync(path.join(folder, 'taken'), '')
  expect(() => appendEvent(path.join(folder, 'taken', 'journal.jsonl'), { kind: 'reset', exercise: 'x' })).toThrow(/could not be saved/)
})

test('events of a later version are kept and touch no exercise; damaged lines are counted', () => {
  appendEvent(file, { kind: 'hint', exercise: 'a/b/c', level: 1 }, NOW)
  appendEvent(file, { kind: 'dance', exercises: ['a/b/c'] } as unknown as JournalEvent, NOW)
  appendFileSync(file, '\n{"kind":"reset","exercise":"a/b/c","sum":"0000000000000000"}')
  expect(progressOf(readJournal(file)).get('a/b/c')?.hints).toBe(1)
  expect([readJournal(file).length, damagedLines(file), damagedLines(path.join(folder, 'none'))]).toEqual([2, 1, 0])
})

test('nothing leaves the machine: no file of the course opens a connection', () => {
  const files = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  expect(files.length).toBeGreaterThan(40)
  const opens = files.filter((name) => /from '(?:node:)?(?:net|http|https|http2|tls|dgram|undici)'|(?<![.\w])fetch\(|new WebSocket|XMLHttpRequest/.test(readFileSync(path.join(__dirname, name), 'utf8')))
  expect(opens).toEqual([])
})

test('progress is the best since the last reset, and says what was shown', () => {
  const entries = stamped([
    { kind: 'check', exercise: 'a', passed: 2, total: 2, points: 8 }, { kind: 'reset', exercise: 'a' },
    { kind: 'hint', exercise: 'a', level: 2 }, { kind: 'hint', exercise: 'a', level: 1 },
    { kind: 'check', exercise: 'a', passed: 1, total: 2, points: 4 }, { kind: 'solution', exercise: 'a', afterPass: false },
    { kind: 'check', exercise: 'b', passed: 2, total: 2, points: 5 }, { kind: 'check', exercise: 'b', passed: 0, total: 2, points: 0 },
    { kind: 'solution', exercise: 'b', afterPass: true }, { kind: 'check', exercise: 'c', passed: 0, total: 0, points: 0 },
  ])
  expect(Object.fromEntries(progressOf(entries))).toEqual({
    a: { state: 'tried', points: 4, hints: 2, shown: true },
    b: { state: 'passed', points: 5, hints: 0, shown: false },
    c: { state: 'tried', points: 0, hints: 0, shown: false },
  })
})
