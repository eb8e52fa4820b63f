// The judge's words: what each fault is, and one sentence of advice.
import type { RawFault } from './raw'

/** What the judge can find. */
export type FaultKind =
  | 'out-of-bounds' | 'misaligned' | 'uninitialized' | 'null-pointer' | 'host-memory' | 'foreign-local' | 'constant-write' | 'index'
  | 'race-shared' | 'race-global' | 'barrier-divergence' | 'barrier-after-exit' | 'invalid-mask' | 'deadlock' | 'grid-sync'
  | 'assert' | 'trap' | 'crash' | 'stack-overflow' | 'time-limit' | 'memory-limit' | 'order-dependent'
  | 'leak' | 'invalid-free' | 'memcpy-direction' | 'memcpy-bounds' | 'invalid-launch' | 'device-memory-on-host'

/** x, y, z. */
export type Index3 = readonly [number, number, number]

/** A fault: where, who, what, and what to do. */
export interface CudaFault {
  readonly kind: FaultKind
  /** `warning`: it may work on a GPU, but nothing promises it. */
  readonly severity: 'error' | 'warning'
  /** One sentence. */
  readonly message: string
  /** One sentence: what to do. */
  readonly advice: string
  /** Line of the source, from 1; 0 when it is not known. */
  readonly line: number
  /** The other line of two that do not go together. */
  readonly otherLine?: number
  readonly kernel?: string
  readonly block?: Index3
  readonly thread?: Index3
  readonly otherBlock?: Index3
  readonly otherThread?: Index3
  /** How often it happened. */
  readonly count: number
}

const ADVICE: Readonly<Record<FaultKind, string>> = {
  'out-of-bounds': 'Guard the access with the size: if (i < n).',
  misaligned: 'Make the address a multiple of the size of what is read or written; vector types need 8 or 16 bytes.',
  uninitialized: 'Write the memory first: cudaMemcpy or cudaMemset before the launch, or a store before the load.',
  'null-pointer': 'Check what cudaMalloc returned and which pointer was passed to the kernel.',
  'host-memory': 'Pass a pointer from cudaMalloc, and copy host data to it with cudaMemcpy.',
  'foreign-local': 'Share data through __shared__ memory or shuffles: a local variable belongs to its thread alone.',
  'constant-write': 'Write __constant__ memory from the host with cudaMemcpyToSymbol; kernels only read it.',
  index: 'Keep the index below the size of the array.',
  'race-shared': 'Put __syncthreads() between the two accesses (or __syncwarp() within a warp), or use an atomic.',
  'race-global': 'Use an atomic, give every thread its own element, or split the work into two launches.',
  'barrier-divergence': 'Move __syncthreads() out of the branch, so that all threads of the block reach the same one.',
  'barrier-after-exit': 'Replace the early return by a condition around the work, so that all threads reach the barrier.',
  'invalid-mask': 'Name exactly the lanes that make the call: 0xffffffff where all 32 do, __ballot_sync before the branch otherwise.',
  deadlock: 'Let every thread that is waited for arrive: no barrier or warp operation in a branch that some threads skip.',
  'grid-sync': 'Launch with cudaLaunchCooperativeKernel: only then are all blocks there to wait for.',
  assert: 'The condition in assert() does not hold for this thread: look at its inputs.',
  trap: 'The program asked for it with __trap().',
  crash: 'Look at this line for a bad pointer, a division by zero or a wild local array.',
  'stack-overflow': 'Use less local memory: the emulator gives each thread 63 KiB, recursion included.',
  'time-limit': 'Look for a loop that never ends, or give more time: { seconds: 60 }.',
  'memory-limit': 'Use smaller arrays, or allow more: { bytes: 4 * 2 ** 30 }.',
  'order-dependent': 'The result depends on which thread runs first: order the accesses with a barrier, an atomic or another launch.',
  leak: 'Call cudaFree when the memory is no longer needed.',
  'invalid-free': 'Free every pointer that cudaMalloc gave once, and no other.',
  'memcpy-direction': 'Name the direction that fits the pointers: destination first, then source.',
  'memcpy-bounds': 'Copy bytes, not elements: n * sizeof(T), and no more than was allocated.',
  'invalid-launch': 'At most 1024 threads in a block, at least one block, and shared memory within the limit.',
  'device-memory-on-host': 'Copy it to the host with cudaMemcpy first.',
}

const at3 = (index: Index3): string => (index[1] === 0 && index[2] === 0 ? String(index[0]) : `(${index.join(', ')})`)

