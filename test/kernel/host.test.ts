// What the kernel offers besides mended faults: rich values, displays, completion, the library by name.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import type { NotebookHost } from '../../src/core/host'
import { installKernelSpec, kernelArgv, startKernel, type Kernel, type Output } from '../../src/kernel'
import { displaySymbol as kernelDisplaySymbol } from '../../src/kernel/execute-result'
import type { NotebookHost as KernelHost } from '../../src/kernel/host'
import { displaySymbol } from '../../src/core/host'
import { folder, result, root, startOurs, text } from './start'

let kernel: Kernel
beforeAll(async () => { kernel = await startOurs() })
afterAll(async () => { await kernel.shutdown() })

const host = `const host = (globalThis as any)[Symbol.for('whetstone.kernel')];`
const rich = (outputs: readonly Output[]): unknown[] =>
  outputs.map((output) => (output.output_type === 'display_data' || output.output_type === 'execute_result' ? output.data : output))

describe('the interface', () => {
  it('is the one that the library describes', () => {
    expectTypeOf<KernelHost>().toEqualTypeOf<NotebookHost>()
    expect(kernelDisplaySymbol).toBe(displaySymbol)
  })
})

describe('values', () => {
  it('show themselves, with a text beside', async () => {
    const run = await kernel.execute(`({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>7</b>', 'image/png': new Uint8Array([1, 2, 3]) }) })`)
    expect(run.outputs).toMatchObject([{
      output_type: 'execute_result', data: { 'text/html': '<b>7</b>', 'image/png': 'AQID', 'text/plain': expect.any(String) as string },
    }])
  })

  it('of foreign classes are shown by renderers, the last registered first', async () => {
    await kernel.execute(`${host} class Tensor { constructor(readonly shape: number[]) {} }
      host.renderers.push((v: unknown) => v instanceof Tensor ? { 'text/html': 'first' } : undefined)
      host.renderers.push((v: unknown) => v instanceof Tensor ? { 'text/html': 'tensor ' + v.shape, 'text/plain': 'T' } : undefined)`)
    expect(rich((await kernel.execute('new Tensor([2, 3])')).outputs)).toEqual([{ 'text/html': 'tensor 2,3', 'text/plain': 'T' }])
    expect(rich((await kernel.execute('[1]')).outputs)).toEqual([{ 'text/plain': '[ 1 ]' }])
  })

  it('that fail to show themselves fall back to text and say why', async () => {
    const broken = await kernel.execute(`({ a: 1, [Symbol.for('Jupyter.display')]() { throw new Error('no picture') } })`)
    expect(result(broken)).toMatch(/a: 1[^]*no picture/)
    expect(result(await kernel.execute(`({ [Symbol.for('Jupyter.display')]: () => 'text' })`))).toMatch(/instead of a MIME bundle/)
    expect(result(await kernel.execute(`({ get [Symbol.toStringTag]() { throw new Error('x') } })`))).toBeTypeOf('string')
  })

  it('that are errors show the place where they were made', async () => {
    const run = await kernel.execute(`\n\nnew TypeError('kept')`)
    expect(result(run)).toBe(`TypeError: kept\n    at cell[${run.executionCount!}]:3:1`)
  })
})

describe('displays', () => {
  it('carry several forms, and are replaced by their id', async () => {
    const run = await kernel.execute(`host.display({ 'text/html': '<i>', 'text/plain': 'i', 'application/json': { a: [1] } }, { metadata: { 'text/html': { isolated: true } } })
      host.display({ 'text/plain': '10%' }, { id: 'bar' }); host.display({ 'text/plain': 'other' }); host.display({ 'text/plain': '100%' }, { id: 'bar' })`)
    expect(run.outputs).toEqual([
      { output_type: 'display_data', data: { 'text/html': '<i>', 'text/plain': 'i', 'application/json': { a: [1] } }, metadata: { 'text/html': { isolated: true } } },
      { output_type: 'display_data', data: { 'text/plain': '100%' }, metadata: {} },
      { output_type: 'display_data', data: { 'text/plain': 'other' }, metadata: {} },
    ])
    const later = await kernel.execute(`host.display({ 'text/plain': 'done' }, { id: 'bar' })`)
    expect(later.outputs).toEqual([])
    expect(rich(run.outputs)[1]).toEqual({ 'text/plain': 'done' })
  })

  it('are shown anew when their cell runs again', async () => {
    const code = `host.display({ 'text/plain': 'again' }, { id: 'mine' })`
    for (let time = 0; time < 2; time++) {
      expect(rich((await kernel.execute(code, { cellId: 'cell-a' })).outputs)).toEqual([{ 'text/plain': 'again' }])
    }
  })

  it('keep their order among text of both streams', async () => {
    const run = await kernel.execute(`console.log('a'); host.display({ 'text/plain': 'b' }); console.error('c'); process.stdout.write('d'); host.display({ 'text/plain': 'e' }); console.log('f')`)
    expect(run.outputs.map((output) => (output.output_type === 'stream' ? output.text : rich([output])[0]))).toEqual([
      'a\n', { 'text/plain': 'b' }, 'c\n', 'd', { 'text/plain': 'e' }, 'f\n',
    ])
  })

  it('are cleared', async () => {
    expect((await kernel.execute(`console.log(1); host.clearOutput(); console.log(2)`)).outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '2\n' }])
    expect((await kernel.execute(`console.log(1); host.clearOutput({ wait: true }); console.log(2)`)).outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '2\n' }])
  })

  it('refuse what is not a bundle', async () => {
    expect((await kernel.execute(`host.display({ html: '<b>' })`)).reply).toMatchObject({ ename: 'KernelError', evalue: expect.stringContaining('not a MIME type') as string })
    expect((await kernel.execute(`host.display('text')`)).status).toBe('error')
  })
})

