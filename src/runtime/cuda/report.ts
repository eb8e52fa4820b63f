// The profile of a run in Nsight Compute's terms, per source line and in total.
import type { RawKernel, RawSite } from './raw'
import { occupancy, roofline, type Gpu, type Occupancy, type Roofline } from './gpus'
import type { Index3 } from './faults'
import type { BlockCost } from './symbols'

/** Accesses of one line to one memory. Requests are of warps; all sums are over all launches. */
export interface AccessReport {
  readonly space: 'global' | 'shared'
  readonly kind: 'load' | 'store' | 'atomic'
  /** Bytes a lane moves at once. */
  readonly size: number
  readonly requests: number
  /** Active lanes per request, of 32. */
  readonly threadsPerRequest: number
  /** 32-byte sectors moved (global). */
  readonly sectors: number
  readonly sectorsPerRequest: number
  /** Bytes asked for / bytes moved in sectors, 0 to 1 (global). */
  readonly efficiency: number
  /** Passes through the banks (shared). */
  readonly wavefronts: number
  /** Wavefronts beyond those that the same lanes need without conflicts (shared). */
  readonly bankConflicts: number
  /** For atomics: lanes that meet at the most wanted address, per request. */
  readonly contention: number
  /** The most expensive request: active lanes as bits, and the byte addresses of the active lanes within their lines. */
  readonly sample: { readonly mask: number, readonly size: number, readonly addresses: readonly number[] }
}

/** One line of the source. */
export interface LineReport {
  readonly line: number
  readonly accesses: readonly AccessReport[]
  /** Warp executions of the line's basic blocks, and threads active in them, of 32. */
  readonly executions: number
  readonly activeThreads: number
  readonly flops: number
  /** Share of the kernel's memory work (sectors and wavefronts) that this line makes, 0 to 1: the heat column. */
  readonly heat: number
}

/** Sums over a kernel. */
export interface KernelTotals {
  readonly loadSectors: number
  readonly storeSectors: number
  readonly atomicSectors: number
  readonly globalRequests: number
  readonly sectorsPerRequest: number
  readonly efficiency: number
  readonly sharedWavefronts: number
  readonly bankConflicts: number
  /** Bytes moved between the multiprocessors and the caches, per launch: sectors × 32. */
  readonly globalBytes: number
  /** Bytes that must be moved at least, per launch: every byte read first and every byte written, once. */
  readonly leastBytes: number
  readonly flops: number
  readonly instructions: number
  /** Threads active per executed instruction, of 32. */
  readonly activeThreads: number
  readonly barriers: number
}

/** A kernel with one configuration: all its launches together. */
export interface KernelReport {
  readonly kernel: string
  readonly grid: Index3
  readonly block: Index3
  readonly launches: number
  readonly threads: number
  readonly staticShared: number
  readonly dynamicShared: number
  /** Milliseconds of the fastest launch, and of all, on the device that ran it: the emulator's are no GPU's time. */
  readonly ms: number
  readonly totalMs: number
  readonly lines: readonly LineReport[]
  readonly totals: KernelTotals
  readonly occupancy: Occupancy
  readonly roofline: Roofline
  readonly gpu: Gpu
}

function access(site: RawSite): AccessReport {
  const per = (value: number): number => (site.requests === 0 ? 0 : value / site.requests)
  return {
    space: site.space, kind: site.kind, size: site.size, requests: site.requests, threadsPerRequest: per(site.lanes), sectors: site.sectors,
    sectorsPerRequest: per(site.sectors), efficiency: site.sectors === 0 ? 1 : Math.min(1, site.bytes / (site.sectors * 32)), wavefronts: site.wavefronts,
    bankConflicts: site.wavefronts - site.idealWavefronts, contention: per(site.contention),
    sample: { mask: site.mask >>> 0, size: site.size, addresses: site.addresses },
  }
}

