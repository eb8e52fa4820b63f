// The parts of a grading run that need no sandbox: archives, tables, lateness, fingerprints, cells, records, pages.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckReport } from '../run-checks'
import { takeAnswers } from './cells'
import { formatCsv, parseCsv } from './csv'
import { canvasCsv, gradebookCsv, gradebookJson, gradescopeJson, moodleCsv } from './exports'
import { feedbackPage } from './feedback'
import { makeGradebook, type Roll, type RosterEntry } from './gradebook'
import { lateness, parseTime } from './late'
import { LeakSearch, readableText } from './leaks'
import { githubActions, kubernetesJob } from './manifests'
import { overviewPage } from './overview'
import { fileName } from './page'
import { answerOf, checksForBoth, Ledger, NOT_REPEATED, readLedger, stateOf, WITHHELD, type AnswerRecord } from './records'
import { readRoster } from './roster'
import { fingerprints, similarPairs, tokens } from './similarity'
import { findSubmissions, SUBMISSION_LIMITS } from './submissions'
import { readZip } from './zip'

const folder = mkdtempSync(path.join(os.tmpdir(), 'grading parts é '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (...parts: string[]): string => path.join(folder, ...parts)
const put = (name: string, content: string | Buffer): string => {
  mkdirSync(path.dirname(at(name)), { recursive: true })
  writeFileSync(at(name), content)
  return at(name)
}

interface Packed { name: string; data: Buffer; size?: number; stored?: boolean; mode?: number; flags?: number }

/** An archive written by hand, so that it can lie. */
function zip(files: readonly Packed[]): Buffer {
  const locals: Buffer[] = [], central: Buffer[] = []
  let offset = 0
  for (const { name, data, size = data.length, stored = false, mode = 0o100644, flags = 0 } of files) {
    const packed = stored ? data : deflateRawSync(data), title = Buffer.from(name)
    const head = Buffer.alloc(30)
    head.writeUInt32LE(0x04034b50, 0)
    head.writeUInt16LE(title.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(flags, 8)
    entry.writeUInt16LE(stored ? 0 : 8, 10)
    entry.writeUInt16LE((46 << 9) | (3 << 5) | 1, 14)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt32LE(size, 24)
    entry.writeUInt16LE(title.length, 28)
    entry.writeUInt32LE((mode << 16) >>> 0, 38)
    entry.writeUInt32LE(offset, 42)
    locals.push(head, title, packed)
    central.push(entry, title)
    offset += 30 + title.length + packed.length
  }
  const directory = Buffer.concat(central), end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

const cell = (exercise: string, source: string | string[], kind = 'code'): object => ({ cell_type: kind, metadata: { whetstone: { exercise } }, source })
const notebook = (...cells: readonly object[]): string => JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells })
const LIMITS = { entries: 10, fileBytes: 1000, totalBytes: 1500 }

describe('archives', () => {
  test('what Python packs is read as it was', () => {
    const made = spawnSync('python3', ['-c', `
import zipfile, sys
z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)
z.writestr('a/x.ipynb', 'deflated ' * 20); z.writestr(zipfile.ZipInfo('é.ipynb', (2026, 3, 1, 12, 30, 10)), 'stored')`, at('python.zip')])
    if (made.error) {
      expect(made.error.message).toContain('ENOENT')
      return
    }
    const { entries } = readZip(spawnSync('cat', [at('python.zip')]).stdout, 'python.zip', LIMITS)
    expect(entries.map((entry) => [entry.name, entry.read().toString()])).toEqual([['a/x.ipynb', 'deflated '.repeat(20)], ['é.ipynb', 'stored']])
    expect(entries[1]?.modified).toEqual(new Date(2026, 2, 1, 12, 30, 10))
  })

  test('names that lead out, links and locked files are named and left', () => {
    const data = Buffer.from('x')
    const { entries, refused } = readZip(zip([
      { name: '../../etc/cron.d/x.ipynb', data }, { name: '/root/x.ipynb', data }, { name: 'a\\..\\..\\x.ipynb', data }, { name: 'C:/x.ipynb', data }, { name: 'nul\0.ipynb', data },
      { name: 'link.ipynb', data: Buffer.from('/etc/passwd'), mode: 0o120777 }, { name: 'locked.ipynb', data, flags: 1 }, { name: 'good.ipynb', data },
    ]), 'x.zip', LIMITS)
    expect(entries.map((entry) => entry.name)).toEqual(['good.ipynb'])
    expect(refused.map((each) => each.reason)).toEqual([...Array<string>(5).fill('its name leads out of the archive'), 'it is a link', 'it is encrypted'])
  })

  test('bombs: what would be too large is not unpacked, and a lie about the size is found before memory is spent', () => {
    expect(readZip(zip([{ name: 'big', data: Buffer.alloc(2000) }]), 'x.zip', LIMITS).refused[0]?.reason).toContain('2000 bytes; 1000 are allowed')
    expect(() => readZip(zip([{ name: 'a', data: Buffer.alloc(900) }, { name: 'b', data: Buffer.alloc(900) }]), 'x.zip', LIMITS)).toThrow('more than 1500 bytes')
    expect(() => readZip(zip(Array.from({ length: 11 }, (_, i) => ({ name: `${i}`, data: Buffer.alloc(1) }))), 'x.zip', LIMITS)).toThrow('11 entries; 10 are allowed')
    const lie = readZip(zip([{ name: 'small', data: Buffer.alloc(50_000_000), size: 10 }]), 'x.zip', LIMITS).entries[0]
    const before = process.memoryUsage().arrayBuffers
    expect(() => lie?.read()).toThrow('does not unpack')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  test('damaged archives are a typed error, whatever bytes they are', () => {
    const good = zip([{ name: 'a.ipynb', data: Buffer.from('hello') }, { name: 'b.ipynb', data: Buffer.from('there'), stored: true }])
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(good.length), (place, change, length) => {
      const damaged = Buffer.from(good.subarray(0, length))
      if (place < length) damaged[place] = (damaged[place]! + change) & 255
      try {
        for (const entry of readZip(damaged, 'x.zip', LIMITS).entries) entry.read()
      } catch (error) {
        expect((error as { code?: string }).code).toBe('GRADE_ZIP')
      }
    }), { numRuns: 400 })
  })
})

describe('what was handed in', () => {
  test('files, folders, archives and the names that Canvas and Moodle give', () => {
    put('in/alice.ipynb', notebook())
    put('in/bob/deep/lesson.ipynb', notebook())
    put('in/bob/notes.txt', 'x')
    put('in/doejane_LATE_123_456_lesson.ipynb', notebook())
    put('in/Max Muster_789_assignsubmission_file_/lesson.ipynb', notebook())
    put('in/carol.zip', zip([{ name: 'x/lesson.ipynb', data: Buffer.from(notebook()) }, { name: '../evil.ipynb', data: Buffer.from('x') }]))
    put('in/.hidden/x.ipynb', notebook())
    const found = findSubmissions(at('in'))
    expect(found.map(({ learner, files, problems, platformId, markedLate }) => [learner, files.map((file) => file.name), problems.length, platformId, markedLate])).toEqual([
      ['Max Muster', ['lesson.ipynb'], 0, '789', undefined], ['alice', ['alice.ipynb'], 0, undefined, undefined], ['bob', ['deep/lesson.ipynb'], 0, undefined, undefined],
      ['carol', ['x/lesson.ipynb'], 1, undefined, undefined], ['doejane', ['doejane_LATE_123_456_lesson.ipynb'], 0, '123', true],
    ])
    const whole = put('class.zip', zip([{ name: 'class/alice/a.ipynb', data: Buffer.from(notebook()) }, { name: 'class/bob/b.ipynb', data: Buffer.from(notebook()) }]))
    expect(findSubmissions(whole).map((each) => each.learner)).toEqual(['alice', 'bob'])
  })

  test('links, pipes, 500 MB and folders without end are named, not read', () => {
    put('bad/a/real.ipynb', notebook())
    symlinkSync('/etc/passwd', at('bad/a/link.ipynb'))
    symlinkSync(at('bad'), at('bad/a/loop'))
    spawnSync('mkfifo', [at('bad/a/pipe.ipynb')])
    truncateSync(put('bad/a/huge.ipynb', ''), 500 * 1024 * 1024)
    put('bad/a/1/2/3/4/5/6/7/8/deep.ipynb', notebook())
    put('bad/a/bomb.zip', zip([{ name: 'x.ipynb', data: Buffer.alloc(40_000_000) }]))
    const [one] = findSubmissions(at('bad'))
    expect(one?.files.map((file) => file.name)).toEqual(['real.ipynb'])
    expect(one?.problems.join('\n')).toMatch(/nest deeper[^]*huge.ipynb: it has 524288000 bytes[^]*link.ipynb: it is a link[^]*loop: it is a link[^]*pipe.ipynb: it is no ordinary file/)
    expect(one?.problems.join('\n')).toContain('x.ipynb: it would unpack to 40000000 bytes')
    expect(() => findSubmissions(put('empty/readme.txt', ''))).toThrow('nothing to grade')
    expect(() => findSubmissions(at('nowhere'))).toThrow('cannot be read')
  })

  const take = (...files: (string | Buffer)[]): ReturnType<typeof takeAnswers> => takeAnswers({
    learner: 'x', problems: [], files: files.map((content, i) => ({ name: `${i}.ipynb`, modified: new Date(0), read: () => Buffer.from(content) })),
  }, ['t/l/a', 't/l/b'], new Set(['t/l/a', 't/l/b', 't/l/c']), 'refuse')

  test('only marked cells of known exercises count, and what is odd is said', () => {
    const { cells, problems, duplicates } = take(
      '\ufeff' + notebook(cell('t/l/a', ['one\r\n', 'two'])), notebook(cell('t/l/none', 'x'), cell('t/l/b', 'x', 'markdown'), { metadata: { whetstone: { exercise: 5 } } }, [7], { cell_type: 'code', source: 'function a() {}' }),
      'not json', Buffer.from([0xff, 0xfe, 0x00]), '{"cells": 3}', '['.repeat(100_000) + ']'.repeat(100_000),
    )
    expect([...cells]).toEqual([['t/l/a', 'one\ntwo']])
    expect(duplicates.size).toBe(0)
    expect(problems.join('\n')).toMatch(/claims to be the exercise "t\/l\/none"[^]*"markdown" cell with the mark of t\/l\/b[^]*2.ipynb is not a notebook[^]*3.ipynb is not a notebook[^]*4.ipynb is not a notebook: it has no list of cells[^]*5.ipynb is not a notebook/)
  })

  test('two cells of one exercise: the same text is one, a difference is refused or chosen by rule', () => {
    expect([...take(notebook(cell('t/l/a', 'x'), cell('t/l/a', 'x'))).cells]).toEqual([['t/l/a', 'x']])
    const twice = take(notebook(cell('t/l/a', 'x')), notebook(cell('t/l/a', 'y')))
    expect([twice.cells.size, twice.duplicates.get('t/l/a')]).toEqual([0, '0.ipynb, cell 1; 1.ipynb, cell 1'])
    const file = { name: 'n', modified: new Date(0), read: () => Buffer.from(notebook(cell('t/l/a', 'x'), cell('t/l/a', 'y'))) }
    for (const [rule, text] of [['first', 'x'], ['last', 'y']] as const) {
      expect(takeAnswers({ learner: 'x', files: [file], problems: [] }, ['t/l/a'], new Set(['t/l/a']), rule).cells.get('t/l/a')).toBe(text)
    }
  })
})

describe('tables', () => {
  test('any cells come back from a table, but for the quote before a formula', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.trim())
    fc.assert(fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (rows) => {
      const kept = rows.filter((row) => row.some((value) => value !== ''))
      const read = parseCsv(formatCsv([['a', 'b'], ...kept]), 'x')
      expect(read.map((row) => [row['a'], row['b']])).toEqual(kept.map((row) => row.map((value) => (/^[=+\-@\t\r]/.test(value) ? `'${value}` : value).trim())))
    }))
    expect(formatCsv([['=cmd|\' /C calc\'!A0', '@SUM(A1)', '-2+3', -2]])).toBe("'=cmd|' /C calc'!A0,'@SUM(A1),'-2+3,-2\r\n")
    expect(() => parseCsv('a,b\n"x', 'x')).toThrow('does not end')
  })

  test('a roster from Canvas, from Moodle and by hand', () => {
    const canvas = put('canvas.csv', 'Student,ID,SIS User ID,SIS Login ID,Section,Quiz (5)\n    Points Possible,,,,,10\n"Doe, Jane",123,s1,jdoe,A,\n"Student, Test",9,,x,A,\n')
    expect(readRoster(canvas)).toMatchObject([{ learner: 'jdoe', name: 'Jane Doe', fields: { id: '123', section: 'A' } }])
    const moodle = put('moodle.csv', 'Identifier,"Full name","Email address",Status,Grade\nParticipant 789,Max Muster,max@x.org,,\n')
    expect(readRoster(moodle)).toMatchObject([{ name: 'Max Muster', email: 'max@x.org' }])
    expect(() => readRoster(put('none.csv', 'colour\nred\n'))).toThrow('names nobody')
  })
})

