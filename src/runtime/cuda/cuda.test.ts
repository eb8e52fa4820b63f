import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cuda, cudaFile, cudaSource, emptyArray, findKernels, gpuNames, GPUS, nvcc, occupancy, parsePtxas, rewrite, versionOfCompiler } from '.'
import { gpuSource } from './gpu'
import { codeOnly, cooperative } from './rewrite'
import { flopsOf } from './symbols'
import type { AccessReport, CudaRun } from '.'

const folder = path.resolve(__dirname, '..', '..', '..', 'native', 'emulator', 'test')
const missing = versionOfCompiler() === undefined ? ' (skipped: no g++ on this Linux)' : ''
const here = missing === '' ? describe : describe.skip

const accessOf = (run: CudaRun, space: string, kind: string): AccessReport => {
  const all = run.kernels.flatMap((kernel) => kernel.lines.flatMap((line) => line.accesses)).filter((one) => one.space === space && one.kind === kind)
  expect(all).toHaveLength(1)
  return all[0]!
}

const patterns = cuda`
__global__ void load(const float* in, float* out, int stride, int shift) { out[threadIdx.x] = in[threadIdx.x * stride + shift]; }
__global__ void load4(const float4* in, float* out) { float4 v = in[threadIdx.x]; out[threadIdx.x] = v.x + v.y + v.z + v.w; }
__global__ void banks(float* out, int stride) {
  extern __shared__ float s[];
  for (int i = threadIdx.x; i < 32 * stride + 1; i += 32) s[i] = i;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x * stride];
}
template <int PAD> __global__ void column(float* out) {
  __shared__ float tile[32][32 + PAD];
  for (int i = 0; i < 32; i++) tile[i][threadIdx.x] = i;
  __syncthreads();
  for (int i = 0; i < 32; i++) out[i * 32 + threadIdx.x] = tile[threadIdx.x][i];
}
__global__ void diverge(float* out) {
  if (threadIdx.x < 8)
    out[threadIdx.x] = 1;
  else
    out[threadIdx.x] = 2;
}`

here(`the golden numbers of coalescing and banks${missing}`, () => {
  const inputs = new Float32Array(32 * 64 + 8)
  it.each([[1, 0, 4], [1, 1, 5], [2, 0, 8], [8, 0, 32], [16, 0, 32], [0, 0, 1]])('stride %i, shift %i: %i sectors a request', async (stride, shift, sectors) => {
    const run = await patterns.launch('load', { grid: 1, block: 32 }, [inputs, emptyArray(Float32Array, 32), stride, shift], { orders: 1 })
    expect(accessOf(run, 'global', 'load').sectorsPerRequest).toBe(sectors)
    expect(accessOf(run, 'global', 'store').sectorsPerRequest).toBe(4)
    expect(accessOf(run, 'global', 'load').efficiency).toBeCloseTo(Math.min(1, (stride === 0 ? 4 : 128) / (sectors * 32)))
  })
  it('aligned float4: 16 sectors in one request', async () => {
    const run = await patterns.launch('load4', { grid: 1, block: 32 }, [inputs, emptyArray(Float32Array, 32)], { orders: 1 })
    expect(accessOf(run, 'global', 'load')).toMatchObject({ size: 16, requests: 1, sectorsPerRequest: 16, efficiency: 1 })
  })
  it.each([[1, 0], [2, 1], [4, 3], [16, 15], [32, 31], [33, 0], [0, 0]])('shared stride %i: %i conflicts', async (stride, conflicts) => {
    const run = await patterns.launch('banks', { grid: 1, block: 32, shared: 4 * (32 * stride + 1) }, [emptyArray(Float32Array, 32), stride], { orders: 1 })
    const load = accessOf(run, 'shared', 'load')
    expect([load.requests, load.wavefronts, load.bankConflicts]).toEqual([1, conflicts + 1, conflicts])
  })
  it('a column of a tile: 32-way conflicts; padded: none', async () => {
    const plain = await patterns.launch('column<0>', { grid: 1, block: 32 }, [emptyArray(Float32Array, 1024)], { orders: 1 })
    const padded = await patterns.launch('column<1>', { grid: 1, block: 32 }, [emptyArray(Float32Array, 1024)], { orders: 1 })
    expect(accessOf(plain, 'shared', 'load')).toMatchObject({ requests: 32, bankConflicts: 32 * 31 })
    expect(accessOf(padded, 'shared', 'load')).toMatchObject({ requests: 32, bankConflicts: 0 })
  })
  it('divergence: active threads of a branch', async () => {
    const run = await patterns.launch('diverge', { grid: 1, block: 32 }, [emptyArray(Float32Array, 32)], { orders: 1 })
    const stores = run.kernels[0]!.lines.flatMap((line) => line.accesses)
    expect(stores.map((store) => store.threadsPerRequest)).toEqual([8, 24])
    expect(run.kernels[0]!.totals.activeThreads).toBeLessThan(32)
  })
})

