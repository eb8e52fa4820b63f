// A learner's kernel against a model that says what it has to compute: right, wrong, faulty, heavy, and launches nobody can make.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { build, saveModel } from '../../onnx'
import { versionOfCompiler } from '../../runtime'
import { projectAt } from '../project'
import { kernelRight, lessTraffic } from './kernels'
import type { Measure } from './measures'
import { ProjectWork } from './project-work'

const root = mkdtempSync(path.join(os.tmpdir(), 'kernels-'))
const folder = path.join(root, 'notebooks', 'p', 'cuda')
const N = 64
const write = (name: string, text: string): void => { writeFileSync(path.join(folder, name), text) }
const launch = (over: object = {}): string => JSON.stringify({ kernel: 'transpose', grid: [2, 2], block: [32, 32], arguments: ['x', 'y', N], ...over })
const measure = async (measured: Measure): Promise<{ verdict: string; reason: string; evidence: readonly { what: string; value: string }[]; attained?: number }> => {
  const work = new ProjectWork(projectAt(root), 'p', { quick: true })
  try {
    return await measured.measure(work)
  } finally {
    work.close()
  }
}

const NAIVE = `__global__ void transpose(const float* x, float* y, int n) {
  int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
  y[c * n + r] = x[r * n + c];
}`
const TILED = `__global__ void transpose(const float* x, float* y, int n) {
  __shared__ float tile[32][33];
  tile[threadIdx.y][threadIdx.x] = x[(blockIdx.y * 32 + threadIdx.y) * n + blockIdx.x * 32 + threadIdx.x];
  __syncthreads();
  y[(blockIdx.x * 32 + threadIdx.y) * n + blockIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}`

beforeEach(() => {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  saveModel(build('transpose', (g) => {
    const x = g.input('x', 'float32', [N, N])
    g.output(g.op('Transpose', [x], { perm: [1, 0] }), 'y')
  }, { opsets: { '': 17 } }), path.join(folder, 'reference.onnx'))
  for (const [name, source] of [['before', NAIVE], ['kernel', TILED]] as const) {
    write(`${name}.cu`, source)
    write(`${name}.json`, launch())
  }
})
afterAll(() => { rmSync(root, { recursive: true, force: true }) })

describe.runIf(versionOfCompiler() !== undefined)('kernels of a learner (need g++)', () => {
  test('a right kernel passes, with the traffic as evidence', async () => {
    const { verdict, evidence } = await measure(kernelRight('cuda'))
    expect(verdict).toBe('passed')
    // 64 × 64 numbers of 4 bytes, read once and written once.
    expect(evidence.find((one) => one.what.includes('bytes of global memory'))?.value).toBe(`${2 * N * N * 4}, ${2 * N * N * 4}`)
  })

  test('a wrong kernel, one with a race, and one that writes past the end fail with what is wrong', async () => {
    write('kernel.cu', TILED.replace('[threadIdx.x][threadIdx.y];', '[threadIdx.y][threadIdx.x];'))
    expect(await measure(kernelRight('cuda'))).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/differs from reference\.onnx/) as string })
    write('kernel.cu', TILED.replace('__syncthreads();', ''))
    expect(await measure(kernelRight('cuda'))).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/race-shared, line/) as string })
    write('kernel.cu', NAIVE)
    write('kernel.json', launch({ grid: [3, 2] }))
    expect(await measure(kernelRight('cuda'))).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/out-of-bounds/) as string })
  })

  test('memory optimization is counted: 36 sectors a warp become 8, in the closed form', async () => {
    const better = await measure(lessTraffic('cuda'))
    expect(better).toMatchObject({ verdict: 'passed', reason: `the kernel moves ${(8 / 36).toPrecision(3)} of the bytes that it moved before` })
    write('kernel.cu', NAIVE)
    expect(await measure(lessTraffic('cuda'))).toMatchObject({ verdict: 'failed', attained: 0.5 })
    write('before.cu', TILED.replace('[threadIdx.x][threadIdx.y];', '[threadIdx.y][threadIdx.x];'))
    expect(await measure(lessTraffic('cuda'))).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/^before\.cu is not right/) as string })
  })

  test.each<[string, string, RegExp]>([
    ['no JSON', '{', /does not say how to launch/],
    ['no block', launch({ block: [] }), /does not say how to launch/],
    ['an unknown tensor', launch({ arguments: ['z', 'y', N] }), /neither a number nor an input[^]*got.*z/],
    ['an output left out', launch({ arguments: ['x', 'x', N] }), /not given every output/],
    ['an unknown kernel', launch({ kernel: 'other' }), /There is no kernel other/],
  ])('a launch with %s is a typed error', async (_, text, message) => {
    write('kernel.json', text)
    await expect(measure(kernelRight('cuda'))).rejects.toThrow(message)
  })
})