describe('requests beside execution', () => {
  it('describe TypeScript, so that front ends highlight it', () => {
    expect(kernel.info).toMatchObject({
      protocol_version: '5.3', implementation: 'whetstone',
      language_info: { name: 'typescript', mimetype: 'text/typescript', file_extension: '.ts', codemirror_mode: { mode: 'typescript' } },
    })
  })

  it('complete members, variables of earlier cells and the library; also after an emoji', async () => {
    await kernel.execute(`import { core } from 'whetstone'; const someLongName = { inner: 1 }`)
    const matches = async (code: string): Promise<unknown> => (await kernel.complete(code))['matches']
    expect(await matches('core.')).toEqual(expect.arrayContaining(['random', 'elementCount', 'WhetstoneError']))
    expect(await matches(`import { core as other } from 'whetstone'; other.`)).toEqual(expect.arrayContaining(['WhetstoneError']))
    expect(await matches('someLong')).toContain('someLongName')
    expect(await kernel.complete('"😀"; someLongName.in')).toMatchObject({ matches: ['inner'], cursor_start: 18, cursor_end: 20 })
    expect(await kernel.complete('const broken = (')).toMatchObject({ status: 'ok' })
  })

  it('inspect types and documentation', async () => {
    const found = await kernel.inspect('core.elementCount([1])', 8)
    expect(found).toMatchObject({ found: true, data: { 'text/plain': expect.stringMatching(/elementCount\(shape: [^]*Number of elements/) as string } })
    expect(await kernel.inspect('1 + 1', 2)).toMatchObject({ status: 'ok', found: false })
  })

  it('are answered while a cell waits', async () => {
    const running = kernel.execute('await new Promise((resolve) => setTimeout(resolve, 400)); "end"')
    expect((await kernel.complete('someLong'))['matches']).toContain('someLongName')
    expect(await kernel.isComplete('function f() {')).toEqual({ status: 'incomplete', indent: '  ' })
    expect(await kernel.isComplete('1 + 1')).toEqual({ status: 'complete' })
    expect(result(await running)).toBe("'end'")
  })

  it('leave silent executions without output or number, and answer user expressions', async () => {
    const before = (await kernel.execute('1')).executionCount!
    expect((await kernel.execute('2', { silent: true })).outputs).toEqual([])
    const run = await kernel.execute('const six = 6', { userExpressions: { a: 'six * 7', b: 'nothing' } })
    expect(run.executionCount).toBe(before + 1)
    expect(run.reply['user_expressions']).toMatchObject({ a: { status: 'ok', data: { 'text/plain': '42' } }, b: { status: 'error' } })
  })
})

describe('the library', () => {
  it('is one instance over all cells, and its errors read as the house style wants', async () => {
    const run = await kernel.execute(`import { core as again } from 'whetstone'; again.broadcastShape([2, 3], [4])`)
    expect(run.reply).toMatchObject({ ename: 'WhetstoneError', evalue: expect.stringContaining('expected:') as string })
    expect(result(await kernel.execute('again.WhetstoneError === core.WhetstoneError'))).toBe('true')
  })

  it('is found from a notebook outside of the project', async () => {
    const outside = mkdtempSync(path.join(tmpdir(), 'whetstone-außen-'))
    const other = await startOurs(outside)
    try {
      const run = await other.execute(`import { core } from 'whetstone'; const p: NodeJS.Platform = process.platform; core.elementCount([2, 3])`)
      expect(run.reply).toMatchObject({ status: 'ok' })
      expect(result(run)).toBe('6')
    } finally {
      await other.shutdown()
      rmSync(outside, { recursive: true })
    }
  })
})

describe('starting and ending', () => {
  it('writes a kernelspec that starts the kernel', () => {
    const prefix = path.join(folder, 'prefix')
    const spec = JSON.parse(readFileSync(path.join(installKernelSpec(prefix), 'kernel.json'), 'utf8')) as Record<string, unknown>
    expect(spec).toMatchObject({ display_name: 'TypeScript (Whetstone)', language: 'typescript', interrupt_mode: 'message' })
    expect(spec['argv']).toEqual(kernelArgv(root))
    expect((spec['argv'] as string[]).slice(0, 2).every((part) => path.isAbsolute(part))).toBe(true)
    rmSync(prefix, { recursive: true })
  })

  it('says what is wrong with a connection file', () => {
    const [node = '', main = ''] = kernelArgv(root)
    for (const [args, message] of [[[], 'No connection file'], [['--config-path', '/nowhere.json'], 'cannot be read']] as const) {
      expect(() => execFileSync(node, [main, ...args], { stdio: 'pipe' })).toThrow(message)
    }
  })

  it('a client whose kernel cannot start is told so', async () => {
    await expect(startKernel({ argv: [process.execPath, '-e', 'console.error("no such luck"); process.exit(3)'] }))
      .rejects.toMatchObject({ code: 'KERNEL_START', message: expect.stringContaining('no such luck') as string })
    await expect(startKernel({ argv: ['/nowhere/kernel'] })).rejects.toMatchObject({ code: 'KERNEL_START' })
  })

  it('leaves no process behind, not even one that a cell started', async () => {
    const other = await startOurs()
    const pids = text(await other.execute('console.log(process.pid, require("child_process").spawn("sleep", ["60"]).pid)')).trim().split(' ').map(Number)
    await other.shutdown()
    expect((await other.exited).code).toBe(0)
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '')).toEqual([])
  })
})
