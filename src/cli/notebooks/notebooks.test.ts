import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { afterAll, expect, test, vi } from 'vitest'
import { NotebookError } from '../../notebook/errors'
import { formatNotebook, parseNotebook } from '../../notebook/format'
import { register } from '../commands/notebooks'
import { findNotebooks, globExpression } from './files'
import { residentBytes, watchMemory } from './memory'

const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'whetstone notebooks é ')))
afterAll(() => fs.rmSync(folder, { recursive: true }))
const put = (name: string, content: string): string => {
  const file = path.join(folder, name)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, content)
  return file
}
const notebook = (source: string): string => formatNotebook({
  metadata: {}, minor: 5, cells: [{ type: 'code', id: 'a', metadata: {}, source, outputs: [], executionCount: null }],
})

/** Runs the command line; what it wrote, and the exit code it asked for. */
async function command(...args: string[]): Promise<{ output: string, code: number | string | undefined }> {
  let output = ''
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => { output += String(text); return true })
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const before = process.exitCode
  process.exitCode = undefined
  try {
    const program = new Command().exitOverride()
    register(program)
    await program.parseAsync(['node', 'whetstone', 'notebooks', ...args])
    return { output, code: process.exitCode }
  } finally {
    process.exitCode = before
    out.mockRestore()
    err.mockRestore()
  }
}

test('files, folders and patterns name notebooks, each once and in order', () => {
  const [a, b, c] = ['x/a.ipynb', 'x/y/b.ipynb', 'c.ipynb'].map((name) => put(`find/${name}`, '{}')) as [string, string, string]
  put('find/x/.ipynb_checkpoints/a-checkpoint.ipynb', '{}')
  const here = path.join(folder, 'find')
  expect(findNotebooks(['.'], '.ipynb', here)).toEqual([c, a, b])
  expect(findNotebooks(['x', 'x/a.ipynb'], '.ipynb', here)).toEqual([a, b])
  expect(findNotebooks(['*/*.ipynb'], '.ipynb', here)).toEqual([a])
  expect(findNotebooks(['**/{a,b}.ipynb'], '.ipynb', here)).toEqual([a, b])
  expect(() => findNotebooks(['nothing'], '.ipynb', here)).toThrow(NotebookError)
  expect(() => findNotebooks(['*.txt'], '.ipynb', here)).toThrow('*.txt')
  expect(globExpression('/a.b/**/l?sson_{01,0*}.ipynb').test('/a.b/c/d/lesson_07.ipynb')).toBe(true)
  expect(globExpression('/a.b/*').test('/axb/c')).toBe(false)
})

test('check says what is wrong, clean puts it right', async () => {
  const file = put('form/dirty.ipynb', notebook('1').replace('"execution_count": null', '"execution_count": 5'))
  put('form/broken.ipynb', 'not json')
  const before = await command('check', path.join(folder, 'form'), '--no-types', '--json')
  expect(before.code).toBe(1)
  expect(before.output).toContain('cell 1 (a) has an execution count')
  const last = JSON.parse(before.output.trimEnd().split('\n').at(-1)!) as { passed: number, failed: number, failures: string[] }
  expect([last.passed, last.failed]).toEqual([0, 2])
  expect(last.failures.some((text) => text.includes('broken.ipynb') && text.includes('not JSON'))).toBe(true)
  await expect(command('clean', path.join(folder, 'form'))).rejects.toThrow('not JSON')
  expect((await command('clean', file)).output).toContain('cleaned')
  expect((await command('check', file, '--no-types')).code).toBe(0)
  expect((await command('clean', file)).output).toContain('Everything was clean')
})

test('a cell that did not change keeps the id that was committed', async () => {
  const file = put('git/n.ipynb', notebook('let a = 1'))
  const git = (...args: string[]): number | null =>
    spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: path.dirname(file) }).status
  expect([git('init', '-q'), git('add', '.'), git('commit', '-qm', 'x')]).toEqual([0, 0, 0])
  expect((await command('check', file, '--no-types')).code).toBe(0)
  fs.writeFileSync(file, notebook('let a = 1').replace('"id": "a"', '"id": "b"'))
  expect((await command('check', file, '--no-types')).output).toContain('cell b had the id a')
  fs.writeFileSync(file, notebook('let a = 2').replace('"id": "a"', '"id": "b"'))
  expect((await command('check', file, '--no-types')).code).toBe(0)
})

test('to-script and from-script go there and back, and a changed script is not written over', async () => {
  const file = put('script/n.ipynb', notebook('let a = 1'))
  await command('to-script', file)
  const script = path.join(folder, 'script', 'n.nb.ts')
  fs.writeFileSync(script, fs.readFileSync(script, 'utf8').replace('let a = 1', 'let a = 2'))
  await expect(command('to-script', file)).rejects.toMatchObject({ code: 'NOTEBOOK_EXISTS' })
  await command('from-script', script)
  expect(parseNotebook(fs.readFileSync(file, 'utf8'), file).cells[0]!.source).toBe('let a = 2')
  await command('to-script', file)
  await expect(command('from-script', file)).rejects.toMatchObject({ code: 'NOTEBOOK_NAME' })
})

test('cells are type-checked as the kernel will run them', async () => {
  const file = put('types/n.ipynb', notebook('const n: number = "text"'))
  const { output, code } = await command('check', file)
  expect(code).toBe(1)
  expect(output).toContain('cell a, line 1:7')
  expect(output).toContain('TS2322')
})

test('memory of this process is seen', () => {
  const own = residentBytes(process.pid)
  expect(own).toBeGreaterThan(10_000_000)
  expect(watchMemory(process.pid).stop()).toBeGreaterThan(10_000_000)
  expect(residentBytes(2 ** 30)).toBeFalsy()
})