test('lateness: grace, days begun, the last day, and never below nothing', () => {
  const policy = { deadline: new Date('2026-03-01T12:00:00Z'), perDay: 0.1, graceMinutes: 15, lastDay: 5 }
  const after = (minutes: number): readonly [number, number] => {
    const { days, factor } = lateness(new Date(policy.deadline.getTime() + minutes * 60_000), policy)
    return [days, factor]
  }
  expect([-100, 0, 15, 15.01, 15 + 1440, 15 + 1441, 15 + 3 * 1440, 15 + 5 * 1440, 15 + 5 * 1440 + 1].map(after))
    .toEqual([[0, 1], [0, 1], [0, 1], [1, 0.9], [1, 0.9], [2, 0.8], [3, 0.7], [5, 0.5], [6, 0]])
  expect(lateness(new Date('2027-01-01'), { ...policy, perDay: 1, lastDay: 999 }).factor).toBe(0)
  expect(() => parseTime('tomorrow', '--deadline')).toThrow('not a time')
})

describe('similarity', () => {
  const STUB = 'function size(items: Item[]): number {\n  throw new Error("size is not written yet")\n}'
  const honest = ['let s = 0\nfor (const i of items) s += i.n\nreturn s', 'return items.reduce((a, b) => a + b.n, 0)', 'return items.map((x) => x.n).reduce((p, q) => p + q, 0)']
  const odd = 'const seen = new Map<string, number>()\nlet k = 0\nwhile (k < items.length) { const it = items[k++]!; if (!seen.has(it.name)) { seen.set(it.name, it.n * 2 - it.n); continue } }\nlet out = 0\nseen.forEach((value) => { out = out + value })\nreturn out'
  const renamed = odd.replaceAll('seen', 'table').replaceAll('out', 'total').replaceAll('it.', 'entry.').replace('const it ', '/* mine */ const entry ').replaceAll('k', 'index').replaceAll('\n', '\n\n')
  const answer = (learner: string, body: string): { learner: string; exercise: string; prints: number[] } =>
    ({ learner, exercise: 'e', prints: fingerprints(`function size(items: Item[]): number {\n${body}\n}`, STUB) })

  test('a copy with other names, comments and layout is found; what a class writes alike is not', () => {
    const group = Array.from({ length: 30 }, (_, i) => answer(`h${i}`, honest[i % 3]!))
    const pairs = similarPairs([...group, answer('copier', renamed), answer('author', odd)])
    expect(pairs.map((pair) => pair.learners)).toEqual([['author', 'copier']])
    expect(pairs[0]?.similarity).toBe(1)
    expect(answer('stub', 'throw new Error("size is not written yet")').prints).toEqual([])
  })

  test('a match of 13 tokens is always found, and any source takes time in proportion to its length', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('+', '-', '(', ')', 'if', 'x', '1', '{', '}', '=>'), { minLength: 13, maxLength: 40 }), fc.nat(20), (shared, before) => {
      const a = new Set(fingerprints(`${'try while '.repeat(before)} ${shared.join(' ')} do`, ''))
      expect(fingerprints(`switch ${shared.join(' ')}`, '').some((print) => a.has(print))).toBe(true)
    }))
    const began = performance.now()
    for (const hostile of ['`\\', "'\\", '"\\', '/*', '`', "'"]) tokens(hostile.repeat(100_000), true)
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})

