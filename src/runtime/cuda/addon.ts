// The N-API addon: built by node-gyp when first asked for, kept under the hash of its sources. Without a compiler or
// node-gyp everything but programs in this process works, and says so.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import path from 'node:path'
import { messageOf, sha256 } from '../../core'
import { CudaError } from './errors'
import { cacheFolder, execute, nativeFolder, once, sourcesIn, versionOfCompiler } from './toolchain'

/** A program that was opened; memory of a device. Only the addon knows what is inside. */
export interface Handle { readonly handle: 'library' | 'memory' }

/** What the addon exports. */
export interface Addon {
  open(file: string): Handle
  describe(library: Handle): { devices: string, entries: string, unified: boolean }
  allocate(library: Handle, device: number, bytes: number): Handle
  copy(memory: Handle, array: ArrayBufferView, toDevice: boolean): void
  release(memory: Handle): void
  /** The milliseconds of each launch. An array that the kernel only reads is given inside another array. */
  launch(library: Handle, device: number, kernel: string, shape: Float64Array, values: Uint8Array, parameters: readonly unknown[]): Promise<Float64Array>
}

/** node-gyp: `npm_config_node_gyp`, a package of the project, or the one inside npm, which comes with Node. */
function nodeGyp(): string | undefined {
  const inside = path.join('node_modules', 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  const beside = path.dirname(process.execPath)
  const asked = [process.env['npm_config_node_gyp'], path.join(nativeFolder, '..', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    path.join(beside, '..', 'lib', inside), path.join(beside, inside)]
  const found = asked.find((file) => file !== undefined && existsSync(file))
  if (found !== undefined) return found
  // npm of another origin: it knows where its packages are.
  const root = spawnSync('npm', ['root', '-g'], { encoding: 'utf8', timeout: 20_000, shell: process.platform === 'win32' })
  const file = path.join(root.stdout ? root.stdout.trim() : '', inside.slice('node_modules'.length + 1))
  return root.status === 0 && existsSync(file) ? file : undefined
}

/** Where node_api.h is, beside this Node; without it node-gyp fetches the headers. */
function headers(): string | undefined {
  const roots = [process.env['npm_config_nodedir'], path.join(path.dirname(process.execPath), '..')]
  return roots.find((root) => root !== undefined && existsSync(path.join(root, 'include', 'node', 'node_api.h')))
}

let loaded: Promise<Addon> | undefined

/**
 * The addon, built if need be (some seconds, once).
 *
 * @throws CudaError `CUDA_TOOLCHAIN` when it cannot be built: the message says what is missing
 */
export function addon(): Promise<Addon> {
  loaded ??= buildAddon().catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  return loaded
}

/** Builds and loads the addon; `addon()` remembers it. */
export async function buildAddon(): Promise<Addon> {
  const fix = 'install g++, make, python3 and npm; or run without the addon, each run in a process of its own: module.launch'
  if (versionOfCompiler() === undefined) throw new CudaError('CUDA_TOOLCHAIN', 'The addon needs g++ on Linux', { fix })
  const gyp = nodeGyp()
  if (gyp === undefined) throw new CudaError('CUDA_TOOLCHAIN', 'The addon is built by node-gyp, which npm brings along', { got: 'no node-gyp', fix })
  const abi = `${process.platform} ${process.arch} ${process.versions.modules}`
  const key = sha256([abi, ...sourcesIn('addon'), ...sourcesIn('common')].join('\0')).slice(0, 16)
  const folder = await once(path.join(cacheFolder(), `addon-${key}`), async (temporary) => {
    for (const part of ['addon', 'common']) cpSync(path.join(nativeFolder, part), path.join(temporary, part), { recursive: true })
    const nodedir = headers()
    const args = [gyp, 'rebuild', '-C', path.join(temporary, 'addon'), ...nodedir === undefined ? [] : [`--nodedir=${nodedir}`]]
    const ran = await execute(process.execPath, args, { seconds: 300 })
    if (ran.status !== 0) {
      const told = [...ran.stderr.matchAll(/^(?:gyp ERR! (?:stack|find Python) |.*error: ).*$/gm)].map(([line]) => line).slice(0, 6).join('\n')
      throw new CudaError('CUDA_TOOLCHAIN', 'The addon could not be built', { got: told || ran.stderr.slice(-1000), where: `node-gyp ${args.slice(1).join(' ')}`, fix })
    }
  })
  const file = path.join(folder, 'addon', 'build', 'Release', 'whetstone_native.node')
  try {
    const module = { exports: {} as Addon }
    process.dlopen(module, file)
    return module.exports
  } catch (cause) {
    throw new CudaError('CUDA_TOOLCHAIN', 'The addon could not be loaded', { got: messageOf(cause), where: file, fix: 'delete .whetstone/cache/cuda and try again', cause })
  }
}
