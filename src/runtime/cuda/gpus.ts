// Named GPUs: the limits that decide occupancy (CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability") and the peaks of the roofline (NVIDIA's data sheets; dense, boost clock).

/** What a kernel can have of a GPU. */
export interface Gpu {
  readonly name: string
  readonly computeCapability: string
  readonly multiprocessors: number
  readonly threadsPerMultiprocessor: number
  readonly blocksPerMultiprocessor: number
  readonly registersPerMultiprocessor: number
  /** Bytes. */
  readonly sharedPerMultiprocessor: number
  readonly sharedPerBlock: number
  /** Bytes a second from and to DRAM. */
  readonly bandwidth: number
  /** Float32 operations a second, a fused multiply-add being two. */
  readonly float32: number
  /** Dense float16 tensor-core operations a second. */
  readonly tensor: number
}

const KIB = 1024

/** The GPUs that reports can be about. */
export const GPUS: Readonly<Record<string, Gpu>> = {
  T4: { name: 'T4', computeCapability: '7.5', multiprocessors: 40, threadsPerMultiprocessor: 1024, blocksPerMultiprocessor: 16, registersPerMultiprocessor: 65536, sharedPerMultiprocessor: 64 * KIB, sharedPerBlock: 64 * KIB, bandwidth: 320e9, float32: 8.1e12, tensor: 65e12 },
  A100: { name: 'A100 SXM 80 GB', computeCapability: '8.0', multiprocessors: 108, threadsPerMultiprocessor: 2048, blocksPerMultiprocessor: 32, registersPerMultiprocessor: 65536, sharedPerMultiprocessor: 164 * KIB, sharedPerBlock: 163 * KIB, bandwidth: 2039e9, float32: 19.5e12, tensor: 312e12 },
  RTX3090: { name: 'GeForce RTX 3090', computeCapability: '8.6', multiprocessors: 82, threadsPerMultiprocessor: 1536, blocksPerMultiprocessor: 16, registersPerMultiprocessor: 65536, sharedPerMultiprocessor: 100 * KIB, sharedPerBlock: 99 * KIB, bandwidth: 936e9, float32: 35.6e12, tensor: 142e12 },
  L4: { name: 'L4', computeCapability: '8.9', multiprocessors: 58, threadsPerMultiprocessor: 1536, blocksPerMultiprocessor: 24, registersPerMultiprocessor: 65536, sharedPerMultiprocessor: 100 * KIB, sharedPerBlock: 99 * KIB, bandwidth: 300e9, float32: 30.3e12, tensor: 121e12 },
  H100: { name: 'H100 SXM', computeCapability: '9.0', multiprocessors: 132, threadsPerMultiprocessor: 2048, blocksPerMultiprocessor: 32, registersPerMultiprocessor: 65536, sharedPerMultiprocessor: 228 * KIB, sharedPerBlock: 227 * KIB, bandwidth: 3350e9, float32: 66.9e12, tensor: 989e12 },
}

/** How many blocks of a kernel a multiprocessor holds, and what keeps it from more. */
export interface Occupancy {
  readonly blocks: number
  readonly warps: number
  /** Active warps over the most that fit, 0 to 1. */
  readonly fraction: number
  readonly limitedBy: 'threads' | 'blocks' | 'shared memory' | 'registers'
}

/**
 * Occupancy = resident warps / most resident warps, by the rules of the occupancy calculator: registers are given to
 * warps in units of 256, shared memory to blocks in units of 128 bytes (1 KiB more for the system from 8.0 on).
 *
 * @param registers per thread, as nvcc reports them; undefined where nvcc is not there
 */
export function occupancy(gpu: Gpu, threads: number, sharedBytes: number, registers?: number): Occupancy {
  const warps = Math.ceil(threads / 32)
  const reserved = Number(gpu.computeCapability) >= 8 ? KIB : 0
  const shared = Math.ceil((sharedBytes + reserved) / 128) * 128
  const limits: [Occupancy['limitedBy'], number][] = [
    ['threads', Math.floor(gpu.threadsPerMultiprocessor / 32 / warps)],
    ['blocks', gpu.blocksPerMultiprocessor],
    ['shared memory', shared === 0 ? Infinity : Math.floor(gpu.sharedPerMultiprocessor / shared)],
  ]
  if (registers !== undefined && registers > 0) {
    const perWarp = Math.ceil(registers * 32 / 256) * 256
    // Warps live on four partitions, each with its part of the registers.
    limits.push(['registers', Math.floor(Math.floor(gpu.registersPerMultiprocessor / perWarp / 4) * 4 / warps)])
  }
  const [limitedBy, blocks] = limits.reduce((least, one) => (one[1] < least[1] ? one : least))
  return { blocks, warps: blocks * warps, fraction: blocks * warps / (gpu.threadsPerMultiprocessor / 32), limitedBy }
}

/** Where a kernel lies under the roof of a GPU. */
export interface Roofline {
  /** Floating-point operations per byte of DRAM traffic, at least: every byte is fetched as often as it is asked for. */
  readonly intensity: number
  /** The same with caches that never miss twice: only what must be moved. */
  readonly idealIntensity: number
  /** Intensity at which the GPU turns from memory-bound to compute-bound. */
  readonly ridge: number
  readonly bound: 'memory' | 'compute'
  /** Upper limit of the GPU's speed at `intensity`, operations a second. */
  readonly attainable: number
  /** Lower limit of the time of one launch on the GPU, seconds, from `idealIntensity`'s traffic. A bound, not a prediction. */
  readonly leastSeconds: number
}

/** The roofline model (S. Williams, A. Waterman, D. Patterson, 2009). */
export function roofline(gpu: Gpu, flops: number, bytes: number, leastBytes: number): Roofline {
  const intensity = flops / Math.max(1, bytes), idealIntensity = flops / Math.max(1, leastBytes), ridge = gpu.float32 / gpu.bandwidth
  return {
    intensity, idealIntensity, ridge, bound: intensity < ridge ? 'memory' : 'compute',
    attainable: Math.min(gpu.float32, intensity * gpu.bandwidth), leastSeconds: Math.max(flops / gpu.float32, leastBytes / gpu.bandwidth),
  }
}