test('a planted solution is found as it stands, with other names, inside a notebook and in an escaped text; hints are not', () => {
  const text = 'function area(shape: number[], scale: number): number {\n  let product = scale\n  for (const side of shape) {\n    if (side < 0) throw new RangeError("negative")\n    product *= side\n  }\n  return Math.round(product)\n}'
  const given = 'function area(shape: number[], scale: number): number {\n  throw new Error("area is not written yet")\n}'
  const search = new LeakSearch([{ name: 'area', text, given }])
  const found = (file: string, content: string): string[] => search.search(file, readableText(file, content)).map((leak) => leak.how)
  expect(found('a.md', 'Look:\n\n```ts\n' + text.replaceAll('\n', '\r\n\t').replace('let product', '/* hm */ let product') + '\n```')).toEqual(['text'])
  expect(found('a.ts', text.replaceAll('product', 'p').replaceAll('side', 's').replaceAll('shape', 'dims').replace('area', 'f').replace('negative', 'no'))).toEqual(['renamed'])
  expect(found('a.ipynb', notebook(cell('x', text.split(/(?<=\n)/)), { outputs: [{ text }] }))).toEqual(['text'])
  expect(found('a.json', JSON.stringify({ deep: [{ cache: text }] }))).toEqual(['text'])
  expect(found('hint.md', 'Loop over it: `for (const side of shape)`, and refuse what is below 0.')).toEqual([])
  expect(found('stub.ts', given)).toEqual([])
})