function sentence(f: RawFault, line: number, otherLine: number): string {
  const other = f.otherThread === undefined ? '' : `thread ${at3(f.otherThread)}${f.otherBlock !== undefined && f.otherBlock.join() !== f.block?.join() ? ` of block ${at3(f.otherBlock)}` : ''}`
  const verb = f.detail.startsWith('write') ? 'writes' : 'reads'
  const what = f.target === '' ? `address ${f.address}` : f.target
  const elsewhere = otherLine > 0 && otherLine !== line ? ` (line ${otherLine})` : ''
  switch (f.kind as FaultKind) {
    case 'out-of-bounds': return `A thread ${verb} ${f.size} bytes outside its memory: ${what}`
    case 'misaligned': return `A thread ${verb} ${f.size} bytes at an address that is no multiple of ${f.size}: ${what}`
    case 'uninitialized': return `A thread reads ${f.detail} memory that nothing has written: ${what}`
    case 'null-pointer': return `A thread ${verb} through a null pointer`
    case 'host-memory': return `A thread ${verb} host memory${f.detail.includes('host variable') ? ': a variable that is not __device__' : ''} (${f.address})`
    case 'foreign-local': return `A thread ${verb} a local variable of ${other || 'another thread'}`
    case 'constant-write': return 'A thread writes __constant__ memory'
    case 'index': return `Index ${parseInt(f.address, 16) | 0} is outside an array of type ${f.detail}`
    case 'race-shared': case 'race-global':
      return `Data race in ${f.kind === 'race-shared' ? 'shared' : 'global'} memory (${f.detail}): nothing orders this access and that of ${other}${elsewhere}: ${what}`
    case 'barrier-divergence': return `Threads of one block wait at different barriers${elsewhere}`
    case 'barrier-after-exit': return `${f.size} threads of the block ended before the barrier that the others reached`
    case 'invalid-mask': return f.detail.startsWith('caller') ? `A lane makes a warp call that its own mask does not name (${f.detail.slice(-10)})` : `A lane ${f.detail}, whose value is undefined: ${other}`
    case 'deadlock': return f.detail === 'grid' ? 'Some blocks wait for the grid while others have ended' : `Threads wait for each other without end (${f.detail})${elsewhere === '' ? '' : `, some here, some at the other place${elsewhere}`}`
    case 'grid-sync': return 'grid.sync() in a launch that is not cooperative'
    case 'assert': return `Assertion failed: ${f.detail}`
    case 'trap': return 'The kernel stopped itself'
    case 'crash': return `The program crashed: ${f.detail}`
    case 'stack-overflow': return 'A thread used more local memory than it has'
    case 'time-limit': return f.detail === 'host' ? 'The program did not end in its time' : 'The kernel did not end in its time; this line was running'
    case 'memory-limit': return `The program wanted more memory than it may have (${(f.size / 2 ** 20).toFixed(0)} MiB)`
    case 'order-dependent': return f.detail
    case 'leak': return `${f.size} bytes are never freed`
    case 'invalid-free': return `cudaFree of a pointer that is ${f.detail.includes('twice') ? 'free already' : 'not from cudaMalloc'}`
    case 'memcpy-direction': return `cudaMemcpy in the wrong direction: ${f.detail.replace(/ in line.*/, '')}`
    case 'memcpy-bounds': return `${f.detail.includes('cudaMemset') ? 'cudaMemset' : 'cudaMemcpy'} of ${f.size} bytes goes past an allocation: ${what}`
    case 'invalid-launch': return `The launch cannot be made: ${f.detail.replace(/ in line.*/, '')}`
    case 'device-memory-on-host': return `Host code ${verb} device memory`
    default: return f.kind
  }
}

/** A fault in words, with the learner's lines. */
export function explain(f: RawFault, lines: ReadonlyMap<number, number>): CudaFault {
  const said = /line (\d+)/.exec(f.detail)
  const line = (f.kind === 'leak' ? 0 : lines.get(f.pc) ?? 0) || (said === null ? 0 : Number(said[1]))
  const otherLine = f.pc2 > 0 ? lines.get(f.pc2) ?? 0 : 0
  const kind = f.kind as FaultKind
  return {
    kind, severity: f.severity, message: sentence(f, line, otherLine), advice: ADVICE[kind], line, count: f.count,
    ...otherLine > 0 ? { otherLine } : {}, ...f.kernel === undefined ? {} : { kernel: f.kernel },
    ...f.block === undefined ? {} : { block: f.block }, ...f.thread === undefined ? {} : { thread: f.thread },
    ...f.otherBlock === undefined ? {} : { otherBlock: f.otherBlock }, ...f.otherThread === undefined ? {} : { otherThread: f.otherThread },
  }
}

/** One line for a terminal: `line 7, thread 3 of block 0: …`. */
export function formatFault(fault: CudaFault): string {
  const who = fault.thread === undefined ? '' : `, thread ${at3(fault.thread)} of block ${at3(fault.block ?? [0, 0, 0])}`
  return `${fault.severity} ${fault.kind}, line ${fault.line}${who}: ${fault.message}. ${fault.advice}${fault.count > 1 ? ` (${fault.count} times)` : ''}`
}
