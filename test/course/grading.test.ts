// Whole grading runs: the gradebook against a truth that the grader does not make, runs killed and resumed, shards, hidden
// inputs, and the students' folder. WHETSTONE_GRADING_SIZE sets the number of learners; 200 is the full measure.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { random } from '../../src/core'
import { EXERCISES, generateClass, LESSON, writeNotebook, type Learner } from './class'
import { courseCopy, type CourseCopy } from './project'

const walls = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'prlimit', '--version']).status === 0
/** Learners of the everyday run: enough for every kind of answer to occur. */
const SIZE = Number(process.env['WHETSTONE_GRADING_SIZE'] ?? 8)
const KILLS = 10
const LIMIT_MS = 60_000 + SIZE * 12_000

const RUN = `
  const lib = require('./dist/index.js'), options = JSON.parse(process.argv[2])
  const limits = { ...lib.course.LIMITS, callMs: 2000, totalMs: 15000, starts: 2, memoryBytes: 700e6, ...options.limits }
  lib.course.gradeSubmissions({ project: lib.course.projectAt(__dirname), sandbox: 'bubblewrap', ...options, limits }).then(
    ({ graded, kept, book }) => { console.log(JSON.stringify({ graded, kept, open: book.open })) },
    (error) => { console.error(error.stack); process.exitCode = 1 })`

interface Graded { maxPoints: number; learners: { learner: string; grade: number; notes: string[]; exercises: { exercise: string; state: string; points: number; incidents: string[] }[] }[] }

let copy: CourseCopy
const at = (...parts: string[]): string => path.join(copy.root, ...parts)
const start = (options: object): ChildProcess => spawn(process.execPath, [at('run.cjs'), JSON.stringify(options)], { cwd: copy.root, stdio: ['ignore', 'pipe', 'pipe'] })
async function grade(options: object): Promise<{ graded: number; kept: number; open: number }> {
  const child = start(options)
  let output = '', errors = ''
  child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  await once(child, 'close')
  if (output === '') throw new Error(errors)
  return JSON.parse(output) as { graded: number; kept: number; open: number }
}
const book = (out: string): Graded => JSON.parse(readFileSync(at(out, 'gradebook.json'), 'utf8')) as Graded
const files = (folder: string): Record<string, string> => Object.fromEntries(readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => !file.startsWith('.grading') && statSync(path.join(folder, file)).isFile()).map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]))