describe('records', () => {
  const record = (learner: string, points = 1): AnswerRecord =>
    ({ learner, exercise: 'e', key: 'k', state: 'graded', points, maxPoints: 2, checks: [], incidents: [], milliseconds: 1, prints: [] })

  test('a ledger cut at any byte keeps every line that was whole, and goes on', () => {
    const out = at('ledger')
    const ledger = new Ledger(out)
    for (const learner of ['a', 'b', 'ü\n"']) ledger.add(record(learner))
    expect(() => new Ledger(out)).not.toThrow()
    ledger.close()
    const { ledger: file } = stateOf(out)
    const whole = spawnSync('cat', [file]).stdout
    fc.assert(fc.property(fc.nat(whole.length), (length) => {
      writeFileSync(file, whole.subarray(0, length))
      const kept = [...readLedger(file).values()].map((each) => each.learner)
      expect(['a', 'b', 'ü\n"'].slice(0, kept.length)).toEqual(kept)
      const again = new Ledger(out)
      again.add(record('new'))
      again.close()
      expect([...readLedger(file).values()].map((each) => each.learner)).toEqual([...kept, 'new'])
    }), { numRuns: 60 })
  })

  test('another run that is alive keeps the folder; one that was killed does not', () => {
    const out = at('busy')
    mkdirSync(stateOf(out).folder, { recursive: true })
    writeFileSync(stateOf(out).lock, '1')
    expect(() => new Ledger(out)).toThrow('Another run is grading')
    writeFileSync(stateOf(out).lock, '999999999')
    new Ledger(out).close()
  })

  test('from the first hidden check on, nothing that the code said reaches the learner', () => {
    const SECRET = '[7.25, 9.5]'
    const row = { passed: false, points: 0, maxPoints: 1 }
    const report: CheckReport = { id: 'e', title: 'E', passed: false, points: 0, maxPoints: 4, seed: 4711, milliseconds: 1, checks: [
      { ...row, name: 'fixed', called: 'f([1])', got: '2', expected: '3', sentence: 'The author wrote this.' },
      { ...row, name: 'drawn', hidden: true, called: `f(${SECRET})`, got: SECRET, expected: SECRET, sentence: `f gave ${SECRET}` },
      { ...row, name: 'after', called: 'f([1])', got: `Error: I saw ${SECRET}`, expected: '3', sentence: `"${SECRET}" is none of the operators` },
      { ...row, name: 'known', hidden: true, got: SECRET, sentence: 'You forgot the bias.', mistake: 'bias' },
    ] }
    const checks = checksForBoth(report, (sentence) => sentence === 'The author wrote this.')
    expect(JSON.stringify(checks.map((check) => check.shown))).not.toContain('7.25')
    expect(checks.map((check) => check.shown)).toEqual([
      { called: 'f([1])', got: '2', expected: '3', sentence: 'The author wrote this.' }, { sentence: WITHHELD },
      { called: 'f([1])', expected: '3', got: NOT_REPEATED }, { sentence: 'You forgot the bias.' },
    ])
    expect(JSON.stringify(checks[1]?.kept)).toContain('7.25')
  })
})

