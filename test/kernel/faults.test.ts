// Every fault of plain tslab that the kernel mends: seen on plain tslab, gone on ours.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Kernel } from '../../src/kernel'
import { folder, interrupted, pause, result, startOurs, startPlain, text } from './start'

let ours: Kernel
let plain: Kernel

/** Packages that are ES modules only; the second waits at its top level, the third has nothing but an `import` entry. */
function writePackages(): void {
  const write = (name: string, files: Record<string, string>): void => {
    const target = path.join(folder, 'node_modules', name)
    mkdirSync(target, { recursive: true })
    for (const [file, content] of Object.entries(files)) writeFileSync(path.join(target, file), content)
  }
  write('esm-plain', {
    'package.json': JSON.stringify({ name: 'esm-plain', type: 'module', exports: { '.': { types: './types.d.ts', default: './main.js' } } }),
    'main.js': 'export const three = 3\nexport default function twice(x) { return 2 * x }\n',
    'types.d.ts': 'export declare const three: number\nexport default function twice(x: number): number\n',
  })
  write('slow-library', {
    'package.json': '{"name":"slow-library"}',
    'index.js': 'exports.fit = async (log) => { for (;;) { await new Promise((resolve) => setImmediate(resolve)); log.steps++ } }\n',
  })
  write('esm-never', {
    'package.json': '{"name":"esm-never","type":"module","exports":"./main.js"}',
    'main.js': 'await new Promise(() => {})\nexport const never = 1\n',
  })
  write('esm-waits', {
    'package.json': JSON.stringify({ name: 'esm-waits', type: 'module', exports: { import: { types: './types.d.ts', default: './main.js' } } }),
    'main.js': 'await new Promise((resolve) => setTimeout(resolve, 5))\nexport const answer = 42\nexport default "waited"\n',
    'types.d.ts': 'export declare const answer: number\ndeclare const text: string\nexport default text\n',
  })
}

beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  writePackages()
  ;[ours, plain] = await Promise.all([startOurs(), startPlain()])
})
afterAll(async () => {
  await Promise.all([ours.shutdown(), plain.kill()])
})

/** Lets plain tslab forget an error: it drops what comes in the next 200 ms. */
const settle = (): Promise<void> => pause(300)

describe('fault 1: output in a synchronous cell', () => {
  const code = (lines: number): string => `for (let i = 0; i < ${lines}; i++) console.log('line ' + i)`

  it('arrives whole, 100,000 lines of it, in order', async () => {
    const run = await ours.execute(code(100_000))
    expect(run.status).toBe('ok')
    expect(text(run)).toBe(Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join(''))
  })

  it('is lost by plain tslab, and the cell never ends', async () => {
    const other = await startPlain()
    await expect(other.execute(code(20_000), { timeout: 4_000 })).rejects.toMatchObject({ code: 'KERNEL_TIMEOUT' })
    await other.kill()
  })

  it('passes a single text of 10 MB', async () => {
    const run = await ours.execute(`console.log('x'.repeat(10_000_000))`)
    expect(text(run)).toHaveLength(10_000_001)
  })
})

describe('fault 2: shorthand properties of earlier variables', () => {
  const earlier = 'let fn = () => 3; let count = 1; import { sep } from "path"'

  it('are written out, as values and as targets', async () => {
    await ours.execute(earlier)
    expect(result(await ours.execute('const o = { fn, sep }; o.fn() + o.sep'))).toBe("'3/'")
    expect(result(await ours.execute('({ count } = { count: 7 }); count'))).toBe('7')
    expect(result(await ours.execute('({ count = 9 } = {}); [count, (({ fn }) => fn)({ fn: 5 }), (() => { let fn = 4; return { fn } })()]')))
      .toBe('[ 9, 5, { fn: 4 } ]')
  })

  it('names of properties that an earlier cell declared stay names', async () => {
    await ours.execute('function pair(): { left: number; right: number } { return { left: 2, right: 5 } }')
    expect(result(await ours.execute('const { left: a, right: b = 0 } = pair(); a + b'))).toBe('7')
    expect(result(await ours.execute('let taken = 0; ({ right: taken } = pair()); [taken, [pair()].map(({ left: l }) => l)[0]]'))).toBe('[ 5, 2 ]')
  })

  it('fail on plain tslab', async () => {
    await plain.execute(earlier)
    const run = await plain.execute('({ fn })')
    await settle()
    expect(run.status).toBe('error')
    expect(text(run, 'stderr')).toContain('fn is not defined')
  })
})