const gemm = cudaFile(path.join(folder, 'gemm.cu'))

here(`the closed-form traffic of matrix products${missing}`, () => {
  const n = 64, tile = 32
  const a = Float32Array.from({ length: n * n }, (_, i) => (i * 7 % 13) - 6), b = Float32Array.from({ length: n * n }, (_, i) => (i * 5 % 11) - 5)
  const want = Float32Array.from({ length: n * n }, (_, i) => {
    let sum = 0
    for (let k = 0; k < n; k++) sum += a[Math.floor(i / n) * n + k]! * b[k * n + i % n]!
    return sum
  })
  const product = async (kernel: string): Promise<CudaRun> => {
    const c = emptyArray(Float32Array, n * n)
    const run = await gemm.launch(kernel, { grid: [n / tile, n / tile], block: [tile, tile] }, [a, b, c, n], { orders: 1 })
    expect(c).toEqual(want)
    return run
  }
  // A warp is a row of a block: per step of k one broadcast sector of A and 4 sectors of B.
  const warps = n * n / 32
  it('naive: n·(1 + 4) sectors a warp, 8 n² · n of them in all / 32', async () => {
    const { totals } = (await product('naive')).kernels[0]!
    expect(totals.loadSectors).toBe(warps * n * 5)
    expect(totals.storeSectors).toBe(warps * 4)
    expect(totals.flops).toBe(2 * n ** 3)
    expect(totals.leastBytes).toBe(3 * 4 * n * n)
  })
  it('with x and y exchanged: 32 sectors of A for one of B', async () => {
    const { totals } = (await product('naive_transposed')).kernels[0]!
    expect(totals.loadSectors).toBe(warps * n * 33)
    expect(totals.storeSectors).toBe(warps * 32)
  })
  it('tiled: every element is loaded n/T times', async () => {
    const { totals } = (await product(`tiled<${tile}>`)).kernels[0]!
    expect(totals.loadSectors).toBe(2 * n * n * (n / tile) * 4 / 32)
    expect(totals.bankConflicts).toBe(0)
    expect(totals.barriers).toBe((n / tile) ** 2 * (n / tile) * 2)
  })
})

const programs = (file: string, macro: string): string[] =>
  [...readFileSync(path.join(folder, file), 'utf8').matchAll(new RegExp(`\\b${macro}\\((\\w+)\\)(?! if)`, 'g'))].map((found) => found[1]!)

here(`correct programs: right results and no false alarm${missing}`, () => {
  const module = cudaFile(path.join(folder, 'correct.cu'))
  const names = programs('correct.cu', 'TEST')
  it('are at least 20', () => {
    expect(names.length).toBeGreaterThanOrEqual(20)
  })
  it.each(names)('%s', async (name) => {
    const run = await module.run([name])
    expect(run.faults).toEqual([])
    expect(run.stdout.trim().split('\n').pop()).toBe('ok')
    if (name === 'printf') expect(run.stdout).toContain('thread 2 of block 0: 1.0')
  })
})

here(`wrong programs: each fault by its name and line${missing}`, () => {
  const file = path.join(folder, 'wrong.cu')
  const source = readFileSync(file, 'utf8').split('\n')
  const module = cudaFile(file)
  const names = programs('wrong.cu', 'BAD')
  it('are at least 20', () => {
    expect(names.length).toBeGreaterThanOrEqual(20)
  })
  it.each(names)('%s', async (name) => {
    // The marker belongs to the kernels just before the function, or to the function itself.
    const from = source.findIndex((line) => line.startsWith(`void bad_${name}(`))
    let at = source.findIndex((line, i) => i >= from && line === '}' || i > from && line.startsWith('void bad_')) - 1
    if (!source[from]!.trimEnd().endsWith('{') && !source[from]!.includes('// expect')) at = from
    while (!source[at]!.includes('// expect ')) at--
    const kind = /\/\/ expect ([\w-]+)/.exec(source[at]!)![1]!
    const run = await module.run([name], { faults: 'return', seconds: name === 'endless' ? 0.5 : 20 })
    const found = run.faults.filter((fault) => fault.kind !== 'leak' || kind === 'leak')
    expect(found.map((fault) => fault.kind)).toContain(kind)
    const fault = found.find((one) => one.kind === kind)!
    expect(found[0]!.kind).toBe(kind)
    if (kind !== 'order-dependent') expect([fault.line, fault.otherLine]).toContain(at + 1)
    expect(fault.advice.length).toBeGreaterThan(20)
    expect(run.ok).toBe(fault.severity === 'warning')
  })
})

