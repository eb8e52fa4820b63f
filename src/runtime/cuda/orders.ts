// What several orders of the threads say together: each fault once, causes first, and whether the results agree.
import type { CudaFault } from './faults'
import type { Answer, CudaArray } from './run'

/** Each fault once, errors before warnings. */
export function uniqueFaults(faults: readonly CudaFault[]): CudaFault[] {
  const found = new Map<string, CudaFault>()
  for (const fault of faults) {
    // Loops that the compiler unrolled have one barrier at several places: in one line it is one barrier.
    if (fault.kind === 'barrier-divergence' && fault.otherLine === fault.line) continue
    const key = `${fault.kind} ${fault.line} ${fault.otherLine ?? 0}`
    if (!found.has(key)) found.set(key, fault)
  }
  return [...found.values()].sort((a, b) => rank(a) - rank(b))
}

/** Causes before consequences: a missing barrier also shows as memory that nothing has written yet. */
const rank = (fault: CudaFault): number => (fault.severity === 'warning' ? 2 : fault.kind === 'uninitialized' ? 1 : 0)

/** Sums of floats may differ in their last digits with the order of additions; more than this is another result. */
const ORDER_TOLERANCE = 1e-3

/** Where two runs differ by more than the order of additions explains; undefined when they agree. */
export function compareAnswers(a: Answer, b: Answer): string | undefined {
  let number = 0
  for (const [array, bytes] of a.arrays) {
    number++
    const other = b.arrays.get(array)
    if (other === undefined || Buffer.compare(bytes, other) === 0) continue
    const view = (raw: Uint8Array): ArrayLike<number | bigint> => new (array.constructor as new (buffer: ArrayBuffer) => CudaArray)(raw.slice().buffer)
    const x = view(bytes), y = view(other)
    const floats = array instanceof Float32Array || array instanceof Float64Array
    for (let i = 0; i < x.length; i++) {
      const p = Number(x[i]), q = Number(y[i])
      if (Object.is(p, q) || (floats && (Number.isNaN(p) && Number.isNaN(q) || Math.abs(p - q) <= ORDER_TOLERANCE * Math.max(1, Math.abs(p), Math.abs(q))))) continue
      return `Element ${i} of array ${number} is ${p} when the threads run in one order and ${q} in another`
    }
  }
  return a.arrays.size === 0 && a.stdout !== b.stdout && a.stdout.split('\n').sort().join() !== b.stdout.split('\n').sort().join() ? 'The program prints different things when its threads run in another order' : undefined
}
