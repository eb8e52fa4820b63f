import { afterEach, describe, expect, it, vi } from 'vitest'
import { cuda, cudaSource, versionOfCompiler } from '.'
import { buildAddon } from './addon'
import { gpuSource } from './gpu'

const missing = versionOfCompiler() === undefined ? ' (skipped: no g++ on this Linux)' : ''
const here = missing === '' ? describe : describe.skip

const module = cuda`
#include <cooperative_groups.h>
__constant__ float table[2] = {10, 20};
__device__ int calls = 0;
__global__ void saxpy(int n, float a, const float* x, float* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
__global__ void reverse(int* x) {
  __shared__ int s[256];
  extern __shared__ int doubled[];
  s[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  doubled[threadIdx.x] = 2 * s[threadIdx.x];
  __syncthreads();
  x[blockIdx.x * blockDim.x + threadIdx.x] = doubled[blockDim.x - 1 - threadIdx.x];
}
__global__ void sum(const int* x, unsigned long long* total, double scale, bool add, long long offset) {
  int v = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int d = 16; d > 0; d >>= 1) v += __shfl_xor_sync(0xffffffffu, v, d);
  if (threadIdx.x % 32 == 0) atomicAdd(total, (unsigned long long)(v * scale) + (add ? offset : 0));
  if (threadIdx.x == 0) atomicAdd(&calls, 1);
}
template <int N> __global__ void tile(float* x) { x[threadIdx.x] = N + table[threadIdx.x % 2]; }
__global__ void together(int* x) {
  __shared__ int kept;
  if (threadIdx.x == 0) { kept = blockIdx.x; x[blockIdx.x] = blockIdx.x + 1; }
  cooperative_groups::this_grid().sync();
  if (threadIdx.x == 0) x[gridDim.x + blockIdx.x] = x[(blockIdx.x + 1) % gridDim.x] * 100 + kept;
}
__global__ void endless(volatile int* x) { while (x[0] == 0) {} }
__global__ void wild(int* x) { x[0] = *(volatile int*)8; }
__device__ __noinline__ int down(int n) { volatile int kept[64]; kept[n % 64] = n; return n == 0 ? 0 : down(n - 1) + kept[n % 64]; }
__global__ void zero(int* x) { x[0] = 7 / x[1]; }
__global__ void deep(int* x) { x[0] = down(100000); }
__global__ void claims(int* x) { assert(x[threadIdx.x] == 0); }
__global__ void split(int* x) { if (threadIdx.x < 3) __syncwarp(0xffffffffu); else __syncthreads(); x[0] = 1; }`

