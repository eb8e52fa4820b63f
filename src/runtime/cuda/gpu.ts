// The same programs on a real GPU: compiled by nvcc with a small main of ours that answers the same requests.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sha256 } from '../../core'
import { CudaError } from './errors'
import { codeOnly, cooperative } from './rewrite'
import { cacheFolder, compileError, execute, includedFiles, nvcc, projectFolder, sourcesIn, type Program } from './toolchain'

let names: readonly string[] | undefined

/** The NVIDIA GPUs of this machine, by nvidia-smi; none where there is no driver. */
export function gpuNames(): readonly string[] {
  if (names === undefined) {
    const asked = spawnSync('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], { encoding: 'utf8', timeout: 20_000 })
    names = asked.status === 0 ? asked.stdout.split('\n').map((name) => name.trim()).filter((name) => name !== '') : []
  }
  return names
}

/** A source for the GPU. */
export interface GpuInput {
  readonly source: string
  readonly file: string
  readonly include: readonly string[]
  /** Kernels and instantiations to be callable by name. */
  readonly entries: readonly string[]
  /** `native` (the GPU of this machine) or `sm_80`, … */
  readonly architecture?: string
  /** For the process of Node instead of one of its own. */
  readonly library?: boolean
}

/** The source that nvcc gets: unchanged, followed by the entries; a main of its own is renamed by the preprocessor. */
export function gpuSource(input: GpuInput): string {
  const together = cooperative(input.source)
  const hasMain = /\bint\s+main\s*\(/.test(codeOnly(input.source))
  const device = path.join(projectFolder, 'native', 'device', 'device_main.cuh')
  return [
    input.library === true ? '#define WS_LIBRARY 1' : '', `#include "${device}"`, hasMain ? '#define main ws_program_main' : '', `#line 1 ${JSON.stringify(input.file)}`, input.source, '#line 1 "entries"',
    hasMain ? '#undef main\n#define WS_HAS_MAIN 1' : '', ...input.entries.map((name, i) => `WS_ENTRY(${i}, ${JSON.stringify(name)}, ${together(name) ? 1 : 0}, ${name})`),
    '#define WS_DEVICE_MAIN 1', `#include "${device}"`, '',
  ].join('\n')
}

/**
 * Compiles for the GPU.
 *
 * @throws CudaError `CUDA_TOOLCHAIN` without nvcc, `CUDA_DEVICE` without a GPU, `CUDA_COMPILE` with nvcc's message
 */
export async function compileForGpu(input: GpuInput): Promise<Program> {
  const found = nvcc()
  if (found === undefined) {
    throw new CudaError('CUDA_TOOLCHAIN', 'nvcc is not installed', { fix: "install the CUDA toolkit, or choose device: 'emulator'" })
  }
  if (input.architecture === undefined && gpuNames().length === 0) {
    throw new CudaError('CUDA_DEVICE', 'This machine has no NVIDIA GPU', { expected: 'a GPU that nvidia-smi lists', fix: "choose device: 'emulator', which needs none" })
  }
  const text = gpuSource(input)
  const included = [...includedFiles(input.source, input.include).map((file) => readFileSync(file, 'utf8')), ...sourcesIn('device'), ...sourcesIn('common')]
  const folder = path.join(cacheFolder(), `gpu-${sha256([found.version, input.architecture ?? gpuNames().join(), text, ...included].join('\0')).slice(0, 24)}`)
  const program = { folder, executable: path.join(folder, 'program') }
  if (existsSync(program.executable)) return program
  const temporary = `${folder}.${process.pid}`
  mkdirSync(temporary, { recursive: true })
  try {
    const file = path.join(temporary, 'program.cu')
    writeFileSync(file, text)
    const ran = await execute(found.command, ['-std=c++17', '-O3', '-lineinfo', `-arch=${input.architecture ?? 'native'}`, ...input.library === true ? ['-shared', '-Xcompiler', '-fPIC,-fvisibility=hidden'] : [], ...input.include.flatMap((name) => ['-I', name]), file, '-o', path.join(temporary, 'program')], { seconds: 300 })
    if (ran.status !== 0) throw compileError(ran.stderr, input.file, input.source)
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return program
}