describe.runIf(walls)('grading runs (need bubblewrap)', () => {
  let learners: Learner[] = []
  beforeAll(async () => {
    copy = await courseCopy()
    copy.write('run.cjs', RUN)
    learners = generateClass(SIZE, 20_260_301)
    for (const learner of learners) writeNotebook(at('class'), learner)
  }, LIMIT_MS)
  afterAll(() => copy.remove())

  /** Draws the same hidden inputs as the first run: which mistake a check with inputs of its own looks like depends on them. */
  const shareSeed = (out: string): void => cpSync(at('whole', '.grading', 'run.json'), at(out, '.grading', 'run.json'))

  /** Points of every answer, from running what is harmless here and now, and from what it is otherwise. */
  async function truth(): Promise<Map<string, number>> {
    const harmless = learners.flatMap((learner) => learner.answers.filter((answer) => ['right', 'wrong'].includes(answer.kind)))
    const texts = [...new Map(harmless.map((answer) => [answer.exercise + answer.text, answer])).values()]
    const counted = await copy.run(`
      const { openExercise, runChecks } = require('./dist/course/run-checks.js'), { exerciseFiles } = require('./dist/course/exercises.js')
      const { liveHost } = require('./dist/course/subject.js'), ts = require('typescript'), project = lib.course.projectAt(root), result = []
      for (const { exercise, text } of ${JSON.stringify(texts)}) {
        const open = await openExercise(project, exerciseFiles(project, exercise)), names = Object.keys(open.stub).filter((name) => typeof open.stub[name] === 'function')
        const js = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS } }).outputText
        const functions = new Function(js + ';return {' + names.join(',') + '}')()
        const points = []
        for (const seed of [11, 12, 13]) points.push((await runChecks(open, liveHost(functions), seed)).points)
        if (new Set(points).size > 1) throw new Error('the points of an edit of ' + exercise + ' depend on the seed: ' + points + text)
        result.push([exercise + text, points[0]])
      }
      return result`) as [string, number][]
    const known = new Map(counted)
    return new Map(learners.flatMap(({ name, answers }) => answers.map((answer) => [`${name} ${answer.exercise}`, Math.round((known.get(answer.exercise + answer.text) ?? 0) * 100 * (['right', 'wrong'].includes(answer.kind) ? 1 : 0)) / 100] as const)))
  }

  test(`${SIZE} learners x 8 exercises: every point is the known one, and hostile answers are named`, async () => {
    const summary = await grade({ submissions: at('class'), out: at('whole'), jobs: 2 })
    expect(summary).toEqual({ graded: learners.flatMap((each) => each.answers).filter((answer) => answer.kind !== 'absent' && answer.kind !== 'twice').length, kept: 0, open: 0 })
    const expected = await truth(), graded = book('whole')
    const got = new Map(graded.learners.flatMap((row) => row.exercises.map(({ exercise, points }) => [`${row.learner} ${exercise}`, points] as const)))
    expect([...got].filter(([answer, points]) => expected.get(answer) !== points)).toEqual([])
    expect(got.size).toBe(SIZE * EXERCISES.length)
    expect(graded.learners.find((row) => learners.find((each) => each.name === row.learner)?.answers.every((answer) => answer.kind === 'right'))?.grade ?? graded.maxPoints).toBe(graded.maxPoints)
    for (const { name, answers } of learners) {
      const row = graded.learners.find((each) => each.learner === name)
      for (const answer of answers.filter((each) => each.kind === 'twice')) expect(row?.notes.join()).toContain(`${answer.exercise} stands in several cells that differ`)
    }
  }, LIMIT_MS)

  test('a second run over the same submissions grades nothing and changes no byte', async () => {
    const before = files(at('whole'))
    expect(await grade({ submissions: at('class'), out: at('whole') })).toMatchObject({ graded: 0, open: 0 })
    expect(files(at('whole'))).toEqual(before)
  }, LIMIT_MS)

  test(`killed at ${KILLS} random moments and resumed: the same gradebook`, async () => {
    const numbers = random(77), ledger = at('killed', '.grading', 'results.jsonl')
    const size = (): number => (existsSync(ledger) ? statSync(ledger).size : 0)
    rmSync(at('killed'), { recursive: true, force: true })
    shareSeed('killed')
    let killed = 0
    while (killed < KILLS) {
      const child = start({ submissions: at('class'), out: at('killed'), jobs: 2 }), ended = once(child, 'exit')
      const goal = size() + numbers.int(Math.max(1, Math.floor((statSync(at('whole', '.grading', 'results.jsonl')).size - size()) / (KILLS + 1 - killed))))
      while (size() <= goal && child.exitCode === null) await sleep(15)
      await sleep(numbers.int(60))
      if (child.exitCode !== null) break
      child.kill('SIGKILL')
      await ended
      killed++
    }
    expect(killed).toBe(KILLS)
    const last = await grade({ submissions: at('class'), out: at('killed'), jobs: 2 })
    expect(last.open).toBe(0)
    expect(last.kept).toBeGreaterThan(0)
    for (const table of ['gradebook.json', 'gradebook.csv', 'canvas.csv', 'moodle.csv']) expect(readFileSync(at('killed', table), 'utf8')).toBe(readFileSync(at('whole', table), 'utf8'))
    await sleep(500)
    const left = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line.includes(copy.root) && /job\.js|worker\.js/.test(line))
    expect(left).toEqual([])
  }, 4 * LIMIT_MS)

  test('shards merge into the same gradebook; a missing shard and other exercises are refused', async () => {
    mkdirSync(at('few'), { recursive: true })
    for (const out of ['few-whole', 'part-1', 'part-2']) shareSeed(out)
    for (const { name } of learners.slice(0, 6)) cpSync(at('class', `${name}.ipynb`), at('few', `${name}.ipynb`), { preserveTimestamps: true })
    const options = { submissions: at('few'), exercises: [`${LESSON}/model_size`, `${LESSON}/flatten_order`], jobs: 1 }
    await grade({ ...options, out: at('few-whole') })
    for (const index of [1, 2]) await grade({ ...options, out: at(`part-${index}`), shard: { index, count: 2 } })
    const merge = (parts: string[], out: string): Promise<unknown> => copy.run(`lib.course.mergeGradebooks({ parts: ${JSON.stringify(parts.map((part) => at(part)))}, out: ${JSON.stringify(at(out))} }); return 1`)
    await merge(['part-1', 'part-2'], 'merged')
    expect(book('part-1').learners.length).toBeLessThan(6)
    for (const table of ['gradebook.json', 'gradebook.csv']) expect(readFileSync(at('merged', table), 'utf8')).toBe(readFileSync(at('few-whole', table), 'utf8'))
    await expect(merge(['part-1'], 'm1')).rejects.toThrow(/GRADE_MERGE[^]*without 2/)
    await expect(merge(['part-1', 'part-1'], 'm2')).rejects.toThrow(/GRADE_MERGE/)
    await expect(merge(['part-1', 'whole'], 'm3')).rejects.toThrow(/GRADE_MERGE[^]*differently/)
    await expect(merge(['exercises'], 'm4')).rejects.toThrow(/holds no results/)
  }, LIMIT_MS)

  test('hidden inputs reach no page of a learner, whatever the code does to carry them out', async () => {
    // Right for the inputs that stand in the checks; from the first other input on, it says what it saw, in every way it can.
    const known = '[[1,1,28,28],[16,3,32,32],[2,3,10,10],[1,3,40,40],[1,2,20,50],[1,3,224,224],[1,144,56,56],[1,8,28,28],[1,3,28,28]]'
    const right = readFileSync(at(`solutions/${LESSON}/conv_output_shape.ts`), 'utf8').split('// #region cell\n')[1]!.split('// #endregion')[0]!.replace('export ', '').replace('convOutputShape', 'real').replace('attributes: ConvAttributes', 'attributes: any')
    const leak = (how: string): string => `${right}\nlet seen = ''\nfunction convOutputShape(input: any, weights: any, attributes: any): any {
      if (!${known}.some((each) => String(each) === String(input))) seen += 'LEAK' + JSON.stringify([input, weights, attributes])
      if (seen === '') return real(input, weights, attributes)\n${how}\n}`
    const cell = (exercise: string, source: string): object => ({ cell_type: 'code', metadata: { whetstone: { exercise: `${LESSON}/${exercise}` } }, source })
    const cells: Record<string, string> = {
      returns: leak('return seen'), throws: leak('throw new Error(seen)'), names: leak('const e = new Error(seen); e.name = seen; throw e'), prints: leak('console.log(seen); console.error(seen); process.exit(0)'),
      keys: leak('return { [seen]: 1 }'), stub: leak('throw new Error(seen + " is not written yet")'), unreadable: leak('return { deep: { [seen]: () => 1 } }'),
    }
    mkdirSync(at('spies'), { recursive: true })
    for (const [name, source] of Object.entries(cells)) writeFileSync(at('spies', `${name}.ipynb`), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell('conv_output_shape', source)] }))
    await grade({ submissions: at('spies'), out: at('spied'), exercises: [`${LESSON}/conv_output_shape`] })
    // The instructor's record has them, so the attempts were real.
    expect(readFileSync(at('spied', '.grading', 'results.jsonl'), 'utf8')).toContain('LEAK[[')
    for (const [file, text] of Object.entries(files(at('spied')))) expect([file, text.includes('LEAK')]).toEqual([file, false])
    const drawn = [...readFileSync(at('spied', '.grading', 'results.jsonl'), 'utf8').matchAll(/"kept":\{"called":"convOutputShape\((\[[\d, ]+\])/g)].map((match) => match[1]!)
    expect(drawn.length).toBeGreaterThan(3)
    for (const [file, text] of Object.entries(files(at('spied')))) if (/feedback|gradescope|moodle|canvas/.test(file)) for (const input of drawn.filter((each) => !known.includes(each.replaceAll(' ', '')))) expect([file, text.includes(input)]).toEqual([file, false])
    const secret = (JSON.parse(readFileSync(at('spied', '.grading', 'run.json'), 'utf8')) as { secret: string }).secret
    for (const [file, text] of Object.entries(files(at('spied')))) expect([file, text.includes(secret), /"seed"/.test(text)]).toEqual([file, false, false])
  }, LIMIT_MS)

  test('a sandbox that is not here stops the run before the first answer', async () => {
    await expect(copy.run(`process.env.PATH = '/nowhere'; try {
      await lib.course.gradeSubmissions({ project: lib.course.projectAt(root), sandbox: 'bubblewrap', submissions: ${JSON.stringify(at('few'))}, out: ${JSON.stringify(at('never'))} })
    } finally { process.env.PATH = ${JSON.stringify(process.env['PATH'])} }`)).rejects.toThrow(/SANDBOX_MISSING/)
    expect(existsSync(at('never'))).toBe(false)
  })

  test('an interrupt stops cleanly and the next run goes on', async () => {
    rmSync(at('stopped'), { recursive: true, force: true })
    const body = (abort: boolean): string => `
      const stop = new AbortController()
      const { stopped, graded, kept, book } = await lib.course.gradeSubmissions({ project: lib.course.projectAt(root), sandbox: 'bubblewrap', submissions: ${JSON.stringify(at('few'))}, out: ${JSON.stringify(at('stopped'))},
        exercises: ['model_size'], jobs: 1, signal: stop.signal, onProgress: (done) => { if (${String(abort)} && done === 2) stop.abort() } })
      return { stopped, graded, kept, open: book.open }`
    const first = await copy.run(body(true)) as { stopped: boolean; graded: number; open: number }
    expect(first).toMatchObject({ stopped: true, graded: 2 })
    expect(first.open).toBeGreaterThan(0)
    expect(existsSync(at('stopped', 'overview.html'))).toBe(true)
    expect(await copy.run(body(false))).toMatchObject({ stopped: false, open: 0 })
  }, LIMIT_MS)
})

