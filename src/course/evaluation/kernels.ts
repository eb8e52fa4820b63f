// A learner's CUDA kernel as evidence: it runs in the emulator, without a GPU, under its judge, and gives what an ONNX model
// that says what it has to compute gives in ONNX Runtime.
import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '../../core'
import { cudaFile, emptyArray, formatFault, versionOfCompiler, type CudaArgument, type CudaArray, type CudaRun, type RuntimeTensor } from '../../runtime'
import { CourseError } from '../errors'
import { failed, passed, short, unmeasured, type Evidence, type Measurement } from './measurement'
import type { Measure } from './measures'
import { apart, type ProjectWork } from './project-work'

/** Relative error of a kernel in float32 whose sums run in another order. */
const SAME_RESULT = 1e-4
/** What a kernel that was made better moves at most, of what the one before moved. */
const LESS_TRAFFIC = 0.5
const LAUNCH = '{ "kernel": "scale", "grid": [4], "block": [256], "arguments": ["x", "y", 1000] }'

interface LaunchFile {
  readonly kernel: string
  readonly grid: readonly number[]
  readonly block: readonly number[]
  readonly shared: number
  /** Names of inputs and outputs of the reference model, and numbers. */
  readonly arguments: readonly (string | number)[]
}

interface KernelRun {
  readonly run: CudaRun
  /** max |ours − reference| ÷ max(1, max |reference|) over all outputs. */
  readonly distance: number
}

/** `folder/NAME.cu`, launched as `folder/NAME.json` says, computes what `folder/reference.onnx` computes, without a fault. */
export function kernelRight(folder: string, name = 'kernel'): Measure {
  return {
    needs: files(folder, name),
    measure: (work) => measured(async () => {
      const { run, distance } = await runKernel(work, folder, name)
      const evidence = evidenceOf(work, folder, name, run, distance)
      const [fault] = run.faults.filter((one) => one.severity === 'error')
      if (fault) return failed(`${folder}/${name}.cu has ${run.faults.length} faults: ${formatFault(fault)}`, evidence)
      return distance <= SAME_RESULT ? passed(`${folder}/${name}.cu gives what reference.onnx gives, in ${run.orders} orders of its threads`, evidence)
        : failed(`${folder}/${name}.cu differs from reference.onnx by ${short(distance)}; ${SAME_RESULT} is the most`, evidence)
    }),
  }
}

/** The kernel moves at most half the bytes of global memory that `folder/before.cu` moves for the same result. */
export function lessTraffic(folder: string): Measure {
  return {
    needs: [...files(folder, 'kernel'), ...files(folder, 'before').slice(0, 2)],
    measure: (work) => measured(async () => {
      const [before, after] = [await runKernel(work, folder, 'before'), await runKernel(work, folder, 'kernel')]
      const [slow, fast] = [traffic(before.run), traffic(after.run)]
      const evidence = [...evidenceOf(work, folder, 'before', before.run, before.distance), ...evidenceOf(work, folder, 'kernel', after.run, after.distance)]
      const wrong = [before, after].find(({ run, distance }) => !run.ok || !(distance <= SAME_RESULT))
      if (wrong) return failed(`${wrong === before ? 'before' : 'kernel'}.cu is not right, so its traffic says nothing`, evidence)
      return fast <= LESS_TRAFFIC * slow ? passed(`the kernel moves ${short(fast / slow)} of the bytes that it moved before`, evidence)
        : failed(`the kernel moves ${short(fast / slow)} of the bytes that it moved before; ${LESS_TRAFFIC} is the most`, evidence, (LESS_TRAFFIC * slow) / fast)
    }),
  }
}

const files = (folder: string, name: string): string[] => [`${folder}/${name}.cu`, `${folder}/${name}.json`, `${folder}/reference.onnx`]
const traffic = (run: CudaRun): number => run.kernels.reduce((sum, { totals }) => sum + totals.globalBytes, 0)

async function measured(measure: () => Promise<Measurement>): Promise<Measurement> {
  if (versionOfCompiler() === undefined) return unmeasured('g++, which compiles a kernel for the emulator, is not installed')
  return measure()
}

