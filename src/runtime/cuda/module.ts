// CUDA C++ from TypeScript: source → compiled → called with typed arrays → results and report.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { CudaError } from './errors'
import { explain, formatFault, type CudaFault } from './faults'
import { GPUS, type Gpu } from './gpus'
import { compileForGpu, gpuNames } from './gpu'
import { addon } from './addon'
import { checkArguments, index3, type Entry, type Launch } from './arguments'
import { LoadedModule } from './loaded'
import { compareAnswers, uniqueFaults } from './orders'
import type { RawResult } from './raw'
import { kernelReport, type KernelReport } from './report'
import { resources, type KernelResources } from './resources'
import { findKernels, rewrite, type KernelName } from './rewrite'
import { giveBack, run, type Answer, type CudaArgument, type CudaArray, type Limits, type RawCall } from './run'
import { blockCosts, linesOf } from './symbols'
import { compileProgram, type Program } from './toolchain'

/** Where a program runs. `emulator` needs no GPU and judges; `gpu` is the device that nvcc and the driver give. */
export type CudaDevice = 'emulator' | 'gpu'

/** How a source is compiled. */
export interface CudaOptions {
  readonly device?: CudaDevice
  /** The name in messages; default `kernel.cu`. */
  readonly file?: string
  /** Folders for #include "…"; the source's own folder is among them when it is read from a file. */
  readonly include?: readonly string[]
  /** The GPU that occupancy and roofline are about: a key of GPUS; default A100. */
  readonly gpu?: string
}

/** How a program is run. */
export interface RunOptions extends Limits {
  /** Without the report nothing is measured or judged, and the program runs about ten times as fast. Default true. */
  readonly report?: boolean
  /** How many orders of the threads are tried; default: 3, or fewer when one takes longer than a second. */
  readonly orders?: number
  /** The first order: 0 ascending, 1 descending, others shuffled. */
  readonly seed?: number
  /** Whether a fault of severity error throws (default), or is only in the result. */
  readonly faults?: 'throw' | 'return'
}

/** A kernel with its launch and arguments. */
export interface Call extends Launch {
  readonly kernel: string
  readonly args: readonly CudaArgument[]
}

/** What a run was. Plain data: `notebook.cudaView` draws it. */
export interface CudaRun {
  readonly device: string
  /** No fault of severity error. */
  readonly ok: boolean
  readonly faults: readonly CudaFault[]
  readonly kernels: readonly KernelReport[]
  readonly stdout: string
  readonly stderr: string
  /** What main returned; 0 for launches from TypeScript. */
  readonly exitCode: number
  /** Orders of the threads that were tried. */
  readonly orders: number
  readonly file: string
  readonly source: string
}

const EMPTY = new WeakSet<CudaArray>()

/** An array that the kernel has to fill: it starts uninitialized on the device, and reading it first is a fault. */
export function emptyArray<T extends CudaArray>(make: new (length: number) => T, length: number): T {
  const array = new make(length)
  EMPTY.add(array)
  return array
}

/** CUDA C++ source, compiled when first used. */
export class CudaModule {
  readonly kernels: readonly KernelName[]
  readonly file: string
  readonly device: CudaDevice
  readonly #instances = new Set<string>()
  readonly #gpu: Gpu

  constructor(readonly source: string, readonly options: CudaOptions = {}) {
    this.file = options.file ?? 'kernel.cu'
    this.device = options.device ?? 'emulator'
    this.kernels = findKernels(source)
    const gpu = GPUS[options.gpu ?? 'A100']
    if (gpu === undefined) throw new CudaError('CUDA_DEVICE', 'There is no data about this GPU', { expected: Object.keys(GPUS).join(', '), got: options.gpu ?? '' })
    this.#gpu = gpu
  }

