// All kernels of native/kernels compile with nvcc for sm_80 and sm_90, none spills, and docs/cuda.md tells what nvcc says.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { compileForGpu } from '../../src/runtime/cuda/gpu'
import { addon, findKernels, gpuNames, nvcc, resourcesFor } from '../../src/runtime/cuda'

const root = path.resolve(__dirname, '..', '..')
const folder = path.join(root, 'native', 'kernels')
const files = readdirSync(folder).filter((file) => file.endsWith('.cu'))
const page = readFileSync(path.join(root, 'docs', 'cuda.md'), 'utf8')
const found = nvcc()

/** file → kernel → [registers sm_80, sm_90, spills sm_80, sm_90, shared bytes]. */
const recorded = new Map(files.map((file) => [file, new Map<string, number[]>()]))
for (const [, file = '', kernel = '', ...numbers] of page.matchAll(/^\| `(\w+\.cu)` \| `(\w+)` \| (\d+) \| (\d+) \| (\d+), (\d+) \| (\d+) \|$/gm)) {
  recorded.get(file)?.set(kernel, numbers.map(Number))
}

it.each(files)('docs/cuda.md has every kernel of %s', (file) => {
  const names = findKernels(readFileSync(path.join(folder, file), 'utf8')).map((kernel) => kernel.name)
  expect([...recorded.get(file)?.keys() ?? []].sort()).toEqual(names.sort())
})

const here = found === undefined ? describe.skip : describe
here(`with nvcc${found === undefined ? ' (skipped: nvcc is not installed)' : ` ${found.version}`}`, () => {
  it.each(files)('%s compiles for sm_80 and sm_90 without spills, as recorded', async (file) => {
    const source = readFileSync(path.join(folder, file), 'utf8')
    const report = await resourcesFor({ source, file, include: [folder] }, ['sm_80', 'sm_90'])
    const [a, b] = [report.get('sm_80')!, report.get('sm_90')!]
    const told = new Map([...a].map(([kernel, one]) => {
      const two = b.get(kernel)!
      return [kernel, [one.registers, two.registers, one.spillStores + one.spillLoads, two.spillStores + two.spillLoads, one.sharedBytes]]
    }))
    expect([...told.keys()].sort()).toEqual([...recorded.get(file)!.keys()].sort())
    for (const numbers of told.values()) expect(numbers.slice(2, 4)).toEqual([0, 0])
    // Registers differ between versions of nvcc; the page is about the one that it names.
    if (page.includes(`with nvcc ${found!.version} `)) expect(Object.fromEntries(told)).toEqual(Object.fromEntries(recorded.get(file)!))
  })
  it('compiles a program for a GPU, and the same as a library for this process', async () => {
    const source = 'template <int N> __global__ void f(const float* x, float* y, int n) { int i = threadIdx.x; if (i < n) y[i] = x[i] + N; }\nint main() { return 0; }'
    for (const library of [false, true]) {
      const program = await compileForGpu({ source, file: 'f.cu', include: [], entries: ['f<3>'], architecture: 'sm_90', library })
      expect(readFileSync(program.executable).subarray(0, 4).toString('latin1')).toBe('\x7fELF')
      if (!library) continue
      // The addon opens it and reads its kernels; devices are those of the driver.
      const native = await addon()
      const told = native.describe(native.open(program.executable))
      expect([JSON.parse(told.entries), told.unified]).toEqual([[{ name: 'f<3>', parameters: [['c', 4], ['p', 4], ['i', 4]] }], false])
      expect(told.devices.split('\n').filter(Boolean)).toHaveLength(gpuNames().length)
    }
  })
})
