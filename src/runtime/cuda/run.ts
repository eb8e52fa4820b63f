// One run: a request file, a process of its own, and what it wrote. Nothing a kernel does reaches this process.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, openSync, readSync, closeSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { notebookHost } from '../../core'
import { CudaError } from './errors'
import { execute } from './toolchain'
import type { RawResult } from './raw'
import type { Index3 } from './faults'

/** Numbers that a kernel works on. Half precision travels as its bits in a Uint16Array. */
export type CudaArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array

/** A scalar or an array, for a parameter. */
export type CudaArgument = CudaArray | number | bigint | boolean

/** What a run may use. */
export interface Limits {
  /** Seconds; default 20. */
  readonly seconds?: number
  /** Bytes of device memory; default 1 GiB. */
  readonly bytes?: number
  /** Cores; default all. */
  readonly workers?: number
}

/** One launch of a request. */
export interface RawCall {
  readonly kernel: string
  readonly grid: Index3
  readonly block: Index3
  readonly shared: number
  readonly repeat: number
  /** An array is a pointer to its own copy in device memory; the same array is the same memory. */
  readonly args: readonly CudaArgument[]
  readonly kinds: readonly string[]
}

/** A request. */
export interface Request extends Limits {
  readonly executable: string
  readonly calls: readonly RawCall[]
  /** Arguments of main. */
  readonly argv?: readonly string[]
  readonly seed: number
  /** All kernels of the source: what is declared in none of them is for all. */
  readonly kernelNames: readonly string[]
  readonly races: boolean
  /** Arrays that start uninitialized. */
  readonly empty: ReadonlySet<CudaArray>
}

/** What came back. `arrays` are the contents after the run. */
export interface Answer {
  readonly result: RawResult
  readonly arrays: ReadonlyMap<CudaArray, Uint8Array>
  readonly stdout: string
  readonly stderr: string
}

const bytesOf = (array: CudaArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Memory of the system where it has a file system for it: the fastest way between two processes. */
const temporaryRoot = (): string => (existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir())

/** Runs a request to its end. Faults are part of the answer; only a runner without a report throws. */
export async function run(request: Request): Promise<Answer> {
  const folder = mkdtempSync(path.join(temporaryRoot(), 'whetstone-cuda-'))
  try {
    const blob = path.join(folder, 'blob'), result = path.join(folder, 'result.json')
    const seconds = request.seconds ?? 20
    const lines = [`seconds ${seconds}`, `bytes ${request.bytes ?? 2 ** 30}`, `seed ${request.seed}`, `races ${request.races ? 1 : 0}`, `result ${result}`, `blob ${blob}`]
    lines.push(`workers ${request.workers ?? 0}`, ...request.kernelNames.map((name) => `kernel ${name}`), ...(request.argv ?? []).map((word) => `argument ${word}`))
    const arrays = [...new Set(request.calls.flatMap((call) => call.args.filter((arg): arg is CudaArray => typeof arg === 'object')))]
    const offsets = new Map<CudaArray, number>()
    const file = openSync(blob, 'w')
    let offset = 0
    for (const [i, array] of arrays.entries()) {
      offsets.set(array, offset)
      lines.push(`buffer ${offset} ${array.byteLength} ${request.empty.has(array) ? 0 : 1} array ${i + 1}`)
      if (array.byteLength > 0) writeSync(file, bytesOf(array), 0, array.byteLength, offset)
      offset += Math.ceil(array.byteLength / 64) * 64
    }
    if (offset > 0) writeSync(file, new Uint8Array(1), 0, 1, offset)
    closeSync(file)
    for (const call of request.calls) {
      lines.push(`call ${call.grid.join(' ')} ${call.block.join(' ')} ${call.shared} ${call.repeat} ${call.kernel}`)
      for (const [i, arg] of call.args.entries()) {
        if (typeof arg === 'object') lines.push(`arg b ${arrays.indexOf(arg)} 0`)
        else lines.push(call.kinds[i] === 'f' ? `arg f ${Number(arg)}` : `arg i ${BigInt.asIntN(64, BigInt(typeof arg === 'number' ? Math.trunc(arg) : arg))}`)
      }
    }
    const requestFile = path.join(folder, 'request')
    writeFileSync(requestFile, lines.join('\n') + '\n')
    const ran = await execute(request.executable, [requestFile], { seconds: seconds + 5, signal: notebookHost()?.signal })
    if (!existsSync(result)) {
      throw new CudaError('CUDA_RUNNER', 'The program ended without a report', {
        got: [ran.signal ?? `exit code ${String(ran.status)}`, ran.stderr.trim().slice(-1000)].filter(Boolean).join(': '),
        fix: 'call exit() only after the last launch; return from main instead',
      })
    }
    const after = new Map<CudaArray, Uint8Array>()
    const read = openSync(blob, 'r')
    for (const array of arrays) {
      const bytes = new Uint8Array(array.byteLength)
      if (bytes.byteLength > 0) readSync(read, bytes, 0, bytes.byteLength, offsets.get(array) ?? 0)
      after.set(array, bytes)
    }
    closeSync(read)
    return { result: JSON.parse(readFileSync(result, 'utf8')) as RawResult, arrays: after, stdout: ran.stdout, stderr: ran.stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Puts what came back into the arrays. */
export function giveBack(answer: Answer): void {
  for (const [array, bytes] of answer.arrays) bytesOf(array).set(bytes)
}