function evidenceOf(work: ProjectWork, folder: string, name: string, run: CudaRun, distance: number): Evidence[] {
  const sum = (what: 'globalBytes' | 'leastBytes' | 'bankConflicts'): number => run.kernels.reduce((total, { totals }) => total + totals[what], 0)
  return [
    work.evidence(`${folder}/${name}.cu`, `ran on the ${run.device}`), work.evidence(`${folder}/reference.onnx`),
    { what: `${name}.cu: largest difference to reference.onnx, relative`, value: short(distance) },
    { what: `${name}.cu: bytes of global memory, moved and least`, value: `${sum('globalBytes')}, ${sum('leastBytes')}` },
    { what: `${name}.cu: bank conflicts`, value: String(sum('bankConflicts')) },
  ]
}

function runKernel(work: ProjectWork, folder: string, name: string): Promise<KernelRun> {
  return work.once(`kernel ${folder}/${name}`, async () => {
    const launch = readLaunch(work, `${folder}/${name}.json`), reference = `${folder}/reference.onnx`
    const inputs = work.inputs(reference), outputs = work.session(reference).runSync(inputs)
    const arrays = new Map<string, CudaArray>(Object.entries(inputs).map(([input, tensor]) => [input, copyOf(tensor)]))
    for (const [output, tensor] of Object.entries(outputs)) arrays.set(output, emptyOf(tensor))
    const args = launch.arguments.map((argument): CudaArgument => {
      if (typeof argument === 'number') return argument
      const array = arrays.get(argument)
      if (array) return array
      throw new CourseError('EVALUATE_KERNEL', 'An argument of the launch is neither a number nor an input or output of the reference', {
        expected: [...arrays.keys()].join(', '), got: argument, where: work.shown(`${folder}/${name}.json`),
      })
    })
    const forgotten = Object.keys(outputs).filter((output) => !launch.arguments.includes(output))
    if (forgotten.length > 0) throw new CourseError('EVALUATE_KERNEL', 'The kernel is not given every output of the reference', { expected: forgotten.join(', '), got: launch.arguments.join(', '), where: work.shown(`${folder}/${name}.json`) })
    const run = await cudaFile(work.at(`${folder}/${name}.cu`)).launch(launch.kernel, launch, args, { faults: 'return' })
    const distance = Math.max(...Object.entries(outputs).map(([output, tensor]) => apart(Float64Array.from(numbersOf(tensor), Number), Float64Array.from(arrays.get(output) ?? [], Number))))
    return { run, distance }
  })
}

type Numbers = Float32Array | Int32Array | Uint8Array | BigInt64Array

function numbersOf(tensor: RuntimeTensor): Numbers {
  const data = tensor.data
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array || data instanceof BigInt64Array) return data
  throw new CourseError('EVALUATE_KERNEL', 'The reference has a tensor that no kernel is given here', { expected: 'float32, int32, int64, uint8 or bool', got: tensor.dtype })
}

const copyOf = (tensor: RuntimeTensor): CudaArray => numbersOf(tensor).slice()
function emptyOf(tensor: RuntimeTensor): CudaArray {
  const data = numbersOf(tensor)
  if (data instanceof Float32Array) return emptyArray(Float32Array, data.length)
  if (data instanceof Int32Array) return emptyArray(Int32Array, data.length)
  return data instanceof Uint8Array ? emptyArray(Uint8Array, data.length) : emptyArray(BigInt64Array, data.length)
}

function readLaunch(work: ProjectWork, file: string): LaunchFile {
  const where = work.shown(file)
  const wrong = (got: string, cause?: unknown): CourseError => new CourseError('EVALUATE_KERNEL', 'The file does not say how to launch the kernel', { expected: LAUNCH, got, where, cause })
  if (!existsSync(work.at(file))) throw wrong('no file')
  let read: Partial<Record<keyof LaunchFile, unknown>> | null
  try {
    read = JSON.parse(readFileSync(work.at(file), 'utf8')) as typeof read
  } catch (cause) {
    throw wrong(messageOf(cause), cause)
  }
  const sizes = (value: unknown): value is number[] => Array.isArray(value) && value.length > 0 && value.every((one) => Number.isInteger(one))
  const { kernel, grid, block, shared = 0, arguments: given } = read ?? {}
  if (typeof kernel !== 'string' || !sizes(grid) || !sizes(block) || typeof shared !== 'number' || !Array.isArray(given)
    || !given.every((one): one is string | number => typeof one === 'string' || typeof one === 'number')) throw wrong(JSON.stringify(read))
  return { kernel, grid, block, shared, arguments: given }
}