/** The same line may touch memory at several places in the machine code (an unrolled loop): they are added up. */
function merge(sites: readonly RawSite[]): RawSite[] {
  const groups = new Map<string, RawSite>()
  for (const site of sites) {
    const key = `${site.space} ${site.kind} ${site.size}`
    const old = groups.get(key)
    const worse = old === undefined || (site.sectors + site.wavefronts) / site.requests > (old.sectors + old.wavefronts) / old.requests ? site : old
    groups.set(key, old === undefined ? site : {
      ...worse, requests: old.requests + site.requests, lanes: old.lanes + site.lanes, bytes: old.bytes + site.bytes, sectors: old.sectors + site.sectors,
      idealSectors: old.idealSectors + site.idealSectors, wavefronts: old.wavefronts + site.wavefronts, idealWavefronts: old.idealWavefronts + site.idealWavefronts,
      contention: old.contention + site.contention,
    })
  }
  return [...groups.values()]
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0)

/** Lines and totals of a kernel from the runner's sums. */
export function kernelReport(
  raw: RawKernel, staticShared: number, lines: ReadonlyMap<number, number>, costs: ReadonlyMap<number, BlockCost>, gpu: Gpu, registers?: number,
): KernelReport {
  const byLine = new Map<number, { sites: RawSite[], blocks: (readonly [number, number, number])[] }>()
  const at = (pc: number): { sites: RawSite[], blocks: (readonly [number, number, number])[] } => {
    const line = lines.get(pc) ?? 0
    const found = byLine.get(line) ?? { sites: [], blocks: [] }
    byLine.set(line, found)
    return found
  }
  for (const site of raw.sites) at(site.pc).sites.push(site)
  for (const block of raw.blocks) at(block[0]).blocks.push(block)
  const work = (site: RawSite): number => site.sectors + site.wavefronts
  const allWork = Math.max(1, sum(raw.sites, work))
  const cost = (pc: number): BlockCost => costs.get(pc) ?? { flops: 0, instructions: 0 }
  const reports = [...byLine].filter(([line]) => line > 0).sort(([a], [b]) => a - b).map(([line, { sites, blocks }]): LineReport => {
    const executions = Math.max(0, ...blocks.map((block) => block[1]))
    return {
      line, accesses: merge(sites).map(access), executions, activeThreads: executions === 0 ? 0 : sum(blocks, (b) => b[2]) / sum(blocks, (b) => b[1]),
      flops: sum(blocks, (block) => block[2] * cost(block[0]).flops), heat: sum(sites, work) / allWork,
    }
  })
  const global = raw.sites.filter((site) => site.space === 'global'), shared = raw.sites.filter((site) => site.space === 'shared')
  const sectors = (kind: string): number => sum(global.filter((site) => site.kind === kind), (site) => site.sectors)
  const requests = sum(global, (site) => site.requests), allSectors = sum(global, (site) => site.sectors)
  const flops = sum(raw.blocks, (block) => block[2] * cost(block[0]).flops)
  const instructions = sum(raw.blocks, (block) => block[2] * cost(block[0]).instructions)
  const warpInstructions = sum(raw.blocks, (block) => block[1] * cost(block[0]).instructions)
  const globalBytes = allSectors * 32 / raw.launches, leastBytes = (raw.readOnce + raw.writtenOnce) / raw.launches
  const [x, y, z] = raw.block
  return {
    kernel: raw.kernel, grid: raw.grid, block: raw.block, launches: raw.launches, threads: raw.threads, staticShared, dynamicShared: raw.dynamicShared,
    ms: raw.fastestMs, totalMs: raw.ms, lines: reports, gpu,
    totals: {
      loadSectors: sectors('load'), storeSectors: sectors('store'), atomicSectors: sectors('atomic'), globalRequests: requests,
      sectorsPerRequest: requests === 0 ? 0 : allSectors / requests, efficiency: allSectors === 0 ? 1 : Math.min(1, sum(global, (s) => s.bytes) / (allSectors * 32)),
      sharedWavefronts: sum(shared, (s) => s.wavefronts), bankConflicts: sum(shared, (s) => s.wavefronts - s.idealWavefronts), globalBytes, leastBytes,
      flops, instructions, activeThreads: warpInstructions === 0 ? 0 : instructions / warpInstructions, barriers: raw.barriers,
    },
    occupancy: occupancy(gpu, x * y * z, staticShared + raw.dynamicShared, registers),
    roofline: roofline(gpu, flops / raw.launches, globalBytes, leastBytes),
  }
}