describe('the students\' folder', () => {
  beforeAll(async () => {
    copy = await courseCopy()
    const stub = readFileSync(at(`exercises/${LESSON}/conv_output_shape/exercise.ts`), 'utf8')
    expect(stub).toContain('not written yet')
    copy.write(`notebooks/${LESSON}.ipynb`, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { whetstone: { title: 'ONNX', track: 'module_04', order: 7, minutes: 45 } }, cells: [
      { cell_type: 'markdown', id: 'm', metadata: {}, source: '# Lesson' },
      { cell_type: 'code', id: 'c', metadata: { whetstone: { exercise: `${LESSON}/conv_output_shape` } }, source: readFileSync(at(`solutions/${LESSON}/conv_output_shape.ts`), 'utf8'), outputs: [{ output_type: 'stream', name: 'stdout', text: 'mine' }], execution_count: 4 },
    ] }))
    copy.write('.whetstone/journal.jsonl', 'private\n')
    copy.write('src/note.ts', 'export const note = 1\n')
    copy.write('docs/setup.md', '# Setting up\n')
  })
  afterAll(() => copy.remove())
  const make = (out: string): Promise<unknown> => copy.run(`return await lib.course.release({ project: lib.course.projectAt(root), out: ${JSON.stringify(at(out))} })`)

  test('holds no solution, no code of mistakes, no state; its checks work and recognise mistakes', async () => {
    expect(await make('students')).toMatchObject({ notebooks: 1, exercises: expect.arrayContaining([...EXERCISES]) as unknown })
    const given = files(at('students'))
    expect(Object.keys(given).filter((file) => /^(test|\.whetstone|dist|node_modules)\/|journal/.test(file))).toEqual([])
    expect(given[`solutions/${LESSON}/conv_output_shape.ts`]).toContain('The solution is with your instructor')
    const lesson = given[`notebooks/${LESSON}.ipynb`] ?? ''
    expect(lesson).toContain('is not written yet')
    expect(lesson).not.toMatch(/mine|padded/)
    for (const text of Object.values(given)) expect(text).not.toContain('const padded = size + (pads[axis]')
    cpSync(at('dist'), at('students', 'dist'), { recursive: true })
    symlinkSync(at('node_modules'), at('students', 'node_modules'))
    const checked = await copy.run(`
      const { Course } = require(${JSON.stringify(at('students', 'dist', 'course', 'course.js'))}), { projectAt } = require(${JSON.stringify(at('students', 'dist', 'course', 'project.js'))})
      const course = new Course(projectAt(${JSON.stringify(at('students'))})), size = (n, k, s, a, b, d) => [n, k, s, a, b, d]
      const make = (round) => (input, weights, { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 }) => {
        if (input[1] !== weights[1] * group) throw new Error('channels')
        return [input[0], weights[0], ...[0, 1].map((i) => round((input[i + 2] + pads[i] + pads[i + 2] - dilations[i] * (weights[i + 2] - 1) - 1) / strides[i]) + 1)]
      }
      const right = await course.check('conv_output_shape', { convOutputShape: make(Math.floor) }), wrong = await course.check('conv_output_shape', { convOutputShape: make(Math.ceil) })
      return { right: right.passed, wrong: wrong.report.checks.filter((row) => !row.passed).map((row) => row.mistake ?? null), solution: String(course.solution('conv_output_shape', { show: true })), hint: String(course.hint('conv_output_shape')) }`) as { right: boolean; wrong: (string | null)[]; solution: string; hint: string }
    expect(checked.right).toBe(true)
    expect(checked.wrong).toContain('rounds-up')
    expect(checked.solution).toContain('with your instructor')
    expect(checked.hint).toContain('Hint 1 of 3')
  })

  test.each<[string, string, (text: string) => string]>([
    ['in a page', 'docs/setup.md', (text) => `# Setting up\n\n\`\`\`ts\n${text}\n\`\`\`\n`],
    ['with other names, in a file of the library', 'src/note.ts', (text) => text.replaceAll('weights', 'w').replaceAll('reordered', 'r').replaceAll('wanted', 'n').replaceAll('height', 'hh').replaceAll('reorderRows', 'go')],
    ['in the hints', `exercises/${LESSON}/flatten_order/hints.md`, (text) => `## Hint 1\n\na\n\n## Hint 2\n\nb\n\n## Hint 3\n\n${text}\n`],
    ['in the prose of a notebook', `notebooks/${LESSON}.ipynb`, (text) => JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [{ cell_type: 'markdown', metadata: {}, source: text.split(/(?<=\n)/) }] })],
  ])('a solution planted %s is found, named, and nothing is given out', async (_, file, plant) => {
    const before = readFileSync(at(file), 'utf8')
    copy.write(file, plant(readFileSync(at(`solutions/${LESSON}/flatten_order.ts`), 'utf8')))
    await expect(make('leaky')).rejects.toThrow(new RegExp(`RELEASE_LEAK[^]*${path.basename(file)} holds \\d+% of ${LESSON}/flatten_order`))
    expect(existsSync(at('leaky'))).toBe(false)
    expect(readdirSync(copy.root).filter((name) => name.includes('.part-'))).toEqual([])
    copy.write(file, before)
  })

  test('a folder with something else in it is left alone, an earlier release is replaced', async () => {
    await expect(make('exercises')).rejects.toThrow(/RELEASE_OUT/)
    expect(existsSync(at('exercises', LESSON))).toBe(true)
    rmSync(at('students', 'node_modules'), { force: true })
    await make('students')
    expect(existsSync(at('students', 'dist'))).toBe(false)
  })
})