  /** Compiles now; a later call finds it in the cache. */
  async compile(checked = true): Promise<Program> {
    const rewritten = rewrite(this.source, this.file, [...this.#instances])
    const include = this.options.include ?? []
    if (this.device === 'gpu') return compileForGpu({ source: this.source, file: this.file, include, entries: this.#names() })
    return compileProgram({ code: rewritten.code, source: this.source, file: this.file, kind: checked ? 'checked' : 'plain', include })
  }

  /**
   * Loads the compiled program into this process, for kernels that are trusted: launches without starting a process and
   * without files, on arrays in place (emulator) or on the GPU's memory. Nothing is judged; an endless kernel meets its
   * time limit and most crashes end only the launch, but a write to a wrong address can hit this process itself.
   *
   * @param options `device`: which GPU, or 0 of the emulator; `kernels`: instantiations of templates that will be launched
   * @throws CudaError `CUDA_TOOLCHAIN` where the addon cannot be built, `CUDA_DEVICE`, `CUDA_COMPILE`
   * @example
   * const loaded = await module.load()
   * const { medianMs } = await loaded.launch('scale', { grid: 4, block: 256, repeat: 100 }, [x, 2, x.length])
   */
  async load(options: LoadOptions = {}): Promise<LoadedModule> {
    const instances = new Set([...this.#instances, ...options.kernels ?? []])
    for (const { name, template } of this.kernels) if (!template) instances.delete(name)
    const include = this.options.include ?? []
    const native = await addon()
    const program = this.device === 'gpu'
      ? await compileForGpu({ source: this.source, file: this.file, include, entries: [...this.#plainNames(), ...instances], library: true })
      : await compileProgram({ code: rewrite(this.source, this.file, [...instances]).code, source: this.source, file: this.file, kind: 'library', include })
    return new LoadedModule(native, native.open(program.executable), options.device ?? 0, this.file)
  }

  #plainNames(): string[] {
    return this.kernels.filter((kernel) => !kernel.template).map((kernel) => kernel.name)
  }

  #names(): string[] {
    return [...this.#plainNames(), ...this.#instances]
  }

  /**
   * Launches one kernel. Arrays that the kernel takes as pointers are copied to the device, and back into the same
   * arrays afterwards, unless the pointer is to const.
   *
   * @param kernel its name; an instantiation of a template: `tile<32>`
   * @throws CudaError `CUDA_LAUNCH` when arguments do not fit, `CUDA_FAULT` when the judge finds an error
   * @example
   * await cuda`__global__ void twice(float* x) { x[threadIdx.x] *= 2; }`.launch('twice', { grid: 1, block: 4 }, [x])
   */
  launch(kernel: string, launch: Launch, args: readonly CudaArgument[], options: RunOptions = {}): Promise<CudaRun> {
    return this.sequence([{ kernel, args, ...launch }], options)
  }

  /** Several launches, one after the other, on the same device memory: an array that appears twice is the same memory. */
  async sequence(calls: readonly Call[], options: RunOptions = {}): Promise<CudaRun> {
    for (const { kernel } of calls) if (!this.kernels.some((known) => known.name === kernel && !known.template)) this.#instances.add(kernel)
    for (const { kernel } of calls) {
      if (this.kernels.some((known) => known.name === kernel.replace(/<.*/s, '').replace(/.*::/s, '').trim())) continue
      this.#instances.delete(kernel)
      throw new CudaError('CUDA_LAUNCH', `There is no kernel ${kernel}`, { expected: this.kernels.map((one) => one.name).join(', ') || 'a __global__ function in the source', where: this.file })
    }
    const program = await this.compile(options.report ?? true)
    const entries = entriesOf(program)
    const raw = calls.map((call): RawCall => {
      const entry = entries.find((one) => one.name === call.kernel)
      const parameters = entry?.parameters ?? []
      checkArguments(call.kernel, call.args, parameters, this.file)
      return { kernel: call.kernel, grid: index3(call.grid, 'grid'), block: index3(call.block, 'block'), shared: call.shared ?? 0, repeat: call.repeat ?? 1, args: call.args, kinds: parameters.map(([kind]) => kind) }
    })
    return this.#run(program, raw, [], options)
  }

  /** Runs the program's own main. */
  async run(argv: readonly string[] = [], options: RunOptions = {}): Promise<CudaRun> {
    if (!rewrite(this.source, this.file).hasMain) {
      throw new CudaError('CUDA_LAUNCH', 'The source has no main', { fix: 'call a kernel: module.launch(name, { grid, block }, arguments)', where: this.file })
    }
    return this.#run(await this.compile(options.report ?? true), [], argv, options)
  }

  async #run(program: Program, calls: readonly RawCall[], argv: readonly string[], options: RunOptions): Promise<CudaRun> {
    const empty = new Set(calls.flatMap((call) => call.args).filter((arg): arg is CudaArray => typeof arg === 'object' && EMPTY.has(arg)))
    const checked = (options.report ?? true) && this.device === 'emulator'
    const one = (seed: number): Promise<Answer> => run({ ...options, executable: program.executable, calls, argv, seed, races: checked, empty, kernelNames: this.kernels.map((kernel) => kernel.name) })
    const first = options.seed ?? 0, began = Date.now()
    const answer = await one(first)
    const results: RawResult[] = [answer.result]
    const spent = Date.now() - began
    const orders = checked ? options.orders ?? (spent > 1000 || results[0]?.faults.some((fault) => fault.severity === 'error') ? 1 : 3) : 1
    const dependent: CudaFault[] = []
    for (let i = 1; i < orders; i++) {
      const other = await one(first + i)
      results.push(other.result)
      const difference = compareAnswers(answer, other)
      if (difference === undefined || dependent.length > 0) continue
      dependent.push(explain({ kind: 'order-dependent', severity: 'error', pc: 0, pc2: 0, address: '', size: 0, count: 1, target: '', detail: difference }, new Map()))
    }
    if (this.device === 'gpu') {
      const none = new Map<number, never>()
      const told = answer.result.faults.map((fault) => explain(fault, none))
      return this.#finish(answer, told, answer.result.kernels.map((raw) => kernelReport(raw, 0, none, none, this.#gpu)), orders, options)
    }
    const pcs = results.flatMap((result) => [...result.faults.flatMap((fault) => [fault.pc, fault.pc2]), ...result.kernels.flatMap((kernel) => [...kernel.sites.map((site) => site.pc), ...kernel.blocks.map(([pc]) => pc)])])
    const lines = linesOf(program, this.file, pcs)
    const faults = uniqueFaults(results.flatMap((result) => result.faults).map((fault) => explain(fault, lines)))
    // A race explains an order-dependent result better than the result does.
    const judged = [...faults, ...(faults.some((fault) => fault.severity === 'error') ? [] : dependent)]
    const costs = checked ? blockCosts(program) : new Map<number, never>()
    const used = this.registers()
    const kernels = answer.result.kernels.map((raw) => kernelReport(raw, sharedOf(raw.kernel, answer.result.shared), lines, costs, this.#gpu, used.get(baseName(raw.kernel))?.registers))
    return this.#finish(answer, judged, kernels, orders, options)
  }

  #finish(answer: Answer, faults: readonly CudaFault[], kernels: readonly KernelReport[], orders: number, options: RunOptions): CudaRun {
    giveBack(answer)
    for (const array of answer.arrays.keys()) EMPTY.delete(array)
    const device = this.device === 'emulator' ? 'CUDA emulator (this computer\'s CPU)' : gpuNames()[0] ?? 'GPU'
    const done: CudaRun = {
      device, ok: !faults.some((fault) => fault.severity === 'error'), faults, kernels, stdout: answer.stdout, stderr: answer.stderr,
      exitCode: answer.result.exit, orders, file: this.file, source: this.source,
    }
    const worst = faults.find((fault) => fault.severity === 'error')
    if (worst === undefined || options.faults === 'return') return done
    throw new CudaError('CUDA_FAULT', worst.message, {
      where: formatFault(worst).split(':')[0] ?? '', got: this.source.split('\n')[worst.line - 1]?.trim() ?? '', fix: worst.advice,
    }, done)
  }

  /** Registers, spills and constants of each kernel as nvcc reported them; empty where that was never asked. */
  registers(): ReadonlyMap<string, KernelResources> {
    return this.#resources
  }

  #resources: ReadonlyMap<string, KernelResources> = new Map()

  /**
   * Asks nvcc for registers and spills, for the occupancy of later reports. Some seconds.
   *
   * @param architecture `sm_80`, `sm_90`
   * @returns an empty map where nvcc is not installed
   */
  async resources(architecture = 'sm_80'): Promise<ReadonlyMap<string, KernelResources>> {
    this.#resources = await resources({ source: this.source, file: this.file, include: this.options.include ?? [], architecture, instances: [...this.#instances] })
    return this.#resources
  }
}

/** How a program is loaded into this process. */
export interface LoadOptions {
  /** Which GPU, in the order of the driver; the emulator is device 0. Default 0. */
  readonly device?: number
  /** Instantiations of kernel templates: `tile<32>`. */
  readonly kernels?: readonly string[]
}

/** `tile<32>` → `tile`. */
const baseName = (kernel: string): string => kernel.replace(/<.*/s, '').replace(/.*::/s, '').trim()

/** Static shared memory of a kernel: its own variables, and those of device functions, which any kernel may call. */
function sharedOf(kernel: string, variables: readonly (readonly [string, number])[]): number {
  const own = new RegExp(`\\b${baseName(kernel)}\\b`)
  return variables.filter(([name]) => own.test(name.replace(/::\w+$/, ''))).reduce((total, [, bytes]) => total + bytes, 0)
}

function entriesOf(program: Program): Entry[] {
  const file = path.join(program.folder, 'entries.json')
  if (!existsSync(file)) writeFileSync(file, execFileSync(program.executable, ['--entries'], { encoding: 'utf8' }))
  return JSON.parse(readFileSync(file, 'utf8')) as Entry[]
}

/**
 * CUDA C++ source as a module.
 *
 * @example
 * const module = cuda`
 * __global__ void scale(float* x, float a, int n) {
 *   int i = blockIdx.x * blockDim.x + threadIdx.x;
 *   if (i < n) x[i] *= a;
 * }`
 * const run = await module.launch('scale', { grid: 4, block: 256 }, [x, 2, x.length])
 */
export function cuda(strings: TemplateStringsArray, ...values: readonly (string | number)[]): CudaModule {
  return new CudaModule(strings.raw.reduce((text, part, i) => text + String(values[i - 1] ?? '') + part))
}

/** A source with options: device, file name, include folders, the GPU that the report is about. */
export function cudaSource(source: string, options: CudaOptions = {}): CudaModule {
  return new CudaModule(source, options)
}

/** A .cu file as a module. */
export function cudaFile(file: string, options: CudaOptions = {}): CudaModule {
  const source = readFileSync(file, 'utf8')
  return new CudaModule(source, { ...options, file: options.file ?? path.basename(file), include: [path.dirname(path.resolve(file)), ...options.include ?? []] })
}
