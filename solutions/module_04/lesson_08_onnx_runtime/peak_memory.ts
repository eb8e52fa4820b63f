import type { MemoryPeak, MemoryStep } from '../../../exercises/module_04/lesson_08_onnx_runtime/peak_memory/exercise'

// #region cell
export function peakMemory(steps: MemoryStep[], input: { name: string; bytes: number }, outputs: string[]): MemoryPeak {
  const lastRead = new Map<string, number>()
  steps.forEach(({ inputs }, i) => { for (const name of inputs) lastRead.set(name, i) })
  for (const name of outputs) lastRead.set(name, steps.length)

  const alive = new Map([[input.name, input.bytes]])
  let peak: MemoryPeak = { bytes: steps.length === 0 ? input.bytes : -1, at: '' }
  steps.forEach(({ output, bytes, inputs }, i) => {
    for (const name of inputs) if (!alive.has(name)) throw new Error(`${output} reads ${name}, which is not there`)
    alive.set(output, bytes)
    const total = [...alive.values()].reduce((sum, each) => sum + each, 0)
    if (total > peak.bytes) peak = { bytes: total, at: output }
    for (const name of alive.keys()) if ((lastRead.get(name) ?? 0) <= i) alive.delete(name)
  })
  return peak
}
// #endregion
