// The kernel under another client: Python's nbclient, which runs notebooks as `jupyter execute` and JupyterLab do.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { installKernelSpec, type Output } from '../../src/kernel'
import { folder, root } from './start'

/** The project's Python, or the one that WHETSTONE_PYTHON names, when it has nbclient. */
function findPython(): string | undefined {
  return [path.join(root, '.venv', 'bin', 'python'), process.env['WHETSTONE_PYTHON']].find((python) => {
    if (python === undefined || !existsSync(python)) return false
    try {
      execFileSync(python, ['-c', 'import nbclient, jupyter_client'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}

const SCRIPT = `
import json, sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in json.loads(sys.argv[1])])
client = NotebookClient(notebook, kernel_name='whetstone', timeout=60, allow_errors=True)
with client.setup_kernel():
    for index, cell in enumerate(notebook.cells):
        if 'while (true)' in cell.source:
            client.timeout, client.interrupt_on_timeout = 3, True
        client.execute_cell(cell, index)
nbformat.validate(notebook)
print(json.dumps(dict(outputs=[cell.outputs for cell in notebook.cells], counts=[cell.execution_count for cell in notebook.cells])))
`

const python = findPython()
const prefix = path.join(folder, 'nbclient prefix')
afterAll(() => rmSync(prefix, { recursive: true, force: true }))

describe.skipIf(python === undefined)('nbclient (needs .venv, or WHETSTONE_PYTHON with nbclient)', () => {
  it('runs a notebook: results, displays, 100,000 lines, an error, an interrupt, and the cells after them', async () => {
    mkdirSync(folder, { recursive: true })
    installKernelSpec(prefix)
    const script = path.join(prefix, 'run.py')
    writeFileSync(script, SCRIPT)
    const cells = [
      `import { core } from 'whetstone'; core.elementCount([6, 7])`,
      `for (let i = 0; i < 100_000; i++) console.log(i)`,
      `import { display } from 'tslab'; display.html('<b>bold</b>')`,
      `throw new RangeError('as planned')`,
      `while (true) { await new Promise((resolve) => setTimeout(resolve, 10)) }`,
      `core.elementCount([2, 2])`,
    ]
    const { stdout } = await promisify(execFile)(python ?? '', [script, JSON.stringify(cells)], {
      cwd: folder, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, JUPYTER_PATH: path.join(prefix, 'share', 'jupyter') },
    })
    const { outputs, counts } = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as { outputs: Output[][]; counts: number[] }
    expect(counts).toEqual([1, 2, 3, 4, 5, 6])
    expect(outputs[0]).toMatchObject([{ output_type: 'execute_result', data: { 'text/plain': '42' } }])
    const lines = outputs[1]!.map((output) => (output.output_type === 'stream' ? output.text : '')).join('').trimEnd().split('\n')
    expect(lines).toHaveLength(100_000)
    expect(lines.at(-1)).toBe('99999')
    expect(outputs[2]).toMatchObject([{ output_type: 'display_data', data: { 'text/html': '<b>bold</b>' } }])
    expect(outputs[3]).toMatchObject([{ output_type: 'error', ename: 'RangeError', evalue: 'as planned' }])
    expect(outputs[4]).toMatchObject([{ output_type: 'error', ename: 'Interrupted' }])
    expect(outputs[5]).toMatchObject([{ output_type: 'execute_result', data: { 'text/plain': '4' } }])
  })
})
