// The synchronous call into ONNX Runtime. onnxruntime-node's public `run` is this call behind a `setImmediate`, and an
// engine that answers `dataSync` cannot wait for that. The call is not public, so its package version is pinned here.
import { createRequire } from 'node:module'
import type { InferenceSession, Tensor as TensorNamespace } from 'onnxruntime-common'
import { WhetstoneError, messageOf } from '../core'

/** The version whose private interface this file was checked against. */
export const ONNXRUNTIME_VERSION = '1.30.0'

/** What ONNX Runtime says about an input or output of a loaded model. */
export interface NativeValueInfo {
  readonly name: string
  readonly isTensor: boolean
  /** Names of the axes that have no fixed size; same length as `shape`. */
  readonly symbolicDimensions: readonly string[]
  /** Sizes; -1 for a symbolic axis. */
  readonly shape: readonly number[]
  /** `TensorProto.DataType` */
  readonly type: number
}

/** The native session: every call blocks the thread until it is done. */
export interface NativeSession {
  loadModel(path: string, options: InferenceSession.SessionOptions): void
  loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: InferenceSession.SessionOptions): void
  readonly inputMetadata: readonly NativeValueInfo[]
  readonly outputMetadata: readonly NativeValueInfo[]
  run(
    feeds: Record<string, NativeTensor>, fetches: Record<string, NativeTensor | null>, options: InferenceSession.RunOptions,
  ): Record<string, NativeTensor>
  endProfiling(): void
  dispose(): void
}

/** onnxruntime-common's tensor: a typed array with a shape. */
export type NativeTensor = TensorNamespace

interface Native {
  readonly InferenceSession: new () => NativeSession
  readonly Tensor: new (type: string, data: unknown, shape: readonly number[]) => NativeTensor
  listSupportedBackends(): readonly { readonly name: string; readonly bundled: boolean }[]
}

// Loaded on first use, so that a broken installation is a typed error and not a failed import.
const load: NodeJS.Require = createRequire(__filename)
/** The file package.json of onnxruntime-node, whose folder holds the libraries. */
export function packageFile(): string {
  return load.resolve('onnxruntime-node/package.json')
}

let loaded: Native | undefined

/**
 * Loads ONNX Runtime's native library, once for the process.
 *
 * @throws WhetstoneError `RUNTIME_MISSING` when the package or its library does not load, `RUNTIME_VERSION` when another
 * version than the pinned one is installed
 */
export function native(): Native {
  if (loaded) return loaded
  let version: string
  let binding: { binding: Omit<Native, 'Tensor'>; initOrt(): void }
  let common: { Tensor: Native['Tensor']; env: { logLevel: string } }
  try {
    version = (load(packageFile()) as { version: string }).version
    if (version === ONNXRUNTIME_VERSION) {
      binding = load('onnxruntime-node/dist/binding') as typeof binding
      common = load('onnxruntime-common') as typeof common
      // Failures are thrown as typed errors; ONNX Runtime's own log would say them twice, in colours, past the notebook.
      common.env.logLevel = 'fatal'
      binding.initOrt()
      loaded = {
        InferenceSession: binding.binding.InferenceSession,
        Tensor: common.Tensor,
        listSupportedBackends: () => binding.binding.listSupportedBackends(),
      }
      return loaded
    }
  } catch (cause) {
    throw new WhetstoneError('RUNTIME_MISSING', 'ONNX Runtime does not load', {
      expected: `onnxruntime-node ${ONNXRUNTIME_VERSION} with its library for ${process.platform} ${process.arch}`,
      got: messageOf(cause).split('\n')[0] ?? '',
      fix: 'run npm ci in the project folder',
      cause,
    })
  }
  throw new WhetstoneError('RUNTIME_VERSION', 'Another version of onnxruntime-node is installed than the one checked', {
    expected: ONNXRUNTIME_VERSION, got: version, fix: 'run npm ci in the project folder',
  })
}
