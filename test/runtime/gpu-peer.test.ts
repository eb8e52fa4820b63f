// The tasks that PyTorch gets on a GPU beside our kernels: the same ones, in the sizes of the kernels' own sources. Here they
// run on the processor, at the sizes for checking. Needs a Python with torch: WHETSTONE_PYTHON, or the project's own .venv.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import torch']).status === 0
const folder = path.resolve('native/kernels')

interface Line { readonly kernel: string, readonly shape?: readonly number[], readonly sizes?: Readonly<Record<string, number>>, readonly missing?: string }

test.skipIf(!found)(`PyTorch has a task for every kernel, of the same size${found ? '' : ' (skipped: no Python with torch; set WHETSTONE_PYTHON)'}`, () => {
  const names = readdirSync(folder).filter((file) => file.endsWith('.cu')).map((file) => file.slice(0, -3))
  const { stdout } = spawnSync(python, [path.resolve('src/cli/gpu-kernels/peer.py'), folder, ...names, '--check'], { encoding: 'utf8' })
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Line)
  expect(lines.map(({ kernel }) => kernel)).toEqual(names)
  expect(lines.filter(({ missing }) => missing !== undefined)).toEqual([])
  for (const { kernel, sizes } of lines) {
    const source = readFileSync(path.join(folder, `${kernel}.cu`), 'utf8')
    expect(Object.keys(sizes ?? {}), kernel).toEqual(expect.arrayContaining(Array.from(source.matchAll(/(\w+) = bench\.size\(/g), ([, name]) => name)))
  }
  // By hand, from the sources: 20 rows of 100; 128 x 32 times 32 x 128; two heads of 45 queries.
  const shape = (name: string): readonly number[] | undefined => lines.find(({ kernel }) => kernel === name)?.shape
  expect([shape('softmax'), shape('sgemm'), shape('attention')]).toEqual([[20, 100], [128, 128], [1, 2, 45, 64]])
}, 120_000)