describe('fault 3: interrupts', () => {
  const loop = 'globalThis.turns = 0; while (true) { await new Promise((r) => setTimeout(r, 5)); (globalThis as any).turns++ }'
    .replace('globalThis.turns =', '(globalThis as any).turns =')
  const turns = async (kernel: Kernel): Promise<number> => Number(text(await kernel.execute('console.log((globalThis as any).turns)')))
  const stillRunning = async (kernel: Kernel): Promise<boolean> => {
    const before = await turns(kernel)
    await pause(150)
    return await turns(kernel) > before
  }

  it.each([
    ['a synchronous loop', 'while (true) {}'],
    ['a synchronous loop after an await', 'await new Promise((r) => setTimeout(r, 1)); while (true) {}'],
    ['a synchronous loop in a timer', 'setTimeout(() => { while (true) {} }, 1); await new Promise(() => {})'],
    ['a loop of microtasks only', 'while (true) await null'],
    ['a loop that swallows errors', 'while (true) { try { while (true) {} } catch {} }'],
    ['an endless wait', 'await new Promise(() => {})'],
    ['a child process', 'require("child_process").execSync("sleep 30", { stdio: "inherit" })'],
    ['the import of a module that never loads', 'import { never } from "esm-never"; never'],
    ['a value that never shows itself', '({ [Symbol.for("Jupyter.display")]: () => new Promise(() => {}) })'],
    ['for await', 'async function* g() { while (true) { await new Promise((r) => setTimeout(r, 5)); yield 1 } }\nfor await (const x of g()) { }'],
  ])('end %s', async (_, code) => {
    const run = await interrupted(ours, code)
    expect(run.reply).toMatchObject({ status: 'error', ename: 'Interrupted', evalue: 'The cell was interrupted.' })
    expect(result(await ours.execute('6 * 7'))).toBe('42')
  })

  it('end an asynchronous loop for good; its finally blocks run', async () => {
    const run = await interrupted(ours, `try { ${loop} } finally { console.log('cleaned up') }`)
    expect(run.status).toBe('error')
    expect(text(run)).toContain('cleaned up')
    expect(await stillRunning(ours)).toBe(false)
  })

  it('leave it running in the background on plain tslab', async () => {
    const run = await interrupted(plain, loop)
    await settle()
    expect(run.status).toBe('error')
    expect(await stillRunning(plain)).toBe(true)
  })

  it('abort the signal that libraries look at, also in a synchronous loop, which then ends by itself', async () => {
    const run = await interrupted(ours, `
      const host = (globalThis as any)[Symbol.for('whetstone.kernel')]
      let steps = 0
      while (!host.signal.aborted) { const end = Date.now() + 30; while (Date.now() < end); steps++ }
      console.log('stopped between two steps')
      host.signal.reason.name`)
    expect(run.reply).toMatchObject({ status: 'ok' })
    expect(text(run)).toContain('stopped between two steps')
    expect(result(run)).toBe("'Interrupted'")
    expect(result(await ours.execute(`(globalThis as any)[Symbol.for('whetstone.kernel')].signal.aborted`))).toBe('false')
  })

  it('end a loop of a library that looks at no signal', async () => {
    const run = await interrupted(ours, `const log = { steps: 0 }; (globalThis as any).log = log; await require('slow-library').fit(log)`)
    expect(run.reply).toMatchObject({ status: 'error', ename: 'Interrupted' })
    const steps = async (): Promise<number> => Number(result(await ours.execute('(globalThis as any).log.steps')))
    const before = await steps()
    expect(before).toBeGreaterThan(0)
    await pause(100)
    expect(await steps()).toBe(before)
    expect(result(await ours.execute('await new Promise((resolve) => setTimeout(resolve, 5, "timers work"))'))).toBe("'timers work'")
  })

  it('by the dozen end even what nothing else ends, with its process', async () => {
    const cell = ours.execute('const again = () => process.nextTick(again); again(); await new Promise(() => {})')
    const urge = setInterval(() => void ours.interrupt(), 600)
    const run = await cell
    clearInterval(urge)
    expect(run.status).toBe('error')
    expect(result(await ours.execute('1 + 1'))).toBe('2')
  })

  it('do nothing when no cell runs', async () => {
    await ours.interrupt()
    await pause(200)
    expect(result(await ours.execute('1 + 1'))).toBe('2')
  })
})

