// The same check in the real kernel: live functions of cells, the rich result as a cell's output.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kernelArgv, startKernel, type Kernel } from '../../src/kernel'

const root = path.resolve(__dirname, '..', '..')
const built = existsSync(path.join(root, 'dist', 'index.js'))

interface Output { output_type: string; data?: Record<string, unknown>; evalue?: string }

describe.runIf(built)('in the kernel (needs the built library)', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'course-kernel-'))
  const journal = path.join(folder, 'journal.jsonl')
  let kernel: Kernel
  const cell = async (code: string): Promise<Output[]> => (await kernel.execute(code, { timeout: 60_000 })).outputs
  beforeAll(async () => {
    kernel = await startKernel({ argv: kernelArgv(root), cwd: path.join(root, 'notebooks', 'module_04'), env: { WHETSTONE_JOURNAL: journal } })
  })
  afterAll(async () => {
    await kernel.shutdown()
    rmSync(folder, { recursive: true })
  })

  test('a stub, a mistake and the solution', async () => {
    const stub = readFileSync(path.join(root, 'exercises/module_04/lesson_07_onnx_basics/conv_output_shape/exercise.ts'), 'utf8')
      .split('// #region cell\n')[1]!.split('\n// #endregion')[0]!.replace(/^export /gm, '')
    expect(await cell("import { check, hint, solution } from 'whetstone'")).toEqual([])
    expect(await cell(stub)).toEqual([])
    const [untouched] = await cell("await check('conv_output_shape', { convOutputShape })")
    expect(untouched?.data?.['text/plain']).toContain('still the stub')
    expect(untouched?.data?.['application/vnd.whetstone.check+json']).toMatchObject({ passed: false, points: 0 })
    const [hinted] = await cell("hint('conv_output_shape')")
    expect(hinted?.data?.['text/markdown']).toContain('**Hint 1 of 3.**')
    const [shown] = await cell("solution('conv_output_shape', { show: true })")
    const answer = /```ts\n([^]*)\n```/.exec(String(shown?.data?.['text/markdown']))?.[1] ?? ''
    expect(await cell(answer)).toEqual([])
    const [right] = await cell("await check('conv_output_shape', { convOutputShape })")
    expect(right?.data?.['text/html']).toContain('all 8 checks passed')
    const [failed] = await cell("await check('conv_output_shap', { convOutputShape })")
    expect(failed).toMatchObject({ output_type: 'error' })
    expect(failed?.evalue).toContain('There is no exercise "conv_output_shap"')
  })
})
