// Attacks on the grader, each tried for real in the sandbox: none earns a point, none disturbs the next submission.
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { spawnSync } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { courseCopy, type CourseCopy } from './project'

const walls = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'prlimit', '--version']).status === 0

interface Graded {
  report: { points: number; checks: { passed: boolean; sentence?: string; got?: string; hidden?: boolean }[] }
  incidents: string[]
  milliseconds: number
}

let copy: CourseCopy
let server: Server
let connections = 0

async function grade(cell: string): Promise<Graded> {
  return await copy.run(`
    const { openExercise } = require('./dist/course/run-checks.js'), { exerciseFiles } = require('./dist/course/exercises.js')
    const project = lib.course.projectAt(root), began = performance.now()
    globalThis.opened ??= await openExercise(project, exerciseFiles(project, 'module_04/lesson_07_onnx_basics/conv_output_shape'))
    const limits = { ...lib.course.LIMITS, callMs: 1500, totalMs: 12000, starts: 1, memoryBytes: 700e6 }
    globalThis.grader ??= lib.course.createGrader({ project, backend: lib.course.findSandbox(), limits })
    return { ...await grader.grade(opened, ${JSON.stringify(cell)}, 4711), milliseconds: performance.now() - began }`) as Graded
}

const SOLUTION = readFileSync(path.resolve(__dirname, '../../solutions/module_04/lesson_07_onnx_basics/conv_output_shape.ts'), 'utf8')
  .split('// #region cell\n')[1]!.split('// #endregion')[0]!.replace('export ', '').replace('attributes: ConvAttributes', 'attributes: any')
/** A function of the right name with this body; `right` is there to call when the attack needs a right answer. */
const attack = (body: string, before = ''): string => `${before}\nfunction convOutputShape(input: any, weights: any, attributes: any): any {\n${body}\n}`