describe('fault 4: errors', () => {
  const failing = 'function inner(x: number): never {\n  // two lines\n  throw new RangeError(`too big: ${x}`)\n}\ninner(7)'

  it('are error messages and a full reply, with a traceback of the cell', async () => {
    const run = await ours.execute(failing)
    expect(run.reply).toMatchObject({ status: 'error', ename: 'RangeError', evalue: 'too big: 7' })
    const error = run.outputs.find((output) => output.output_type === 'error')
    expect(error).toMatchObject({ ename: 'RangeError', evalue: 'too big: 7' })
    const trace = error!.traceback.join('\n')
    expect(trace).toContain(`inner (cell[${run.executionCount!}]:3:9)`)
    expect(trace).toContain(`cell[${run.executionCount!}]:5:1`)
    expect(trace).not.toMatch(/tslab|node_modules|node:|dist|evalmachine/)
    expect(run.reply['traceback']).toEqual(error!.traceback)
  })

  it('name the place of a type error', async () => {
    const run = await ours.execute('const ok = 1\nconst wrong: number = "text"')
    expect(run.reply).toMatchObject({ ename: 'TypeScriptError', evalue: expect.stringMatching(/^2:7 - Type 'string'/) as string })
    expect((run.reply['traceback'] as string[]).join('\n')).toContain('const wrong: number = "text"')
  })

  it('show causes, and things thrown that are no errors', async () => {
    const caused = await ours.execute('throw new Error("outer", { cause: new TypeError("the cause") })')
    expect((caused.reply['traceback'] as string[]).join('\n')).toContain('Caused by: TypeError: the cause')
    expect((await ours.execute('throw "just text"')).reply).toMatchObject({ ename: 'thrown string', evalue: 'just text' })
    expect((await ours.execute('throw null')).reply).toMatchObject({ ename: 'thrown object', evalue: 'null' })
  })

  it('are only text on stderr in plain tslab', async () => {
    const run = await plain.execute(failing)
    await settle()
    expect(run.status).toBe('error')
    expect(run.reply).not.toHaveProperty('ename')
    expect(run.outputs.some((output) => output.output_type === 'error')).toBe(false)
    expect(text(run, 'stderr')).toMatch(/evalmachine/)
  })
})

describe('a cell that throws', () => {
  const cell = 'import { sep as separator } from "path"; const assigned = 5; throw new Error("late")'
  it('keeps what it has declared', async () => {
    await ours.execute(cell)
    expect(result(await ours.execute('separator + assigned'))).toBe("'/5'")
  })

  it('loses it in plain tslab', async () => {
    await plain.execute(cell)
    await settle()
    expect((await plain.execute('assigned')).status).toBe('error')
    await settle()
  })
})

describe('fault 5: the value of a cell', () => {
  it('is an execute_result', async () => {
    const run = await ours.execute('[1, 2]')
    expect(run.outputs).toEqual([
      { output_type: 'execute_result', data: { 'text/plain': '[ 1, 2 ]' }, metadata: {}, execution_count: run.executionCount },
    ])
    expect((await ours.execute('undefined')).outputs).toEqual([])
  })

  it('is printed by plain tslab', async () => {
    const run = await plain.execute('[1, 2]')
    expect(run.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '[ 1, 2 ]\n' }])
  })
})

describe('fault 6: comms and stdin', () => {
  it('are answered by the right messages', async () => {
    expect(await ours.commInfo()).toEqual({ status: 'ok', comms: {} })
    const asked: [string, boolean][] = []
    const run = await ours.execute('const name = await input("Name? "); const secret = await input("Word? ", { password: true });\n`${name}/${secret}`', {
      answer: (prompt, password) => {
        asked.push([prompt, password])
        return password ? 'geheim' : 'Zoë'
      },
    })
    expect(asked).toEqual([['Name? ', false], ['Word? ', true]])
    expect(result(run)).toBe("'Zoë/geheim'")
  })

  it('are an error where nobody can answer, and an interrupt ends the waiting', async () => {
    expect((await ours.execute('await input("?")')).reply).toMatchObject({ ename: 'KernelError' })
    const run = await ours.execute('await input("?")', {
      answer: async () => {
        await ours.interrupt()
        return new Promise<string>(() => undefined)
      },
    })
    expect(run.reply).toMatchObject({ status: 'error', ename: 'Interrupted' })
  })

  it('are missing in plain tslab', async () => {
    await expect(plain.commInfo()).rejects.toMatchObject({ code: 'KERNEL_PROTOCOL' })
    expect((await plain.execute('input("?")')).status).toBe('error')
    await settle()
  })
})

