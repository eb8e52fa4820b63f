// Compilers: finds them, builds the emulator once, and compiles programs, each kept under the hash of what it is made of.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { messageOf, sha256 } from '../../core'
import { CudaError } from './errors'

/** The project's folder: this file is in src/runtime/cuda or dist/runtime/cuda. */
export const projectFolder: string = path.resolve(__dirname, '..', '..', '..')
export const nativeFolder: string = path.join(projectFolder, 'native')
const emulatorFolder = path.join(nativeFolder, 'emulator')

/** Where compiled programs are kept. */
export function cacheFolder(): string {
  return path.join(process.env['WHETSTONE_CACHE'] ?? path.join(projectFolder, '.whetstone', 'cache'), 'cuda')
}

/** What a tool printed and how it ended. */
export interface Ran {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A program's output beyond this is cut: a kernel that prints in every thread must not fill the notebook. */
const MAX_OUTPUT = 4 << 20

/** Runs a program; ends it after `seconds`, or when `signal` is aborted. */
export function execute(command: string, args: readonly string[], options: { seconds: number, signal?: AbortSignal | undefined }): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
    const taken = { stdout: 0, stderr: 0 }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        if (taken[name] < MAX_OUTPUT) chunks[name].push(chunk.subarray(0, MAX_OUTPUT - taken[name]))
        taken[name] += chunk.byteLength
      })
    }
    const kill = (): void => { child.kill('SIGKILL') }
    const timer = setTimeout(kill, options.seconds * 1000)
    options.signal?.addEventListener('abort', kill, { once: true })
    const done = (): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', kill)
    }
    child.on('error', (error) => {
      done()
      reject(error)
    })
    child.on('close', (status, signal) => {
      done()
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(chunks[name]).toString() + (taken[name] > MAX_OUTPUT ? '\n… cut\n' : '')
      resolve({ status, signal, stdout: text('stdout'), stderr: text('stderr') })
    })
  })
}

const versions = new Map<string, string | undefined>()

/** First line of `command --version`, or undefined when it is not there. */
export function versionOf(command: string): string | undefined {
  if (!versions.has(command)) {
    const asked = spawnSync(command, ['--version'], { encoding: 'utf8', timeout: 20_000 })
    versions.set(command, asked.status === 0 ? asked.stdout.trim() : undefined)
  }
  return versions.get(command)
}

/** The C++ compiler: `WHETSTONE_CXX`, else g++. */
export function compiler(): { readonly command: string, readonly version: string } {
  const command = process.env['WHETSTONE_CXX'] ?? 'g++'
  const version = versionOf(command)
  if (version === undefined || process.platform !== 'linux') {
    throw new CudaError('CUDA_TOOLCHAIN', 'The CUDA emulator needs g++ on Linux', {
      expected: 'g++ 11 or later on x86-64 or arm64', got: process.platform === 'linux' ? `no ${command}` : process.platform,
      fix: 'Debian, Ubuntu: sudo apt install g++; on other systems use a container or WSL',
    })
  }
  return { command, version }
}

/** The compiler's version, or undefined where the emulator cannot be built. */
export function versionOfCompiler(): string | undefined {
  return process.platform === 'linux' ? versionOf(process.env['WHETSTONE_CXX'] ?? 'g++') : undefined
}

/** nvcc: `WHETSTONE_NVCC`, on the PATH, or where the toolkit installs it. */
export function nvcc(): { readonly command: string, readonly version: string } | undefined {
  for (const command of [process.env['WHETSTONE_NVCC'] ?? 'nvcc', '/usr/local/cuda/bin/nvcc']) {
    const version = versionOf(command)
    if (version !== undefined) return { command, version: /release ([\d.]+)/.exec(version)?.[1] ?? version }
  }
  return undefined
}

/** The folder of the CUDA toolkit that nvcc belongs to: `include` and `lib64` are in it. */
export function cudaRoot(): string | undefined {
  const command = nvcc()?.command
  if (command === undefined) return undefined
  const named = command.includes(path.sep) ? [command] : (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, command))
  // nvcc on the PATH may be a link into the toolkit.
  const found = [...named, '/usr/local/cuda/bin/nvcc'].filter((file) => existsSync(file)).map((file) => path.resolve(path.dirname(realpathSync(file)), '..'))
  return found.find((root) => existsSync(path.join(root, 'include', 'cuda_runtime.h')))
}

let flags: readonly string[] | undefined

