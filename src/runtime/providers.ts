// Which execution providers really work on this machine: a session is made and run with each, because a provider that is
// listed may still lack its libraries or its device.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../core'
import { native, packageFile } from './binding'
import { Session } from './session'
import type { Provider } from './session'

/** A provider and whether a session can be made with it here. */
export interface ProviderStatus {
  readonly name: Provider
  /** Its library comes with onnxruntime-node. */
  readonly bundled: boolean
  readonly works: boolean
  /** Why it does not work, in ONNX Runtime's words. */
  readonly reason?: string
}

/** The model `y = Identity(x)` for x: float32 [1], opset 13, as the 63 bytes of its file. */
const IDENTITY = Uint8Array.from([
  0x08, 0x08, // ir_version: 8
  0x3a, 0x33, // graph: 51 bytes
  0x0a, 0x10, 0x0a, 0x01, 0x78, 0x12, 0x01, 0x79, 0x22, 0x08, ...Buffer.from('Identity'), // node x -> y
  0x12, 0x01, 0x67, // graph name: g
  0x5a, 0x0d, 0x0a, 0x01, 0x78, 0x12, 0x08, 0x0a, 0x06, 0x08, 0x01, 0x12, 0x02, 0x0a, 0x00, // input x
  0x62, 0x0d, 0x0a, 0x01, 0x79, 0x12, 0x08, 0x0a, 0x06, 0x08, 0x01, 0x12, 0x02, 0x0a, 0x00, // output y
  0x42, 0x04, 0x0a, 0x00, 0x10, 0x0d, // opset import: '' version 13
])

/** The library that a provider needs besides ONNX Runtime's own; asking for it first spares the failed load. */
function libraryOf(name: Provider): string | undefined {
  if (name !== 'cuda' && name !== 'tensorrt') return undefined
  const [prefix, suffix] = process.platform === 'win32' ? ['', '.dll'] : ['lib', '.so']
  const folder = path.join(path.dirname(packageFile()), 'bin', 'napi-v6', process.platform, process.arch)
  return path.join(folder, `${prefix}onnxruntime_providers_${name}${suffix}`)
}

let found: readonly ProviderStatus[] | undefined

/** Tries every provider once per process; the first call may take seconds where a GPU is set up. */
export function providers(): readonly ProviderStatus[] {
  if (found) return found
  const listed = new Map(native().listSupportedBackends().map((b) => [b.name, b.bundled]))
  const names: readonly Provider[] = ['cpu', 'webgpu', 'cuda', 'tensorrt']
  found = names.map((name): ProviderStatus => {
    const bundled = listed.get(name) ?? false
    if (!listed.has(name)) return { name, bundled, works: false, reason: 'onnxruntime-node does not know it on this platform' }
    const library = libraryOf(name)
    if (library !== undefined && !existsSync(library)) {
      return { name, bundled, works: false, reason: `${path.basename(library)} is not installed: see docs/engine.md, "Providers"` }
    }
    try {
      const session = Session.create(IDENTITY, { providers: [name], threads: 1 })
      session.runSync({ x: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } })
      session.dispose()
      return { name, bundled, works: true }
    } catch (thrown) {
      return { name, bundled, works: false, reason: messageOf(thrown) }
    }
  })
  return found
}