describe('gradebook', () => {
  const EVIL = '<img src=x onerror=alert(1)>"\'&`=cmd'
  const roll: Roll = {
    sandbox: 'bubblewrap', columns: [{ id: 't/l/first', title: 'First <b>', maxPoints: 6, digest: 'd' }, { id: 't/l/second', title: 'Second', maxPoints: 4, digest: 'd' }],
    learners: [
      { learner: 'jdoe', submitted: '2026-03-02T00:00:00.000Z', problems: [], platformId: '123' },
      { learner: EVIL, submitted: '2026-03-01T00:00:00.000Z', problems: [`${EVIL}/x.ipynb: it is a link`] },
    ],
  }
  const record = (learner: string, exercise: string, points: number, more: Partial<AnswerRecord> = {}): AnswerRecord => ({
    learner, exercise, key: 'k', state: 'graded', points, maxPoints: 6, incidents: [], milliseconds: 1200, prints: [], ...more,
    checks: [{ name: `check ${EVIL}`, passed: points > 0, points, maxPoints: 6, shown: points > 0 ? {} : { called: EVIL, got: EVIL, expected: EVIL, sentence: EVIL } }],
  })
  const records = new Map([
    record('jdoe', 't/l/first', 6), record('jdoe', 't/l/second', 4 / 3), record(EVIL, 't/l/first', 0, { incidents: ['died'] }),
    record(EVIL, 't/l/second', 0, { state: 'several cells differ', checks: [], note: 'x' }),
  ].map((each) => [answerOf(each), each]))
  const roster: RosterEntry[] = [
    { learner: 'jdoe', name: 'Jane Doe', email: 'j@x.org', fields: { student: 'Doe, Jane', id: '123', 'sis user id': 's1', 'sis login id': 'jdoe', section: 'A' } },
    { learner: 'gone', name: 'Gone Away', fields: { identifier: 'Participant 9' } },
  ]
  const book = makeGradebook(roll, records, roster, { deadline: new Date('2026-03-01T12:00:00Z'), perDay: 0.1, graceMinutes: 0 })
  const row = (learner: string): (typeof book.rows)[number] => book.rows.find((each) => each.learner === learner)!

  test('points, lateness, the missing and what a person must see', () => {
    expect(book.rows.map((each) => [each.name, each.state, each.points, each.late.days, each.final])).toEqual([
      [EVIL, 'handed in', 0, 0, 0], ['Gone Away', 'missing', 0, 0, 0], ['Jane Doe', 'handed in', 7.33, 1, 6.6],
    ])
    expect(row(EVIL).notes.join('\n')).toMatch(/not in the roster[^]*it is a link[^]*first: its process died[^]*second: several cells differ/)
  })

  test('Canvas, Moodle, Gradescope and spreadsheets get the columns that they read', () => {
    expect(canvasCsv(book, 'Lesson 7').split('\r\n').slice(0, 2)).toEqual(['Student,ID,SIS User ID,SIS Login ID,Section,Lesson 7', '    Points Possible,,,,,10'])
    expect(canvasCsv(book, 'Lesson 7')).toContain('"Doe, Jane",123,s1,jdoe,A,6.6\r\n')
    const moodle = parseCsv(moodleCsv(book), 'moodle')
    expect(moodle.find((line) => line['full name'] === 'Gone Away')).toMatchObject({ identifier: 'Participant 9', status: 'No submission', grade: '0.00', 'maximum grade': '10.00' })
    expect(moodle.find((line) => line['full name'] === 'Jane Doe')).toMatchObject({ identifier: 'Participant 123', 'feedback comments': 'first 6/6; second 1.33/4; 1 day late, counts 90%' })
    const scope = JSON.parse(gradescopeJson(row('jdoe'), book)) as { score: number; stdout_visibility: string; tests: { score: number; max_score: number; status: string; number: string }[] }
    expect([scope.score, scope.stdout_visibility, scope.tests[0]]).toMatchObject([6.6, 'hidden', { score: 5.4, status: 'passed', number: '1.1' }])
    const csv = parseCsv(gradebookCsv(book), 'x')
    expect(csv.find((line) => line['name'] === 'Jane Doe')).toMatchObject({ 'first (6)': '6', 'second (4)': '1.33', grade: '6.6', percent: '66' })
    expect(JSON.parse(gradebookJson(book))).toMatchObject({ maxPoints: 10, open: 0 })
  })

  test('pages carry no script, whatever names and outputs hold, and load nothing', () => {
    for (const page of [overviewPage(book, () => `feedback/${EVIL}.html`), ...book.rows.map((each) => feedbackPage(each, book))]) {
      // What stands inside quotes of an attribute is text.
      const html = page.replaceAll(/="[^"]*"/g, (value) => (value.startsWith('="http') || value.startsWith('="//') ? value : '=""'))
      expect(html).not.toMatch(/<img|<script|<b>[^]*First <b>/)
      expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
      expect(html.match(/<[a-z][^>]*\son\w+=/gi)).toBeNull()
      expect(page).toContain("default-src 'none'")
    }
    expect(feedbackPage(row(EVIL), book)).toContain('&lt;img src=x')
    const names = ['a', 'A', '../../etc/passwd', '..', '', 'a/b', 'a\\b', 'x'.repeat(500), 'con\0', EVIL, 'ä b', '-rf'].map((name) => fileName(name, (text) => Buffer.from(text).toString('hex').padStart(8, '0').slice(-8)))
    expect(names.every((name) => /^[\p{L}\p{N}_@][\p{L}\p{N}._@-]{0,100}$/u.test(name))).toBe(true)
    expect(new Set(names).size).toBe(names.length)
  })
})

test('manifests deal every shard once, and words cannot leave their quotes', () => {
  const job = kubernetesJob({ shards: 3, args: ['--lesson', "it's; rm -rf /"] })
  expect(job).toContain('completions: 3')
  expect(job).toContain('completionMode: Indexed')
  expect(job).toContain(String.raw`'it'\\''s; rm -rf /'`)
  expect(job).toContain('/results/shard-1 /results/shard-2 /results/shard-3 --out /results/all')
  const workflow = githubActions({ shards: 3, args: [] })
  expect(workflow).toContain('shard: [1, 2, 3]')
  expect(workflow).toContain('--shard ${{ matrix.shard }}/3')
  const parsed = spawnSync('python3', ['-c', 'import yaml,sys; print(len(list(yaml.safe_load_all(sys.stdin))))'], { input: job, encoding: 'utf8' })
  if (parsed.status === 0) expect(parsed.stdout.trim()).toBe('2')
  expect(() => kubernetesJob({ shards: 0, args: [] })).toThrow('number of shards')
  expect(() => githubActions({ shards: 2, args: ['a\nb'] })).toThrow('line end')
})

beforeAll(() => { expect(SUBMISSION_LIMITS.fileBytes).toBeLessThan(500 * 1024 * 1024) })