here(`launches from TypeScript${missing}`, () => {
  it('gives arrays back, keeps const ones, and throws at a fault with the run inside', async () => {
    const module = cuda`__global__ void shift(const int* in, int* out, int n, long long big, double d, bool flag) {
  int i = threadIdx.x;
  if (i < n) out[i] = in[i + 1] + (int)(big >> 33) + (int)d + flag;
}`
    const input = Int32Array.from({ length: 9 }, (_, i) => i), out = new Int32Array(8)
    await module.launch('shift', { grid: 1, block: 32 }, [input, out, 8, 1n << 34n, 0.75, true])
    expect([...out]).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
    await expect(module.launch('shift', { grid: 1, block: 32 }, [input, out, 9, 0n, 0, false])).rejects.toMatchObject({
      code: 'CUDA_FAULT', run: { ok: false, faults: [{ kind: 'out-of-bounds', line: 3, thread: [8, 0, 0] }] },
    })
  })
  it.each([
    ['CUDA_LAUNCH', 'there is no kernel', 'other', []],
    ['CUDA_LAUNCH', 'too few arguments', 'f', [new Float32Array(1)]],
    ['CUDA_LAUNCH', 'wrong element', 'f', [new Float64Array(1), 1]],
    ['CUDA_LAUNCH', 'a fraction for an int', 'f', [new Float32Array(1), 1.5]],
  ] as const)('%s: %s', async (code, _why, kernel, args) => {
    await expect(cuda`__global__ void f(float* x, int n) { x[0] = n; }`.launch(kernel, { grid: 1, block: 1 }, [...args])).rejects.toMatchObject({ code })
  })
  it('names the line of a compile error, and refuses PTX', async () => {
    await expect(cudaSource('__global__ void f(float* x) {\n  x[0] = y;\n}').compile()).rejects.toMatchObject({ code: 'CUDA_COMPILE', details: { where: 'kernel.cu, line 2', got: 'x[0] = y;' } })
    await expect(cudaSource('__global__ void f() {\n  asm volatile("bar.sync 0;");\n}').compile()).rejects.toMatchObject({ code: 'CUDA_UNSUPPORTED' })
  })
  it('without the report: the same results', async () => {
    const x = Float32Array.of(1, 2, 3, 4)
    const run = await cuda`__global__ void twice(float* x) { x[threadIdx.x] *= 2; }`.launch('twice', { grid: 1, block: 4 }, [x], { report: false })
    expect([[...x], run.kernels[0]!.lines]).toEqual([[2, 4, 6, 8], []])
  })
})

describe('the other device', () => {
  it.runIf(gpuNames().length === 0)('without a GPU says what is missing, and never runs elsewhere instead', async () => {
    const module = cudaSource('__global__ void f(float* x) { *x = 1; }', { device: 'gpu' })
    await expect(module.launch('f', { grid: 1, block: 1 }, [new Float32Array(1)])).rejects.toMatchObject({ code: nvcc() === undefined ? 'CUDA_TOOLCHAIN' : 'CUDA_DEVICE' })
  })
  it('gives nvcc the source unchanged, between names and main', () => {
    const text = gpuSource({ source: 'template <int N> __global__ void f(int* x) { *x = N; }\nint main() { return 0; }', file: 'a.cu', include: [], entries: ['f<2>'] })
    expect(text).toContain('#line 1 "a.cu"\ntemplate <int N> __global__ void f(int* x) { *x = N; }\nint main() { return 0; }\n')
    expect(text).toContain('WS_ENTRY(0, "f<2>", 0, f<2>)')
    expect(text).toContain('#define WS_HAS_MAIN 1')
  })
})

