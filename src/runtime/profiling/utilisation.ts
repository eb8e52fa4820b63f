// How busy the GPU is over time: nvidia-smi asked again and again, its CSV read.
import { spawn } from 'node:child_process'
import { gpuNames } from '../cuda'
import type { TimelineEvent } from '../timeline'
import { csvTable, numberOf } from './csv'
import { ProfilingError } from './errors'

/** What nvidia-smi is asked for. */
export const SMI_FIELDS: readonly string[] = ['timestamp', 'index', 'name', 'utilization.gpu', 'utilization.memory', 'memory.used', 'memory.total', 'power.draw', 'clocks.sm', 'temperature.gpu']

/** The command line that samples every `milliseconds`. */
export const smiCommand = (milliseconds = 100): string[] => ['nvidia-smi', `--query-gpu=${SMI_FIELDS.join(',')}`, '--format=csv', `-lms`, String(milliseconds)]

/** One moment of one GPU; what it does not tell is undefined. */
export interface GpuSample {
  /** From the first sample, in ms. */
  readonly milliseconds: number
  readonly gpu: string
  /** Share of the time with a kernel running, 0…1: how busy, not how well used. */
  readonly utilisation: number | undefined
  /** Share of the time with memory being read or written, 0…1. */
  readonly memoryUtilisation: number | undefined
  readonly usedBytes: number | undefined
  readonly totalBytes: number | undefined
  readonly watts: number | undefined
  readonly megahertz: number | undefined
  readonly celsius: number | undefined
}

/**
 * Reads nvidia-smi's CSV, with units in the header (`utilization.gpu [%]`) or without (`nounits`).
 *
 * @throws ProfilingError `PROFILING_FORMAT`
 */
export function parseSmi(text: string): GpuSample[] {
  const plain = text.replace(/^.*timestamp,.*$/m, (header) => header.replace(/ \[[^\]]*\]/g, ''))
  const { rows } = csvTable(plain, ['timestamp'], 'nvidia-smi --query-gpu=timestamp,… --format=csv')
  const times = rows.map((row) => moment(row.get('timestamp') ?? ''))
  const [first = 0] = times
  return rows.map((row, i): GpuSample => {
    const value = (name: string, factor = 1): number | undefined => {
      const number = numberOf((row.get(name) ?? '').replace(/ (?:%|MiB|W|MHz)$/, ''))
      return number === undefined ? undefined : number * factor
    }
    const index = row.get('index')
    return {
      milliseconds: (times[i] ?? 0) - first, gpu: [index === undefined ? '' : `${index}:`, row.get('name') ?? 'GPU'].join(' ').trim(),
      utilisation: value('utilization.gpu', 0.01), memoryUtilisation: value('utilization.memory', 0.01), usedBytes: value('memory.used', 2 ** 20), totalBytes: value('memory.total', 2 ** 20),
      watts: value('power.draw'), megahertz: value('clocks.sm') ?? value('clocks.current.sm'), celsius: value('temperature.gpu'),
    }
  })
}

/** `2026/11/21 17:50:01.123` in ms; the time zone is the machine's, and only differences count. */
function moment(text: string): number {
  const found = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?$/.exec(text)
  if (found === null) throw new ProfilingError('PROFILING_FORMAT', 'The moment of a sample cannot be read', { expected: '2026/11/21 17:50:01.123', got: text })
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second, Number((found[7] ?? '0').padEnd(3, '0')))
}

/** Energy from power over time by the trapezoidal rule, in joules; undefined where no power is told. */
export function joulesOf(samples: readonly GpuSample[]): number | undefined {
  let joules: number | undefined
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1]
    if (before?.watts === undefined || sample.watts === undefined) continue
    joules = (joules ?? 0) + (sample.watts + before.watts) / 2 * (sample.milliseconds - before.milliseconds) / 1e3
  }
  return joules
}

/** Samples as spans that last until the next one, named by their utilisation. */
export function timelineOfSamples(samples: readonly GpuSample[]): TimelineEvent[] {
  return samples.flatMap((sample, i) => {
    const next = samples.slice(i + 1).find((other) => other.gpu === sample.gpu)
    if (next === undefined || sample.utilisation === undefined) return []
    return [{
      name: `${Math.round(100 * sample.utilisation)}%`, category: 'utilisation', track: sample.gpu, startMicroseconds: sample.milliseconds * 1e3,
      durationMicroseconds: (next.milliseconds - sample.milliseconds) * 1e3,
    }]
  })
}

/**
 * Samples the GPUs while `work` runs.
 *
 * @throws ProfilingError `PROFILING_MISSING` where nvidia-smi lists no GPU, `PROFILING_RUN` when it stops early
 */
export async function sampleGpu<T>(work: () => Promise<T>, milliseconds = 100): Promise<{ readonly value: T, readonly samples: readonly GpuSample[] }> {
  if (gpuNames().length === 0) throw new ProfilingError('PROFILING_MISSING', 'There is no GPU to watch', { expected: 'a GPU that nvidia-smi lists' })
  const [command = '', ...args] = smiCommand(milliseconds)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = '', problem = ''
  child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { problem += chunk.toString() })
  const closed = new Promise<void>((resolve) => { child.on('close', () => { resolve() }); child.on('error', () => { resolve() }) })
  let value: T
  try {
    value = await work()
  } finally {
    child.kill()
    await closed
  }
  if (text === '') throw new ProfilingError('PROFILING_RUN', 'nvidia-smi told nothing', { got: problem.trim() })
  // The last line may have been cut.
  return { value, samples: parseSmi(text.slice(0, text.lastIndexOf('\n') + 1)) }
}
