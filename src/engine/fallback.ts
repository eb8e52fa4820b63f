// Kernels on the CPU: TensorFlow.js's own ones, on the same arrays.
import { engine as tfEngine, findBackendFactory, getKernelsForBackend } from '@tensorflow/tfjs'
import type { KernelBackend, KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs'
import type { OnnxBackend } from './backend'
import { EngineError } from './errors'

/** What the CPU backend keeps for a tensor; not part of its declarations. */
interface CpuData {
  readonly values: Float32Array
  readonly complexTensorInfos?: { readonly real: TensorInfo; readonly imag: TensorInfo }
}

interface CpuBackend extends KernelBackend {
  firstUse: boolean
  readonly data: { get(dataId: object): CpuData; delete(dataId: object): boolean }
}

let instance: CpuBackend | undefined

function cpu(): CpuBackend {
  if (instance) return instance
  instance = findBackendFactory('cpu')() as CpuBackend
  instance.firstUse = false
  return instance
}

/** Keeps the CPU backend from advising, at its first use, to install another package. */
export function silenceAdvice(): void {
  const shared = tfEngine().findBackend('cpu') as CpuBackend | null
  if (shared) shared.firstUse = false
}

/** The CPU's kernels by name. */
export function cpuKernels(): Map<string, KernelConfig> {
  return new Map(getKernelsForBackend('cpu').map((k) => [k.kernelName, k]))
}

type Inputs = Record<string, TensorInfo | TensorInfo[] | null | undefined>

/** Runs a CPU kernel on the backend's data and takes its results over. */
export function runOnCpu(
  kernel: KernelConfig, backend: OnnxBackend, inputs: Inputs, attributes: NamedAttrMap, reason: string,
): TensorInfo | TensorInfo[] {
  const { kernelName } = kernel
  const traced = Object.values(inputs).flat().some((t) => t != null && backend.entry(t.dataId).value?.traced)
  if (traced) {
    throw new EngineError('ENGINE_NO_LOWERING', `${kernelName} has no ONNX form for this call, so it cannot be traced`, {
      got: reason, fix: 'docs/engine-coverage.md lists what has one',
    })
  }
  if (!backend.options.fallback) {
    throw new EngineError('ENGINE_NO_LOWERING', `${kernelName} has no ONNX form for this call, and the CPU fallback is off`, {
      got: reason, fix: 'engine.use({ fallback: true })',
    })
  }
  backend.fallbacks.set(kernelName, (backend.fallbacks.get(kernelName) ?? 0) + 1)
  const given: object[] = []
  const give = (t: TensorInfo): TensorInfo => {
    const { complex } = backend.entry(t.dataId)
    if (complex) {
      const [real, imag] = [give({ ...complex.real, shape: t.shape }), give({ ...complex.imag, shape: t.shape })]
      const dataId = cpu().write(null as never, t.shape, 'complex64')
      Object.assign(cpu().data.get(dataId), { complexTensorInfos: { real, imag } })
      given.push(dataId)
      return { dataId, shape: t.shape, dtype: 'complex64' }
    }
    const dataId = cpu().write(backend.readSync(t.dataId), t.shape, t.dtype)
    given.push(dataId)
    return { dataId, shape: t.shape, dtype: t.dtype }
  }
  const take = (t: TensorInfo): TensorInfo => {
    const { values, complexTensorInfos: parts } = cpu().data.get(t.dataId)
    if (parts) return backend.complexTensor(take({ ...parts.real, shape: t.shape }), take({ ...parts.imag, shape: t.shape }), t.shape)
    return { dataId: backend.write(values, t.shape, t.dtype), shape: t.shape, dtype: t.dtype }
  }
  try {
    const named = Object.fromEntries(Object.entries(inputs).map(([name, t]) =>
      [name, t == null ? t : Array.isArray(t) ? t.map((one) => withRank(give(one))) : withRank(give(t))]))
    const list = Array.isArray(inputs) ? Object.values(named) : named
    const result = kernel.kernelFunc({ inputs: list as NamedTensorInfoMap, attrs: attributes, backend: cpu() })
    const made = Array.isArray(result) ? result.map(take) : take(result)
    for (const t of Array.isArray(result) ? result : [result]) cpu().disposeData(t.dataId, true)
    return made
  } finally {
    for (const dataId of given) cpu().data.delete(dataId)
  }
}

/** Some CPU kernels look at `rank`, which only tensors have. */
const withRank = (t: TensorInfo): TensorInfo => Object.assign({ rank: t.shape.length }, t)
