// Attacks on an exercise that is timed: speed that was not earned earns nothing.
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { courseCopy, type CourseCopy } from './project'

const walls = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'prlimit', '--version']).status === 0
const ID = 'module_99/lesson_01_speed/prime_gaps'

interface Graded { report: { points: number; checks: { passed: boolean; sentence?: string; hidden?: boolean }[] }; incidents: string[] }

let copy: CourseCopy
const grade = async (cell: string): Promise<Graded> => await copy.run(`
  const { openExercise } = require('./dist/course/run-checks.js'), { exerciseFiles } = require('./dist/course/exercises.js')
  const project = lib.course.projectAt(root)
  globalThis.opened ??= await openExercise(project, exerciseFiles(project, '${ID}'))
  globalThis.grader ??= lib.course.createGrader({ project, backend: lib.course.findSandbox(), limits: { ...lib.course.LIMITS, callMs: 4000, totalMs: 20000, starts: 1 } })
  return await grader.grade(opened, ${JSON.stringify(cell)}, 4711)`) as Graded

const GAPS = 'const out = new Int32Array(64); let last = 2; for (let p = 3; p < n; p += 2) if (PRIME) { out[Math.min(63, p - last)]!++; last = p } return out'
const QUICK = 'const sieve = new Uint8Array(n); for (let d = 3; d * d < n; d += 2) if (!sieve[d]) for (let m = d * d; m < n; m += 2 * d) sieve[m] = 1; ' + GAPS.replace('PRIME', '!sieve[p]')
const SLOW = 'const prime = (p: number): boolean => { let yes = true; for (let d = 3; d * d <= p; d += 2) yes = yes && p % d !== 0; return yes }; ' + GAPS.replace('PRIME', 'slow(p)').replace('slow', 'prime')
const answer = (body: string, before = ''): string => `${before}\nfunction primeGaps(n: any): any {\n${body}\n}`

describe.runIf(walls)('timed attacks (needs bubblewrap)', () => {
  beforeAll(async () => {
    copy = await courseCopy()
    const folder = `exercises/${ID}`
    copy.write(`${folder}/exercise.ts`, `import type { course } from 'whetstone'
export const exercise: course.Exercise = { id: '${ID}', title: 'Prime gaps', points: 4, minutes: 5, trains: [] }
// #region cell
export function primeGaps(n: number): Int32Array {
  throw new Error('primeGaps is not written yet')
}
// #endregion\n`)
    copy.write(`solutions/${ID}.ts`, `// #region cell\nexport function primeGaps(n: number): Int32Array { ${QUICK} }\n// #endregion\n`)
    copy.write(`${folder}/mistakes.ts`, 'export const mistakes = []\n')
    copy.write(`${folder}/hints.md`, '# Hints\n')
    copy.write(`${folder}/checks.test.ts`, `import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/${ID}'
const { primeGaps } = course.subject(reference)
test('as fast as a sieve', async () => {
  await course.assertFast({
    call: primeGaps, reference: reference.primeGaps, ratio: 8, inputs: (random) => [400_000 + random.int(20_000)],
  }, 'You divide by every number. A sieve crosses out multiples.')
})\n`)
  })
  afterAll(() => copy.remove())

  test('a sieve is fast enough, in the sandbox too', async () => {
    const { report, incidents } = await grade(answer(QUICK))
    expect([report.points, incidents, report.checks[0]?.hidden]).toEqual([4, [], true])
  })

  test.each<[string, string]>([
    ['right and slow', answer(SLOW)],
    ['quick for the first calls only', answer(`if (calls++ < 2) { ${QUICK} }\n${SLOW}`, 'let calls = 0')],
    ['nothing in the warm-up, the work later', answer(`if (calls++ < 2) return new Int32Array(64); ${QUICK}`, 'let calls = 0')],
    ['the last answer again', answer(`if (last) return last; ${QUICK.replace('return out', 'return (last = out)')}`, 'let last: any')],
    ['an answer that is filled in later', answer(`const early = new Int32Array(64); setImmediate(() => { early.set((() => { ${QUICK} })()) }); return early`)],
    // Microtasks run before an awaited answer arrives, so their time counts: the slow way gains nothing there.
    ['a promise that resolves before slow work', answer(`const early = new Int32Array(64); void Promise.resolve().then(() => { early.set((() => { ${SLOW} })()) }); return Promise.resolve(early)`)],
    ['memory that is shared and written on', answer('const out = new Int32Array(new SharedArrayBuffer(256)); queueMicrotask(() => out.fill(2)); return out')],
    ['a getter that computes when it is read', answer('return { get length() { return 64 }, get 0() { return n } }')],
    ['a clock that stands still', answer(SLOW, `performance.now = () => 0; Date.now = () => 0; (process as any).hrtime.bigint = () => 0n; (globalThis as any).performance = { now: () => 0 }`)],
    ['work in batches: every fourth call does four', answer(`pending.push(n); if (pending.length < 4) return new Int32Array(64); pending = []; ${QUICK}`, 'let pending: any[] = []')],
    ['an estimate', answer('const out = new Int32Array(64); for (let g = 2; g < 64; g += 2) out[g] = Math.round(n / Math.log(n) ** 2 * 1.32 * Math.exp(-g / Math.log(n))); return out')],
  ])('%s', async (_, cell) => {
    const { report } = await grade(cell)
    expect(report.points).toBe(0)
    expect(report.checks).toHaveLength(1)
    expect(report.checks[0]).toMatchObject({ passed: false })
    expect(report.checks[0]?.sentence).toBeDefined()
  })
})