describe('the rewriter', () => {
  const lines = (code: string): string[] => code.split('\n').slice(1)
  it('keeps the number of every line, and leaves comments and strings alone', () => {
    const source = '// kernel<<<1, 2>>>(x)\nvoid f() {\n  k<8,\n    float><<<dim3(1, 2),\n    32>>>(a,\n b);\n  puts("g<<<1>>>(x)");\n}\n__device__ int total = 3; __device__ int h(int x) { return x; }\nint last;'
    const { code } = rewrite(source, 'a.cu')
    expect(lines(code)[0]).toBe('// kernel<<<1, 2>>>(x)')
    expect(lines(code)[6]).toBe('  puts("g<<<1>>>(x)");')
    expect(lines(code)[8]).toBe('__ws_device_variable__ int total = 3; __device__ int h(int x) { return x; }')
    expect(lines(code)[9]).toBe('int last;')
    expect(code).toContain('ws_start("k<8, float>", 3, ws_config(dim3(1, 2),')
  })
  it('finds kernels, templates among them', () => {
    expect(findKernels('template <class T>\n__global__ void __launch_bounds__(128) a(T* x) {}\nnamespace n { __global__ void b() {} }\n/* __global__ void c() {} */ static __global__ void d(int);')).toEqual([
      { name: 'a', line: 2, template: true }, { name: 'b', line: 3, template: false }, { name: 'd', line: 4, template: false },
    ])
  })
  it('launches together only the kernels that speak of the grid, or all when a function does', () => {
    const alone = cooperative('__global__ void __launch_bounds__(64) a(int* x) { if (x) { cg::this_grid().sync(); } }\ntemplate <int N> __global__ void b(int* x) { *x = N; } // this_grid\n__global__ void c();')
    expect([alone('a'), alone('b<3>'), alone('c')]).toEqual([true, false, false])
    const shared = cooperative('__device__ void all(cg::grid_group g) { g.sync(); }\n__global__ void b(int* x) { *x = 1; }')
    expect([shared('b'), cooperative('__global__ void b(int* x) { *x = 1; }')('b')]).toEqual([true, false])
  })
  it('never changes the number of lines', () => {
    const part = fc.constantFrom('k<<<1,\n2>>>(x);', '// <<<\n', '"<<<"', 'extern __shared__ float\ns[];', '{', '}', '__device__ int v;', 'a << 2', 'f<int>(x)', '\n', "'\\''", '/* \n */')
    fc.assert(fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const source = parts.join(' ')
      expect(codeOnly(source)).toHaveLength(source.length)
      expect(rewrite(source, 'a.cu').code.split('\n')).toHaveLength(source.split('\n').length + 4)
    }))
  })
})

describe('numbers about GPUs', () => {
  // NVIDIA's occupancy calculator: 256 threads, 64 registers, no shared memory on 8.0: 4 blocks, 32 of 64 warps.
  it.each([[256, 0, 64, 4, 0.5, 'registers'], [1024, 0, 32, 2, 1, 'threads'], [128, 48 * 1024, 32, 3, 12 / 64, 'shared memory'], [32, 0, 16, 32, 0.5, 'blocks']])(
    'occupancy of %i threads, %i bytes, %i registers', (threads, shared, registers, blocks, fraction, limitedBy) => {
      expect(occupancy(GPUS['A100']!, threads, shared, registers)).toMatchObject({ blocks, fraction, limitedBy })
    })
  it('reads ptxas and machine code', () => {
    const text = "ptxas info    : Compiling entry function '_ZN2ns4tileILi32EEEvPf' for 'sm_90'\nptxas info    : Function properties for x\n    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\nptxas info    : Used 40 registers, used 1 barriers, 4224 bytes smem"
    expect(parsePtxas(text).get('tile')).toEqual({ registers: 40, spillStores: 4, spillLoads: 12, stackBytes: 8, sharedBytes: 4224 })
    expect([flopsOf('vfmadd231ss', '%xmm1,%xmm2,%xmm0'), flopsOf('vaddps', '%ymm0,%ymm1,%ymm2'), flopsOf('vmovss', ''), flopsOf('mulsd', '%xmm0,%xmm1'), flopsOf('fmadd', '')]).toEqual([2, 8, 0, 1, 2])
  })
})

here(`every kernel of native/kernels, every version: right, and no false alarm${missing}`, () => {
  const kernels = path.resolve(folder, '..', '..', 'kernels')
  it.each(readdirSync(kernels).filter((file) => file.endsWith('.cu')))('%s', async (file) => {
    const run = await cudaFile(path.join(kernels, file)).run(['check'], { orders: 1, faults: 'return', seconds: 60 })
    const lines = run.stdout.trim().split('\n')
    expect(run.faults).toEqual([])
    expect(lines.at(-1)).toBe(`${file.replace('.cu', '')}: all right`)
    // Slow to fast means at least two.
    expect(lines.filter((line) => line.endsWith(': ok')).length).toBeGreaterThanOrEqual(2)
  }, 120_000)
})