describe.runIf(walls)('attacks (needs bubblewrap)', () => {
  beforeAll(async () => {
    copy = await courseCopy()
    copy.write('.whetstone/secret.txt', 'the seed is 4711')
    server = createServer(() => { connections++ }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
  })
  afterAll(() => {
    server.close()
    copy.remove()
  })

  test('an honest answer earns its points', async () => {
    const { report, incidents } = await grade(SOLUTION)
    expect([report.points, incidents]).toEqual([8, []])
  })

  test('names that other cells of the lesson import may be used, and the cell\'s own declarations go before them', async () => {
    copy.write('notebooks/module_04/lesson_07_onnx_basics.ipynb', JSON.stringify({ nbformat: 4, nbformat_minor: 5, cells: [
      { cell_type: 'code', metadata: {}, source: "import { core, onnx as graphs } from 'whetstone'\nimport type { data } from 'whetstone'" },
      { cell_type: 'code', metadata: {}, source: ['import * as os ', "from 'node:os'"] },
    ], metadata: { whetstone: { title: 'ONNX', track: 'module_04', order: 7, minutes: 1 } } }))
    const uses = SOLUTION.replace(/\): [^{]*\{\n/, (head) => `${head}  if (core.elementCount([2, 3]) !== 6 || os.EOL !== '\\n' || typeof graphs.build !== 'function') return []\n`)
    expect(uses).not.toBe(SOLUTION)
    const cells = [uses, `const core = { elementCount: () => 6 }, { os } = { os: { EOL: '\\n' } }\nfunction graphs() {}\ngraphs.build = graphs\n${uses}`, uses.replace('core.', 'search.')]
    const points = await copy.run(`
      const { openExercise } = require('./dist/course/run-checks.js'), { exerciseFiles } = require('./dist/course/exercises.js'), project = lib.course.projectAt(root)
      const other = lib.course.createGrader({ project, backend: lib.course.findSandbox() }), opened = await openExercise(project, exerciseFiles(project, 'module_04/lesson_07_onnx_basics/conv_output_shape')), points = []
      try { for (const cell of ${JSON.stringify(cells)}) points.push((await other.grade(opened, cell, 1)).report.points) } finally { other.close() }
      return points`)
    expect(points).toEqual([8, 8, 0])
  })

  const readFiles = `
    const fs = require('fs'), path = require('path'), root = path.resolve(path.dirname(process.argv[1]), '../../..')
    const found: string[] = []
    const walk = (at: string, depth = 0) => { try { for (const e of fs.readdirSync(at, { withFileTypes: true })) {
      const file = path.join(at, e.name)
      if (e.isDirectory()) { if (depth < 6 && !['node_modules', 'dist', 'usr', 'lib', 'lib64', 'proc', 'dev'].includes(e.name)) walk(file, depth + 1) }
      else if (/conv_output_shape|exercises|solutions|secret|journal|checks/.test(file)) found.push(file) } } catch {} }`
  const steal = (roots: string): string => attack(`
    ${readFiles}
    ${roots}
    for (const file of found) try {
      const js = require('typescript').transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions: { module: 1 } }).outputText
      const m = { exports: {} as any }; new Function('exports', 'module', 'require', js)(m.exports, m, () => ({}))
      if (m.exports.convOutputShape) return m.exports.convOutputShape(input, weights, attributes)
    } catch {}
    return found`)
  const forge = (message: string, from = 0, to = 31): string => `
    const body = Buffer.from(${message}), head = Buffer.alloc(4); head.writeUInt32LE(body.length)
    for (let fd = ${from}; fd <= ${to}; fd++) try { require('fs').writeSync(fd, Buffer.concat([head, body])) } catch {}`

  test.each<[string, string]>([
    ['exit(0) before the checks', 'process.exit(0)'],
    ['exit(0) in a call', attack('process.exit(0)')],
    ['reallyExit', attack('(process as any).reallyExit(0)')],
    ['abort', attack('process.abort()')],
    ['a forged pass on every open descriptor', attack(`${forge(`'{"id":2,"ok":true,"passed":true,"points":8,"value":{"$":"object","v":[["passed",true]]}}'`)} process.exit(0)`)],
    ['a forged report on stdout', attack(`console.log(JSON.stringify({ passed: 8, failed: 0, points: 8 })); process.exit(0)`)],
    ['replies that come before any question', `for (let id = 0; id < 20; id++) {${forge('`{"id":${id},"ok":true,"value":true}`')}}\n${attack('return 1')}`],
    ['a right answer said twice', attack(`const value = convOutputShape0(input, weights, attributes)
      ${forge('JSON.stringify({ id: (globalThis as any).__id = ((globalThis as any).__id ?? 1) + 1, ok: true, value })', 3, 3)} return value`, SOLUTION.replace('convOutputShape', 'convOutputShape0'))],
    ['the length of a message of 4 GB', attack(`require('fs').writeSync(3, Buffer.from([255, 255, 255, 255])); return 1`)],
    ['half a message, then silence', attack(`require('fs').writeSync(3, Buffer.from([9, 0, 0, 0, 65])); for (;;);`)],
    ['a message that is not JSON', attack(`require('fs').writeSync(3, Buffer.from([3, 0, 0, 0, 65, 66, 67])); return 1`)],
    ['patched built-ins', attack('return []', `
      Object.is = () => true; (Math as any).abs = () => 0; (Math as any).floor = () => 0; Array.isArray = (() => true) as any
      JSON.stringify = () => '{"id":2,"ok":true,"value":null}'; Array.prototype.every = () => true; (Promise.prototype as any).then = function (f: any) { f([]) }
      Object.hasOwn = () => true; (globalThis as any).expect = () => ({ toEqual() {} }); (globalThis as any).setTimeout = () => 0`)],
    ['polluted prototypes', attack('throw 1', `for (const [k, v] of Object.entries({ ok: true, value: [1, 8, 24, 24], passed: true, points: 8 })) (Object.prototype as any)[k] = v`)],
    ['a patched require', attack('return []', `require('module').prototype.require = () => ({}); (require as any).cache = {}`)],
    ['a proxy', attack('return new Proxy([], { get: () => 1, has: () => true, ownKeys: () => [] })')],
    ['getters', attack('return { get 0() { return 1 }, get length() { return 4 } }')],
    ['valueOf, toString, toJSON and toPrimitive', attack('const f = () => [1, 8, 24, 24]; return { valueOf: f, toString: f, toJSON: f, [Symbol.toPrimitive]: f }')],
    ['an object of a class that equals everything', attack('return new (class { equals() { return true } asymmetricMatch() { return true } })()')],
    ['an asymmetric matcher as data', attack(`return { $$typeof: 'Symbol(jest.asymmetricMatcher)', asymmetricMatch: true }`)],
    ['NaN as a wildcard', attack('return [NaN, NaN, NaN, NaN]')],
    ['a thenable', attack('return { then(resolve: any) { resolve([1, 8, 24, 24]) } }')],
    ['a thenable that never settles', attack('return { then() {} }')],
    ['a typed array that lies about its class', attack(`return Object.setPrototypeOf(new Float64Array(4), Array.prototype)`)],
    ['an answer from the last time', attack('const now = (globalThis as any).last; (globalThis as any).last = input; return now ?? []')],
    ['inputs kept and changed later', attack(`const kept: any[] = (globalThis as any).kept ??= []; for (const each of kept) each.fill(0); kept.push(input, weights); input.length = 0; return input`)],
    ['reading solutions and checks from the project', steal('walk(root)')],
    ['reading them from everywhere else', steal("walk('/')")],
    ['reading them through /proc', steal("for (const pid of fs.readdirSync('/proc')) { walk(`/proc/${pid}/root`); walk(`/proc/${pid}/cwd`) }")],
    ['reading the environment of others', attack(`const fs = require('fs'); return fs.readdirSync('/proc').map((p: string) => { try { return fs.readFileSync('/proc/' + p + '/environ', 'utf8') } catch { return '' } }).join('') + JSON.stringify(process.env)`)],
    ['searching the heap for expected values', attack(`const chunks: any[] = []; require('v8').getHeapSnapshot().on('data', (c: any) => chunks.push(c)); return [String(new Error().stack), chunks.length]`)],
    ['an endless loop', attack('for (;;);')],
    ['a promise that never settles', attack('return new Promise(() => {})')],
    ['starving the event loop', attack('return (async () => { for (;;) await null })()')],
    ['endless timers', attack('const again = () => setImmediate(again); again(); return new Promise(() => {})')],
    ['deep recursion', attack('return convOutputShape(input, weights, attributes)')],
    ['a pathological regular expression', attack(`return /^(a+)+$/.test('a'.repeat(60) + 'b')`)],
    ['a fork bomb', attack(`const { spawn } = require('child_process'); for (;;) spawn(process.execPath, ['-e', 'for(;;)require("child_process").fork(__filename)'])`)],
    ['a thread bomb', attack(`const { Worker } = require('worker_threads'); for (;;) new Worker('for(;;);', { eval: true })`)],
    ['a memory bomb', attack('const all: any[] = []; for (;;) all.push(new Float64Array(4e6).fill(1))')],
    ['a memory bomb of strings', attack(`let s = 'x'; const all: any[] = []; for (;;) { s += s; all.push(s.slice(0, -1) + 'y', Buffer.from(s)) }`)],
    ['a flood of output', attack(`for (;;) process.stdout.write('x'.repeat(65536))`)],
    ['a flood on stderr', attack(`for (;;) require('fs').writeSync(2, 'x'.repeat(65536))`)],
    ['a result of a gigabyte', attack('return new Uint8Array(300e6)')],
    ['a result that nests for ever', attack('const a: any[] = []; a.push(a); return a')],
    ['filling the disk', attack(`const fs = require('fs'); for (let i = 0; ; i++) fs.writeFileSync('/tmp/' + i, Buffer.alloc(1e6))`)],
    ['writing to the project', attack(`const fs = require('fs'), path = require('path'); const root = path.resolve(path.dirname(process.argv[1]), '../../..')
      for (const f of ['.whetstone/journal.jsonl', 'dist/index.js', 'gradebook.csv']) fs.writeFileSync(path.join(root, f), 'mine'); return 1`)],
    ['running a program', attack(`return require('child_process').execSync('cat /etc/passwd').toString()`)],
    ['a native addon', attack(`(process as any).dlopen({ exports: {} }, require.resolve('whetstone')); return 1`)],
    ['the internal bindings', attack(`const { Process } = (process as any).binding('process_wrap'); const p = new Process(); return p.spawn({ file: '/usr/bin/env', args: ['env'], stdio: [] })`)],
    ['killing the grader', attack(`for (const pid of [process.ppid, -1, 1, 2]) try { process.kill(pid, 'SIGKILL') } catch {} return 1`)],
    ['an import of the checks', attack(`return require('../../../exercises/module_04/lesson_07_onnx_basics/conv_output_shape/checks.test.ts')`)],
    ['a source of a megabyte', `${attack('return 1')}\n// ${'x'.repeat(1e6)}`],
    ['a source that the compiler chokes on', `${attack('return 1')}\nconst x = ${'('.repeat(50_000)}1${')'.repeat(50_000)}`],
    ['a source that is no TypeScript', 'function convOutputShape( {{{'],
    ['a function that is a getter of exports', `Object.defineProperty(exports, 'convOutputShape', { get() { process.exit(0) } })`],
    ['no function of that name', 'const convOutputShape2 = 1'],
    // Ten and more of our own.
    ['a new process through execve', attack(`return (process as any).execve('/bin/sh', ['sh', '-c', 'echo hello >&3'])`)],
    ['the same function under another this, by Proxy of exports', `exports = new Proxy({}, { get: () => () => [1, 8, 24, 24] })\n${attack('return []')}`],
    ['a subclass of Array with its own iterator', attack('class A extends Array { *[Symbol.iterator]() { yield* [1, 8, 24, 24] } } return new A()')],
    ['an array whose numbers are objects', attack('return [1, 8, 24, 24].map((n) => new Number(n))')],
    ['numbers as texts', attack("return ['1', '8', '24', '24']")],
    ['Symbol.species and a poisoned slice', attack('const a: any[] = []; (a as any).constructor = { [Symbol.species]: function () { return [1, 8, 24, 24] } }; a.slice = () => [1, 8, 24, 24] as any; return a')],
    ['patched Buffer, Reflect and fs of the worker', attack('return []', `
      (Buffer as any).from = (Buffer as any).alloc = (Buffer as any).allocUnsafe = () => { throw 1 }
      const real = Reflect.apply; (Reflect as any).apply = (f: any, t: any, a: any) => { real(f, t, a); return [1, 8, 24, 24] }
      const fs = require('fs'); fs.writeSync = () => 0`)],
    ['overflowing the stack while the result is read', attack(`let deep: any = 1; for (let i = 0; i < 20_000; i++) deep = [deep]; return deep`)],
    ['an inspector', attack(`const inspector = require('inspector'); inspector.open(0); return inspector.url() ?? 'none'`)],
    ['WebAssembly memory without end', attack('const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 16384 }).buffer)')],
    ['Atomics.wait for ever', attack('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); return 1')],
    ['a signal handler that refuses to die', attack(`for (const s of ['SIGTERM', 'SIGINT', 'SIGXCPU', 'SIGUSR1']) try { process.on(s as any, () => {}) } catch {} for (;;);`)],
    ['closing the channel', attack(`for (let fd = 0; fd < 64; fd++) try { require('fs').closeSync(fd) } catch {} return [1, 8, 24, 24]`)],
    ['a uncaughtException handler that carries on', attack('setTimeout(() => { throw new Error("x") }); return new Promise(() => {})', `process.on('uncaughtException', () => {}); process.on('unhandledRejection', () => {})`)],
    ['a native addon of our own', attack(`const fs = require('fs'); try { fs.writeFileSync('/tmp/x.node', Buffer.from('7f454c46', 'hex')) } catch {} return require('/tmp/x.node')`)],
    ['the native door, reopened', `import { runtime } from 'whetstone'\n${attack(`void runtime; try { Object.defineProperty(process, 'dlopen', { value: () => {} }) } catch {} const m = { exports: {} }; (process as any).dlopen(m, '/lib/x86_64-linux-gnu/libc.so.6'); return m.exports`)}`],
    ['loopback to other sandboxes', attack(`return new Promise((resolve) => require('dgram').createSocket('udp4').on('error', (e: any) => resolve(e.code)).send('x', 9, '127.0.0.1', (e: any) => resolve(String(e))))`)],
    ['a socket in the file system', attack(`return new Promise((resolve) => require('net').createServer().on('error', (e: any) => resolve(e.code)).listen('/tmp/s', () => resolve('listening')))`)],
    ['directions and colours in an error', attack(`throw new Error('\\u202e\\u001b[2J all passed \\u001b[32m8/8')`)],
    ['a null byte in the source', `${attack('return 1')}\u0000`],
  ])('%s', async (_, cell) => {
    const { report, incidents, milliseconds } = await grade(cell)
    expect(report.checks.filter((row) => row.passed)).toEqual([])
    expect(report.points).toBe(0)
    expect(report.checks.every((row) => row.sentence !== undefined)).toBe(true)
    expect(incidents.length < 12).toBe(true)
    expect(milliseconds).toBeLessThan(60_000)
    expect(JSON.stringify(report)).not.toContain('the seed is')
  })

  test('a rejection nobody handles, after right answers, disturbs no one', async () => {
    await grade(attack(`Promise.reject(new Error('late')); setTimeout(() => { throw 1 }, 0); return 1`))
    expect((await grade(SOLUTION)).report.points).toBe(8)
  })

  test('answers written down for the known inputs earn what those checks give, and not the one with inputs of its own', async () => {
    const { report } = await grade(attack(`
      const table: any = { '[1,1,28,28]': [1, 8, 24, 24], '[16,3,32,32]': [16, 6, 32, 32] }
      return table[JSON.stringify(input)] ?? []`))
    expect(report.checks.filter((row) => row.passed)).toHaveLength(2)
    expect(report.checks.filter((row) => row.hidden)).toMatchObject([{ passed: false }])
  })

  test('a process cannot be made, whatever asks for it: a thread can, and root is no exception', async () => {
    // Past Node's own permission model: python and the shell ask the system directly.
    const { command, args, filter } = await copy.run(`
      const { filter, ...launch } = lib.course.findSandbox().launch([], [], lib.course.LIMITS)
      return { ...launch, filter: [...filter] }`) as { command: string; args: string[]; filter: number[] }
    const run = (script: string): string => {
      const until = args.indexOf('prlimit')
      const result = spawnSync('sh', ['-c', `exec 4<&0; exec "$0" "$@"`, command, ...args.slice(0, until), '/bin/sh', '-c', script], { input: Buffer.from(filter), encoding: 'utf8' })
      return result.stdout + result.stderr
    }
    expect(run('echo one process')).toContain('one process')
    expect(run('(echo forked)')).not.toMatch(/^forked/m)
    expect(run('(echo forked)')).toMatch(/[Cc]annot fork|Operation not permitted/)
  })

  test('no connection leaves the sandbox, loopback included', async () => {
    const { port } = server.address() as AddressInfo
    const { report } = await grade(attack(`return new Promise((resolve) => require('net').connect(${port}, '127.0.0.1').on('connect', () => resolve('connected')).on('error', (e: any) => resolve(e.code)))`))
    expect(report.checks[0]?.got).toMatch(/EPERM|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ERR_ACCESS/)
    expect(connections).toBe(0)
  })

  test('after all of that an honest answer earns its points, and nothing was written', async () => {
    expect((await grade(SOLUTION)).report.points).toBe(8)
    for (const file of ['gradebook.csv', '.whetstone/journal.jsonl']) expect(existsSync(path.join(copy.root, file))).toBe(false)
    expect(readFileSync(path.join(copy.root, 'dist', 'index.js'), 'utf8')).not.toBe('mine')
    await copy.run('grader.close()')
    const left = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line.includes(copy.root) && line.includes('worker.js'))
    expect(left).toEqual([])
  })

  test('replies over stdout, as a container passes them, are believed as little as those over a descriptor of their own', async () => {
    // The command inside the container, without the container around it.
    const results = await copy.run(`
      const project = lib.course.projectAt(root), backend = { name: 'docker', launch: (args) => ({ command: 'sh', args: ['-c', 'exec 3>&1 1>&2 "$0" "$@"', process.execPath, ...args], replies: 1 }) }
      const other = lib.course.createGrader({ project, backend })
      try {
        const cells = ${JSON.stringify([SOLUTION, attack('console.log(1); console.error(2); process.exit(0)'), attack(forge(`'{"id":2,"ok":true,"value":[1,8,24,24]}'`, 1, 1) + 'return 1'), attack(forge(`'{"id":2,"ok":true,"value":[1,8,24,24]}'`, 3, 3) + 'return 1')])}, results = []
        for (const cell of cells) { const { report, incidents } = await other.grade(opened, cell, 1); results.push([report.points, incidents.length > 0]) }
        return results
      } finally { other.close() }`)
    expect(results).toEqual([[8, false], [0, true], [0, false], [0, true]])
  })

  test('without bubblewrap nothing runs unless asked for', async () => {
    await expect(copy.run(`process.env.PATH = '/nowhere'; try { lib.course.findSandbox() } finally { process.env.PATH = ${JSON.stringify(process.env['PATH'])} }`))
      .rejects.toThrow(/SANDBOX_MISSING[^]*--sandbox=none/)
  })
})
