// What nvcc says about a kernel: registers, spills, stack. Needs nvcc, no GPU.
import { mkdtempSync, rmSync, writeFileSync, existsSync, readFileSync, mkdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sha256 } from '../../core'
import { cacheFolder, compileError, execute, includedFiles, nvcc } from './toolchain'

/** Per thread, as ptxas reports it. */
export interface KernelResources {
  readonly registers: number
  /** Bytes stored and loaded because registers ran out. */
  readonly spillStores: number
  readonly spillLoads: number
  readonly stackBytes: number
  readonly sharedBytes: number
}

/** What to ask about. */
export interface ResourceInput {
  readonly source: string
  readonly file: string
  readonly include: readonly string[]
  /** `sm_80`, `sm_90`. */
  readonly architecture: string
  /** Instantiations of templates that the source itself does not make. */
  readonly instances?: readonly string[]
}

/**
 * Compiles with nvcc for one architecture and reads ptxas' report, by kernel name (of templates the worst instance).
 *
 * @returns an empty map where nvcc is not installed
 * @throws CudaError `CUDA_COMPILE` with nvcc's message
 */
export async function resources(input: ResourceInput): Promise<ReadonlyMap<string, KernelResources>> {
  return (await resourcesFor(input, [input.architecture])).get(input.architecture) ?? new Map<string, KernelResources>()
}

/** The same for several architectures in one run of nvcc: its front end takes most of the time. */
export async function resourcesFor(
  input: Omit<ResourceInput, 'architecture'>, architectures: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, KernelResources>>> {
  const found = nvcc()
  if (found === undefined) return new Map()
  const text = input.source + '\n' + (input.instances ?? []).map((name, i) => `void* ws_instance_${i}() { return (void*)&${name}; }\n`).join('')
  const included = includedFiles(input.source, input.include).map((file) => readFileSync(file, 'utf8'))
  const cache = path.join(cacheFolder(), `resources-${sha256([found.version, ...architectures, text, ...included].join('\0')).slice(0, 24)}.txt`)
  if (!existsSync(cache)) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-nvcc-'))
    try {
      const file = path.join(folder, path.basename(input.file))
      writeFileSync(file, text)
      const code = architectures.flatMap((name) => ['-gencode', `arch=${name.replace('sm_', 'compute_')},code=${name}`])
      const ran = await execute(found.command, ['-std=c++17', '-O3', ...code, '-Xptxas', '-v', '-fatbin', '-o', path.join(folder, 'out.fatbin'), ...input.include.flatMap((name) => ['-I', name]), file], { seconds: 300 })
      if (ran.status !== 0) throw compileError(ran.stderr, input.file, input.source)
      mkdirSync(cacheFolder(), { recursive: true })
      writeFileSync(cache, ran.stderr)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const report = readFileSync(cache, 'utf8')
  return new Map(architectures.map((name) => [name, parsePtxas(report, name)]))
}

/** Reads the output of `ptxas -v`, of one architecture or of all. Of several instances of a template the one with the most registers counts. */
export function parsePtxas(text: string, architecture?: string): Map<string, KernelResources> {
  const kernels = new Map<string, KernelResources>()
  for (const part of text.split(/Compiling entry function /).slice(1)) {
    if (architecture !== undefined && !part.startsWith(`${part.split(' ', 1)[0] ?? ''} for '${architecture}'`)) continue
    const name = plainName(/^'([^']+)'/.exec(part)?.[1] ?? '')
    const number = (pattern: RegExp): number => Number(pattern.exec(part)?.[1] ?? 0)
    const one = {
      registers: number(/Used (\d+) registers/), spillStores: number(/(\d+) bytes spill stores/), spillLoads: number(/(\d+) bytes spill loads/),
      stackBytes: number(/(\d+) bytes stack frame/), sharedBytes: number(/(\d+) bytes smem/),
    }
    if ((kernels.get(name)?.registers ?? -1) < one.registers) kernels.set(name, one)
  }
  return kernels
}

/** The function's own name in an Itanium mangled one: `_Z5saxpyifPKfPf`, `_ZN2ns4tileILi32EEEvPf`. */
export function plainName(mangled: string): string {
  let at = /^_ZN?K?/.exec(mangled)?.[0].length ?? 0, name = mangled
  for (;;) {
    const length = /^\d+/.exec(mangled.slice(at))?.[0]
    if (length === undefined) return name
    at += length.length
    name = mangled.slice(at, at + Number(length))
    at += Number(length)
  }
}