/** Fused multiply-add and half conversions as the processor has them; results are those of a device, which fuses too. */
function machineFlags(): readonly string[] {
  if (flags === undefined) {
    const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
    flags = process.arch === 'x64' && /\bfma\b/.test(cpu) && /\bf16c\b/.test(cpu) ? ['-mfma', '-mf16c'] : []
  }
  return flags
}

/**
 * How a program is built. checked: every access and every basic block calls the emulator. plain: an optimized build.
 * library: an optimized build that is loaded into this process, with a call at every basic block to keep its time limit.
 */
type BuildKind = 'checked' | 'plain' | 'library'
const BUILD_KINDS: readonly BuildKind[] = ['checked', 'plain', 'library']

/** Position-independent, and no symbol of it is seen by another library of the process. */
const LIBRARY_FLAGS: readonly string[] = ['-fPIC', '-fvisibility=hidden', '-fno-gnu-unique', '-DWS_LIBRARY']

function programFlags(kind: BuildKind): string[] {
  const common = ['-std=c++17', '-g', ...kind === 'library' ? LIBRARY_FLAGS : ['-fno-pie'], '-ffp-contract=fast', '-fno-strict-aliasing', '-fno-math-errno', '-Wno-unknown-pragmas', ...machineFlags()]
  if (kind === 'library') return [...common, '-O2', '-fsanitize-coverage=trace-pc']
  return kind === 'checked'
    ? [...common, '-O1', '-fexpensive-optimizations', '-fsanitize=thread', '-fsanitize=bounds', '-fsanitize-coverage=trace-pc',
      '--param', 'tsan-instrument-func-entry-exit=0', '--param', 'tsan-distinguish-volatile=1']
    : [...common, '-O2']
}

const pending = new Map<string, Promise<string>>()

/** Makes a folder of the cache once: `build` fills a temporary one, which is then moved to its place. */
export function once(folder: string, build: (temporary: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return Promise.resolve(folder)
  const running = pending.get(folder)
  if (running) return running
  const work = (async () => {
    const temporary = `${folder}.${process.pid}.${Date.now()}`
    mkdirSync(temporary, { recursive: true })
    try {
      await build(temporary)
      // Another process may have been faster; its result is the same.
      try {
        renameSync(temporary, folder)
      } catch (error) {
        if (!existsSync(folder)) throw error
      }
    } finally {
      rmSync(temporary, { recursive: true, force: true })
      pending.delete(folder)
    }
    return folder
  })()
  pending.set(folder, work)
  return work
}

/** Names and contents of the sources in a folder of native/, for the key of what is built from them. */
export function sourcesIn(folder: string): string[] {
  const root = path.join(nativeFolder, folder)
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(?:h|cuh|cpp|gyp)$/.test(file)).sort()
  return files.map((file) => `${folder}/${file}\0${readFileSync(path.join(root, file), 'utf8')}`)
}

let emulatorHash: string | undefined

/** The hash of the emulator's own sources, of the compiler and of the flags. */
function emulatorKey(): string {
  if (emulatorHash === undefined) {
    const flagsOfAll = BUILD_KINDS.flatMap((kind) => programFlags(kind))
    emulatorHash = sha256([compiler().version, ...machineFlags(), ...flagsOfAll, ...sourcesIn('emulator'), ...sourcesIn('common')].join('\0')).slice(0, 16)
  }
  return emulatorHash
}

async function mustRun(command: string, args: readonly string[], what: string, seconds = 300): Promise<Ran> {
  let ran: Ran
  try {
    ran = await execute(command, args, { seconds })
  } catch (cause) {
    throw new CudaError('CUDA_TOOLCHAIN', what, { got: messageOf(cause), cause })
  }
  if (ran.status !== 0) {
    throw new CudaError('CUDA_TOOLCHAIN', what, { got: ran.stderr.trim().slice(0, 2000) || `it ended with ${ran.signal ?? String(ran.status)}`, where: `${command} ${args.join(' ')}` })
  }
  return ran
}

/**
 * The emulator compiled, and its headers precompiled for one kind of programs: about 10 s of processor time, once each.
 *
 * @throws CudaError `CUDA_TOOLCHAIN` without g++ on Linux
 */