here(`programs in this process, by the addon${missing}`, () => {
  it('runs kernels on the arrays themselves, as often as asked, with the time of each launch', async () => {
    const loaded = await module.load()
    expect(loaded.device).toBe("CUDA emulator (this computer's CPU), in this process")
    const n = 10_000, x = Float32Array.from({ length: n }, (_, i) => i), y = new Float32Array(n).fill(1)
    const run = await loaded.launch('saxpy', { grid: Math.ceil(n / 256), block: 256, repeat: 3 }, [n, 0.5, x, y])
    expect(y).toEqual(Float32Array.from({ length: n }, (_, i) => 1 + 1.5 * i))
    expect(run.milliseconds).toHaveLength(3)
    expect([...run.milliseconds].every((ms) => ms > 0)).toBe(true)
    expect([...run.milliseconds].sort((a, b) => a - b).slice(0, 2)).toEqual([run.fastestMs, run.medianMs])
  })
  it('has shared memory static and dynamic, atomics, warps, constants, templates, cooperative grids', async () => {
    const loaded = await module.load({ kernels: ['tile<3>'] })
    const x = Int32Array.from({ length: 512 }, (_, i) => i)
    await loaded.launch('reverse', { grid: 2, block: 256, shared: 1024 }, [x])
    expect([x[0], x[255], x[256], x[511]]).toEqual([510, 0, 1022, 512])
    const total = new BigUint64Array(1)
    await loaded.launch('sum', { grid: 2, block: 256 }, [x, total, 0.5, true, 2n ** 33n])
    expect(total[0]).toBe(BigInt(511 * 512 / 2) + 16n * 2n ** 33n)
    const tile = new Float32Array(4)
    await loaded.launch('tile<3>', { grid: 1, block: 4 }, [tile])
    expect([...tile]).toEqual([13, 23, 13, 23])
    const grid = new Int32Array(6)
    await loaded.launch('together', { grid: 3, block: 64 }, [grid])
    expect([...grid]).toEqual([1, 2, 3, 200, 301, 102])
  })
  it('keeps arrays on the device between launches, and two programs apart', async () => {
    const loaded = await module.load()
    const x = loaded.array(Float32Array, Float32Array.of(1, 2, 3)), y = loaded.array(Float32Array, 3)
    y.write(Float32Array.of(10, 10, 10))
    const other = await cuda`__device__ int calls = 7; __global__ void saxpy(int* x) { x[0] = calls; }`.load()
    const seven = new Int32Array(1)
    await Promise.all([
      loaded.launch('saxpy', { grid: 1, block: 32 }, [3, 2, x, y]), other.launch('saxpy', { grid: 1, block: 1 }, [seven]), loaded.launch('saxpy', { grid: 1, block: 32 }, [3, 2, x, y]),
    ])
    expect([[...y.read()], [...x.read()], seven[0]]).toEqual([[14, 18, 22], [1, 2, 3], 7])
    expect(() => { y.write(new Float32Array(2)) }).toThrow(/another length/)
    y.release()
    expect(() => y.read()).toThrow(/released/)
    await expect(loaded.launch('saxpy', { grid: 1, block: 32 }, [3, 2, x, y])).rejects.toThrow(/released/)
  })
  it('keeps memory that is released while a launch uses it until the launch ends', async () => {
    const loaded = await module.load()
    const n = 1 << 18, x = loaded.array(Float32Array, new Float32Array(n).fill(1)), y = loaded.array(Float32Array, new Float32Array(n))
    const running = loaded.launch('saxpy', { grid: n / 256, block: 256, repeat: 20 }, [n, 1, x, y])
    await new Promise((resolve) => { setTimeout(resolve, 5) })
    y.release()
    await expect(running).resolves.toMatchObject({ kernel: 'saxpy' })
    expect(x.read()[n - 1]).toBe(1)
  })
  // The same process goes on after each of them.
  it.each([
    ['endless', 'time-limit'], ['wild', 'crash: Segmentation fault'], ['deep', 'stack-overflow'], ['zero', 'crash: Floating point exception'], ['claims', 'assert'], ['split', 'deadlock'],
  ])('survives %s: %s', async (kernel, told) => {
    const loaded = await module.load()
    const x = new Int32Array(64)
    if (kernel === 'claims') x[5] = 1
    const run = loaded.launch(kernel, { grid: 1, block: 32 }, [x], { seconds: 0.3 })
    await expect(run).rejects.toMatchObject({ code: 'CUDA_FAULT', message: expect.stringContaining(told) as string })
    const y = Float32Array.of(1)
    await loaded.launch('saxpy', { grid: 1, block: 1 }, [1, 1, Float32Array.of(2), y])
    expect(y[0]).toBe(3)
  })
  it.each([
    ['CUDA_LAUNCH', 'other', {}, []], ['CUDA_LAUNCH', 'reverse', {}, []], ['CUDA_LAUNCH', 'reverse', {}, [new Float64Array(2)]],
  ] as const)('%s: %s', async (code, kernel, options, args) => {
    await expect((await module.load(options)).launch(kernel, { grid: 1, block: 1 }, [...args])).rejects.toMatchObject({ code })
  })
  it('has one device', async () => {
    await expect(module.load({ device: 1 })).rejects.toMatchObject({ code: 'CUDA_DEVICE' })
  })
})

describe('without a compiler', () => {
  afterEach(() => { vi.unstubAllEnvs() })
  it('says what the addon needs and that launches do without', async () => {
    vi.stubEnv('WHETSTONE_CXX', 'no-such-compiler')
    await expect(buildAddon()).rejects.toMatchObject({ code: 'CUDA_TOOLCHAIN', details: { fix: expect.stringContaining('process of its own') as string } })
  })
  it('a library for a GPU gets the library\'s table instead of main', () => {
    const text = gpuSource({ source: '__global__ void f(int* x) { *x = 1; }', file: 'a.cu', include: [], entries: ['f'], library: true })
    expect(text).toMatch(/^#define WS_LIBRARY 1\n/)
    expect(cudaSource('__global__ void f() {}', { device: 'gpu' }).device).toBe('gpu')
  })
})