describe('fault 7: processes', () => {
  it('process.exit() is an error of the cell, and variables stay', async () => {
    await ours.execute('const kept = 5')
    for (const call of ['process.exit(3)', 'process.exit()', 'process.abort()', '(process as any).reallyExit(1)']) {
      expect((await ours.execute(call)).reply).toMatchObject({ ename: 'ProcessExit' })
    }
    expect(result(await ours.execute('kept'))).toBe('5')
  })

  const child = 'require("child_process").execSync("echo from the child; echo its complaint >&2", { stdio: "inherit" })'
  it('what a child process and native code write is in the notebook, in its place', async () => {
    const run = await ours.execute(`console.log('before'); ${child}; require('fs').writeSync(1, 'raw\\n'); console.log('after')`)
    expect(text(run)).toBe('before\nfrom the child\nraw\nafter\n')
    expect(text(run, 'stderr')).toBe('its complaint\n')
    expect(ours.processOutput).toBe('')
  })

  it('the death of the process is an error, and the next cell runs in a fresh one', async () => {
    const run = await ours.execute('console.log("last words"); process.kill(process.pid, "SIGSEGV"); await new Promise(() => {})')
    expect(run.reply).toMatchObject({ ename: 'KernelDied', evalue: expect.stringContaining('SIGSEGV') as string })
    expect(text(run)).toBe('last words\n')
    expect(result(await ours.execute('typeof (globalThis as any).turns'))).toBe("'undefined'")
  })

  it('plain tslab writes past the notebook, and dies', async () => {
    const other = await startPlain()
    expect(text(await other.execute(child))).toBe('')
    expect(other.processOutput).toContain('from the child')
    await expect(other.execute('process.exit(3)', { timeout: 5_000 })).rejects.toMatchObject({ code: 'KERNEL_DIED' })
    await other.kill()
  })

  it('late throws and unhandled rejections are reported, and the kernel goes on', async () => {
    const run = await ours.execute(`setTimeout(() => { throw new Error('late') }, 1); Promise.reject(new Error('nobody'))
      await new Promise((resolve) => setTimeout(resolve, 30))`)
    expect(run.status).toBe('ok')
    expect(text(run, 'stderr')).toMatch(/Unhandled rejection: Error: nobody[^]*Uncaught Error: late/)
  })
})

describe('fault 8: the cell after an error', () => {
  it('runs; those that waited already are aborted, unless they asked not to be', async () => {
    const first = await ours.execute('throw new Error("one")')
    expect(first.status).toBe('error')
    expect((await ours.execute('1 + 1')).status).toBe('ok')
    const queued = await Promise.all([
      ours.execute('await new Promise((r) => setTimeout(r, 50)); throw new Error("two")'), ours.execute('2 + 2'), ours.execute('3 + 3'),
    ])
    expect(queued.map((run) => run.status)).toEqual(['error', 'aborted', 'aborted'])
    const kept = await Promise.all([ours.execute('throw new Error("three")', { stopOnError: false }), ours.execute('4 + 4')])
    expect(kept.map((run) => run.status)).toEqual(['error', 'ok'])
  })

  it('is dropped by plain tslab', async () => {
    await plain.execute('throw new Error("one")')
    expect((await plain.execute('1 + 1')).status).toBe('aborted')
    await settle()
  })
})

describe('fault 9: packages that are ES modules only', () => {
  const code = 'import twice, { three } from "esm-plain"; import text, { answer } from "esm-waits"\n`${twice(three)} ${answer} ${text}`'
  it('are imported, with their types', async () => {
    const run = await ours.execute(code)
    expect(result(run)).toBe("'6 42 waited'")
    expect(text(run, 'stderr')).toBe('')
    expect(result(await ours.execute('`${twice(4)} ${answer} ${(await import("esm-waits")).answer}`'))).toBe("'8 42 42'")
    expect((await ours.execute('const bad: string = answer')).reply).toMatchObject({ ename: 'TypeScriptError' })
  })

  it('are not by plain tslab', async () => {
    expect((await plain.execute(code)).status).toBe('error')
    await settle()
  })
})

describe('faults 10 and 12: tslab in a cell', () => {
  it('stays, and shows objects', async () => {
    await ours.execute('const tslab = require("tslab")')
    expect(result(await ours.execute('tslab.versions.tslab'))).toBe("'1.0.22'")
    const run = await ours.execute('import { display } from "tslab"; display.raw("application/json", { a: [1] }); display.html("<b>x</b>")')
    expect(run.outputs.map((output) => output.output_type === 'display_data' && output.data))
      .toEqual([{ 'application/json': { a: [1] } }, { 'text/html': '<b>x</b>' }])
  })

  it('shows only text and bytes in plain tslab', async () => {
    const run = await plain.execute('import { display } from "tslab"; display.raw("application/json", { a: [1] })')
    await settle()
    expect(run.status).toBe('error')
  })
})
