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
  const found = nvcc()
  if (found === undefined) return new Map()
  const text = input.source + '\n' + (input.instances ?? []).map((name, i) => `void* ws_instance_${i}() { return (void*)&${name}; }\n`).join('')
  const included = includedFiles(input.source, input.include).map((file) => readFileSync(file, 'utf8'))
  const cache = path.join(cacheFolder(), `resources-${sha256([found.version, input.architecture, text, ...included].join('\0')).slice(0, 24)}.json`)
  if (existsSync(cache)) return new Map(JSON.parse(readFileSync(cache, 'utf8')) as [string, KernelResources][])
  const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-nvcc-'))
  try {
    const file = path.join(folder, path.basename(input.file))
    writeFileSync(file, text)
    const ran = await execute(found.command, ['-std=c++17', '-O3', `-arch=${input.architecture}`, '-Xptxas', '-v', '-cubin', '-o', path.join(folder, 'out.cubin'), ...input.include.flatMap((name) => ['-I', name]), file], { seconds: 300 })
    if (ran.status !== 0) throw compileError(ran.stderr, input.file, input.source)
    const parsed = parsePtxas(ran.stderr)
    mkdirSync(cacheFolder(), { recursive: true })
    writeFileSync(cache, JSON.stringify([...parsed]))
    return parsed
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads the output of `ptxas -v`. Of several instances of a template the one with the most registers counts. */
export function parsePtxas(text: string): Map<string, KernelResources> {
  const kernels = new Map<string, KernelResources>()
  for (const part of text.split(/Compiling entry function /).slice(1)) {
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
