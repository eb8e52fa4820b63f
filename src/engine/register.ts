// Registers the backend and one function a kernel with TensorFlow.js, from the table.
import { engine as tfEngine, registerBackend, registerKernel } from '@tensorflow/tfjs'
import type { KernelConfig, KernelFunc, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs'
import { elementCount } from '../core'
import { OnnxBackend } from './backend'
import { EngineError } from './errors'
import { cpuKernels, runOnCpu } from './fallback'
import type { KernelName } from './kernels'
import { Declined } from './lowering'
import type { KernelSpec, Lowering, Viewing } from './lowering'
import { record } from './record'
import type { View } from './record'
import { table } from './table'

/** The backend's name in TensorFlow.js. */
export const BACKEND = 'onnx'

/** The backend's instance, made when TensorFlow.js asks for it. */
export function backend(): OnnxBackend {
  const found = tfEngine().findBackend(BACKEND) as OnnxBackend | null
  if (!found) throw new EngineError('ENGINE_INTERNAL', 'The backend onnx could not be made')
  return found
}

/** TensorFlow.js hands the backend over untyped. */
function ours(given: unknown): OnnxBackend {
  if (given instanceof OnnxBackend) return given
  throw new EngineError('ENGINE_INTERNAL', 'A kernel of onnx was called for another backend')
}

type Inputs = Record<string, TensorInfo | TensorInfo[] | null | undefined>

function viewing(kernel: Viewing): KernelFunc {
  return ({ inputs, attrs, backend: own }) => {
    const [t] = Object.values(inputs) as TensorInfo[]
    if (!t) throw new EngineError('ENGINE_INTERNAL', 'A kernel came without its input')
    const shape = [...kernel.view(t, attrs)]
    ours(own).incRef(t.dataId)
    return { dataId: t.dataId, shape, dtype: t.dtype }
  }
}

function lowered(kernel: KernelConfig, entry: Lowering): KernelFunc {
  const name = kernel.kernelName as KernelName
  return ({ inputs, attrs, backend: own }) => {
    const onnx = ours(own)
    const aside = (reason: string) => runOnCpu(kernel, onnx, inputs, attrs as NamedAttrMap, reason)
    const names: string[] = []
    const views: View[] = []
    const specs: Record<string, KernelSpec> = {}
    for (const [key, t] of Object.entries(inputs as Inputs)) {
      if (t == null) continue
      const view = Array.isArray(t) ? undefined : onnx.view(t)
      if (!view) return aside('strings, complex numbers or lists of tensors')
      if (elementCount(view.shape) === 0) return aside('tensors without elements')
      names.push(key)
      views.push(view)
      specs[key] = { shape: view.shape, dtype: view.value.dtype }
    }
    if (entry.check) {
      const known = views.flatMap((view, i) => (view.value.data ? [[names[i] ?? '', view.value.data] as const] : []))
      entry.check(Object.fromEntries(known), specs, attrs ?? {})
    }
    const inferred = entry.infer(specs, attrs ?? {})
    if (inferred instanceof Declined) return aside(inferred.reason)
    const outputs = Array.isArray(inferred) ? (inferred as readonly KernelSpec[]) : [inferred as KernelSpec]
    if (outputs.some((o) => elementCount(o.shape) === 0)) return aside('results without elements')
    const call = record(name, names, views, attrs, outputs)
    const tensors = call.outputs.map((output) => onnx.tensor(output))
    onnx.count()
    return Array.isArray(inferred) ? tensors : (tensors[0] as TensorInfo)
  }
}

let registered = false

/** Makes `tf.setBackend('onnx')` possible. A second call does nothing. */
export function register(): void {
  if (registered) return
  registered = true
  const cpu = cpuKernels()
  for (const [name, entry] of Object.entries(table)) {
    const kernel = cpu.get(name)
    if (!kernel) continue
    const kernelFunc: KernelFunc = 'view' in entry ? viewing(entry)
      : 'emit' in entry ? lowered(kernel, entry)
        : ({ inputs, attrs, backend: own }) =>
            runOnCpu(kernel, ours(own), inputs, attrs as NamedAttrMap, entry.fallback)
    registerKernel({ kernelName: name, backendName: BACKEND, kernelFunc })
  }
  registerBackend(BACKEND, () => new OnnxBackend(), 3)
  watchScopes()
}

/** TensorFlow.js has no event for the end of a step, so the engine's own `endScope` is wrapped. */
function watchScopes(): void {
  const engine = tfEngine()
  const endScope = engine.endScope.bind(engine)
  engine.endScope = (result) => {
    endScope(result)
    // Between the passes of a gradient every activation is still referred to, and all would be copied out.
    const { scopeStack, gradientDepth } = engine.state
    if (scopeStack.length === 0 && gradientDepth === 0 && engine.backendName === BACKEND) backend().scopeEnded()
  }
}
