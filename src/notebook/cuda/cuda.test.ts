import { describe, expect, it } from 'vitest'
import { displaySymbol } from '../../core'
import { accessText, cudaView, rooflineFigure } from './view'
import { lanesOf, warpSvg } from './warp'
import type { AccessLike, CudaRunLike } from './parts'

const access = (over: Partial<AccessLike>): AccessLike => ({
  space: 'global', kind: 'load', size: 4, requests: 1, threadsPerRequest: 32, sectorsPerRequest: 4, efficiency: 1, wavefronts: 0, bankConflicts: 0, contention: 0,
  sample: { mask: 0xffffffff, size: 4, addresses: Array.from({ length: 32 }, (_, i) => i * 4) }, ...over,
})
const run: CudaRunLike = {
  device: 'CUDA emulator', orders: 3, file: 'a.cu', source: '__global__ void f(float* x) {\n  x[threadIdx.x] = x[0] < 1;\n}', stdout: '',
  faults: [{ kind: 'race-global', severity: 'error', message: 'Data <race>', advice: 'Use an atomic.', line: 2, thread: [3, 0, 0], block: [0, 0, 0], count: 2 }],
  kernels: [{
    kernel: 'f', grid: [1, 1, 1], block: [32, 1, 1], launches: 1, ms: 0.5, gpu: { name: 'A100', bandwidth: 2039e9, float32: 19.5e12 },
    lines: [{ line: 2, accesses: [access({})], executions: 1, activeThreads: 32, flops: 64, heat: 1 }],
    totals: { sectorsPerRequest: 4, efficiency: 1, bankConflicts: 0, sharedWavefronts: 0, globalBytes: 256, leastBytes: 132, flops: 64, activeThreads: 32, barriers: 0 },
    occupancy: { blocks: 32, fraction: 0.5, limitedBy: 'blocks' }, roofline: { intensity: 0.25, idealIntensity: 0.48, ridge: 9.6, bound: 'memory' },
  }],
}

describe('the view of a CUDA run', () => {
  it('shows device, fault, advice, heat and the numbers of a line, with the source escaped', () => {
    const bundle = cudaView(run)[displaySymbol]()
    const html = String(bundle['text/html'])
    for (const part of ['CUDA emulator', 'race-global, line 2', 'Use an atomic.', 'width:46px', '4 sectors/request', '132 bytes must move', 'Data &lt;race&gt;', 'x[0] &lt; 1']) expect(html).toContain(part)
    expect(String(bundle['text/plain'])).toContain('line 2 100%: global load: 4 sectors/request, 100% used')
  })
  it('draws lanes by sector and by bank', () => {
    const strided = access({ sample: { mask: 0xffffffff, size: 4, addresses: Array.from({ length: 32 }, (_, i) => i * 64) } })
    expect(warpSvg(strided)).toContain('32 sectors of 32 bytes for 32 lanes')
    expect(warpSvg(access({}))).toContain('4 sectors of 32 bytes')
    const conflict = access({ space: 'shared', sample: { mask: 0xf, size: 4, addresses: [0, 128, 256, 4] } })
    expect(warpSvg(conflict)).toContain('3 different words in one bank')
    expect(lanesOf(access({ sample: { mask: 0b1010, size: 4, addresses: [8, 16] } }))).toEqual([{ lane: 1, address: 8 }, { lane: 3, address: 16 }])
    expect(accessText(access({ kind: 'atomic', contention: 32, threadsPerRequest: 16 }))).toBe('global atomic: 32 lanes at one address, 16 of 32 lanes')
  })
  it('puts kernels under the roof, and refuses what is no run', () => {
    const [roof, asked] = rooflineFigure(run).data
    expect((roof?.y as number[]).at(-1)).toBeCloseTo(19500)
    expect(asked).toMatchObject({ x: [0.25], y: [0.25 * 2039] })
    expect(() => cudaView({} as CudaRunLike)).toThrow(expect.objectContaining({ code: 'CUDA_VALUE' }))
  })
})
