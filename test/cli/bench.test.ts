// `whetstone bench` keeps what was measured: stopped in the middle of a synchronous call, failing, or taken down.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { BenchRecord } from '../../src/benchmarks'

const root = path.resolve(__dirname, '../..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-suites-'))
/** Unlike any suite's own name, for the records that the command keeps. */
const unique = path.basename(folder)
const names: string[] = []
const recordOf = (name: string): string => path.join(root, '.whetstone', 'bench', `${name}.json`)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  for (const name of names) for (const kind of ['', '-stopped']) for (const ending of ['json', 'html']) rmSync(path.join(root, '.whetstone', 'bench', `${name}${kind}.${ending}`), { force: true })
})

/** A suite of one row and a target over it, and then `next`. */
function suite(next: string): string {
  const name = `${unique}-${names.length}`
  names.push(name)
  writeFileSync(path.join(folder, `${name}.js`), `
    exports.suite = {
      name: 'own', description: 'for a test', targets: (rows) => [{ name: 'rows', wanted: '2', reached: String(rows.length), met: rows.length === 2 }],
      run: async (context) => {
        context.add([{ case: 'first', contestant: 'a', unit: 'ms', median: 7 }], [{ name: 'own', wanted: '7', reached: '7', met: true }])
        context.note('first is done')
        ${next}
        context.add([{ case: 'second', contestant: 'a', unit: 'ms', median: 8 }])
      },
    }`)
  return name
}

interface Ran { readonly code: number | null; readonly output: string; readonly last: BenchRecord }

function bench(name: string, signal?: NodeJS.Signals): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['src/cli/whetstone.cjs', 'bench', path.join(folder, `${name}.js`), '--json'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = '', sent = false
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => {
      if (signal === undefined || sent || !chunk.toString().includes('first is done')) return
      sent = true
      child.kill(signal)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const line = output.trim().split('\n').at(-1) ?? ''
      resolve({ code, output, last: (line.startsWith('{') ? JSON.parse(line) : {}) as BenchRecord })
    })
  })
}

const first = { case: 'first', contestant: 'a', unit: 'ms', median: 7 }
const targets = [{ name: 'own', wanted: '7', reached: '7', met: true }, { name: 'rows', wanted: '2', reached: '1', met: false }]

test.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('%s in the middle of a synchronous call leaves the rows so far', async (signal, code) => {
  const name = suite('const grandchild = require("node:child_process").spawnSync(process.execPath, ["-e", "setInterval(() => {}, 1000)"])')
  const ran = await bench(name, signal)
  expect(ran.code).toBe(code)
  expect(ran.last).toMatchObject({ suite: name, rows: [first], targets, stopped: `interrupted by ${signal}` })
  expect(ran.output).toMatch(/first +a +7\.?0* ms[^]*STOPPED before the end: interrupted by/)
  expect(JSON.parse(readFileSync(recordOf(`${name}-stopped`), 'utf8'))).toEqual(ran.last)
  expect(readFileSync(recordOf(`${name}-stopped`).replace('.json', '.html'), 'utf8')).toContain('Stopped before the end')
  expect(existsSync(recordOf(name))).toBe(false)
})

test.each([
  ['an error', 'throw new Error("the case broke")', /^Error: the case broke/],
  ['the end of its process', 'process.kill(process.pid, "SIGSEGV"); await new Promise(() => {})', /^the suite's process ended by SIGSEGV/],
])('%s leaves the rows so far', async (_, next, why) => {
  const name = suite(next)
  const ran = await bench(name)
  expect(ran.code).toBe(1)
  expect(ran.last).toMatchObject({ rows: [first], targets, stopped: expect.stringMatching(why) as string })
})

test('a suite that comes to its end has no word of a stop, and its record is kept under its name', async () => {
  const name = suite('')
  const ran = await bench(name)
  expect(ran.code).toBe(0)
  expect(ran.last).toEqual({ suite: name, machine: ran.last.machine, rows: [first, { ...first, case: 'second', median: 8 }], targets: [targets[0], { name: 'rows', wanted: '2', reached: '2', met: true }] })
  expect(JSON.parse(readFileSync(recordOf(name), 'utf8'))).toEqual(ran.last)
  expect(existsSync(recordOf(`${name}-stopped`))).toBe(false)
})

test('what is no suite is said so', async () => {
  writeFileSync(path.join(folder, 'none.js'), 'exports.other = 1')
  const ran = await bench('none')
  expect(ran.code).toBe(1)
  expect(ran.last).toMatchObject({ suite: 'none', rows: [], stopped: expect.stringMatching(/holds no suite/) as string })
  expect(existsSync(recordOf('none-stopped'))).toBe(false)
})

test('a word that a suite does not know is said, with those that it knows', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/cli/whetstone.cjs', 'bench', 'quantization', 'resnet', 'entropie'], { cwd: root, encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stdout).not.toContain('accuracy')
  expect(stderr).toMatch(/"entropie" means nothing to this suite[^]*entropy, dynamic, defaults, memory/)
})