export function buildEmulator(kind: BuildKind = 'checked'): Promise<string> {
  const object = once(path.join(cacheFolder(), `emulator-${kind === 'library' ? 'library-' : ''}${emulatorKey()}`), async (folder) => {
    await mustRun(compiler().command, ['-std=c++17', '-O2', '-g1', ...kind === 'library' ? LIBRARY_FLAGS : ['-fno-pie'], ...machineFlags(), '-c',
      path.join(emulatorFolder, 'src', 'emulator.cpp'), '-o', path.join(folder, 'emulator.o')], 'The emulator does not compile')
  })
  const headers = once(path.join(cacheFolder(), `headers-${kind}-${emulatorKey()}`), async (folder) => {
    const header = path.join(folder, 'prelude.h')
    writeFileSync(header, `#include "${path.join(emulatorFolder, 'include', 'cuda_runtime.h')}"\n`)
    await mustRun(compiler().command, [...programFlags(kind), '-x', 'c++-header', header, '-o', `${header}.gch`], 'The headers of the emulator do not compile')
  })
  return Promise.all([object, headers]).then(([folder]) => folder)
}

/** What is compiled. */
export interface CompileInput {
  /** C++ after the rewriter. */
  readonly code: string
  /** The source as written, for messages. */
  readonly source: string
  readonly file: string
  readonly kind: BuildKind
  /** Folders for #include. */
  readonly include: readonly string[]
}

/** A program made: its executable, in a folder that also keeps what is derived from it. */
export interface Program {
  readonly folder: string
  readonly executable: string
}

/** Compiles a rewritten source for the emulator: an executable, or for kind `library` a library. */
export async function compileProgram(input: CompileInput): Promise<Program> {
  const { kind } = input
  const emulator = await buildEmulator(kind)
  const included = includedFiles(input.source, input.include).map((file) => readFileSync(file, 'utf8'))
  const key = sha256([emulatorKey(), kind, input.code, ...included].join('\0')).slice(0, 24)
  const folder = await once(path.join(cacheFolder(), `program-${key}`), async (temporary) => {
    const { command } = compiler()
    const file = path.join(temporary, 'program.cpp'), object = path.join(temporary, 'program.o')
    writeFileSync(file, input.code)
    const prelude = path.join(cacheFolder(), `headers-${kind}-${emulatorKey()}`, 'prelude.h')
    const args = [...programFlags(kind), '-Winvalid-pch', '-include', prelude, '-I', path.join(emulatorFolder, 'include'),
      ...input.include.flatMap((name) => ['-I', name]), '-c', file, '-o', object]
    const compiled = await execute(command, args, { seconds: 300 })
    if (compiled.status !== 0) throw compileError(compiled.stderr, input.file, input.source)
    // Nothing may be missing in a library: what it lacks would be found when it runs.
    const how = kind === 'library' ? ['-shared', '-Wl,-Bsymbolic', '-Wl,-z,defs'] : ['-no-pie']
    await mustRun(command, [...how, object, path.join(emulator, 'emulator.o'), '-o', path.join(temporary, 'program'), '-lpthread', '-ldl'], 'The program does not link')
    rmSync(object)
  })
  return { folder, executable: path.join(folder, 'program') }
}

/** Quoted includes that exist, with what they include: their contents are part of a program's key. */
export function includedFiles(source: string, folders: readonly string[]): string[] {
  const found = new Set<string>()
  const visit = (text: string, from: readonly string[]): void => {
    for (const [, name = ''] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      const file = from.map((folder) => path.resolve(folder, name)).find((candidate) => existsSync(candidate))
      if (file === undefined || found.has(file)) continue
      found.add(file)
      visit(readFileSync(file, 'utf8'), [path.dirname(file), ...folders])
    }
  }
  visit(source, folders)
  return [...found]
}

/** The compiler's first errors, in the learner's lines. */
export function compileError(stderr: string, file: string, source: string): CudaError {
  const lines = source.split('\n')
  const found = [...stderr.matchAll(/^(.+?)[:(](\d+)\)?(?::(\d+))?: (?:fatal )?error:? ?(.*)$/gm)]
  const own = found.filter((match) => path.basename(match[1] ?? '') === path.basename(file))
  const first = (own[0] ?? found[0])
  if (first === undefined) return new CudaError('CUDA_COMPILE', 'The source does not compile', { got: stderr.trim().slice(0, 2000) })
  const line = Number(first[2])
  const more = own.slice(1, 4).map((match) => `line ${match[2] ?? ''}: ${match[4] ?? ''}`)
  return new CudaError('CUDA_COMPILE', `The source does not compile: ${first[4] ?? ''}`, {
    got: own.length > 0 ? (lines[line - 1] ?? '').trim() : first[0],
    where: `${own.length > 0 ? file : path.basename(first[1] ?? '')}, line ${line}${more.length > 0 ? `; also ${more.join('; ')}` : ''}`,
  })
}
