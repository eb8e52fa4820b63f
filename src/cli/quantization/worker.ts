// One calibration in a process of its own, so that its peak memory can be read: a job on standard input, the answer on standard
// output. The data are read from the file one sample at a time.
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs'
import { messageOf } from '../../core'
import { readModel, writeModel } from '../../onnx'
import { quantizeDynamic, quantizeStatic, type CalibrationMethod, type RunTensors } from '../../optimization'
import { runner } from '../../runtime'

/** What is to be quantized, and how; peer.py takes the same. */
export interface Job {
  readonly model: string
  readonly output: string
  /** float32 samples, one after the other. */
  readonly data: string
  readonly shape: readonly number[]
  readonly input: string
  readonly method: CalibrationMethod | 'dynamic'
  readonly per_channel: boolean
  /** How long it may take. */
  readonly seconds: number
  /** The rest of our settings; the peer does not read it. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** The peak of memory during calibration above what the process held before, at least 1; or why there is none. */
export interface Answer {
  readonly megabytes?: number
  readonly missing?: string
}

function* stream({ data, shape, input }: Job): Generator<RunTensors> {
  const size = shape.reduce((product, axis) => product * axis, 1)
  const file = openSync(data, 'r')
  try {
    for (let at = 0; at < statSync(data).size; at += size * 4) {
      const bytes = new Uint8Array(size * 4)
      readSync(file, bytes, 0, bytes.length, at)
      yield { [input]: { dtype: 'float32', shape, data: new Float32Array(bytes.buffer) } }
    }
  } finally {
    closeSync(file)
  }
}

function work(job: Job): Answer {
  const model = readModel(readFileSync(job.model))
  const run = runner({ optimization: 'disabled' })
  const before = process.memoryUsage.rss() / 2 ** 20
  const data = (): Iterable<RunTensors> => stream(job)
  const common = { run, data, perChannel: job.per_channel, minimumSqnr: -Infinity, ...job.settings }
  const made = job.method === 'dynamic' ? quantizeDynamic(model, common) : quantizeStatic(model, { ...common, calibration: job.method })
  const after = process.resourceUsage().maxRSS / 1024
  run.dispose()
  writeFileSync(job.output, writeModel(made.model))
  return { megabytes: Math.max(1, after - before) }
}

if (require.main === module) {
  let answer: Answer
  try {
    answer = work(JSON.parse(readFileSync(0, 'utf8')) as Job)
  } catch (error) {
    answer = { missing: `failed: ${messageOf(error)}` }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
