// Nsight Compute: the counters of each kernel, asked for by name and read from `ncu --csv`; and the emulator's counts beside
// them, in the same terms.
import type { KernelReport } from '../cuda'
import type { TimelineEvent } from '../timeline'
import { csvTable, numberOf } from './csv'

/** The counters that the emulator counts too, and time. */
export const NCU_METRICS: readonly string[] = [
  'gpu__time_duration.sum', 'l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum', 'l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum',
  'l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum', 'l1tex__t_requests_pipe_lsu_mem_global_op_st.sum',
  'l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum', 'l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_st.sum',
  'l1tex__data_pipe_lsu_wavefronts_mem_shared.sum', 'smsp__thread_inst_executed_per_inst_executed.ratio', 'dram__bytes_read.sum', 'dram__bytes_write.sum',
  'launch__registers_per_thread', 'sm__warps_active.avg.pct_of_peak_sustained_active',
]

/** What is profiled. */
export interface NcuOptions {
  /** Counters; default `NCU_METRICS`. `'full'`: every section, some forty passes over each kernel. */
  readonly metrics?: readonly string[] | 'full'
  /** Only kernels of this name, or whose name matches. */
  readonly kernel?: string | RegExp
  readonly skip?: number
  readonly count?: number
  /** Whether the caches are emptied before each pass (default true, as ncu does), so that traffic is that of a first launch. */
  readonly flushCaches?: boolean
}

/** The command line that profiles a program and prints its counters as CSV: run it with a profiler's rights. */
export function ncuCommand(program: readonly string[], options: NcuOptions = {}): string[] {
  const metrics = options.metrics ?? NCU_METRICS
  return [
    'ncu', '--csv', '--page', 'raw', ...metrics === 'full' ? ['--set', 'full'] : ['--metrics', metrics.join(',')],
    ...options.kernel === undefined ? [] : ['--kernel-name', typeof options.kernel === 'string' ? options.kernel : `regex:${options.kernel.source}`],
    ...options.skip === undefined ? [] : ['--launch-skip', String(options.skip)], ...options.count === undefined ? [] : ['--launch-count', String(options.count)],
    ...options.flushCaches ?? true ? [] : ['--cache-control', 'none'], '--target-processes', 'all', ...program,
  ]
}

/** The command line that prints a report file that was saved with `ncu -o`. */
export const ncuReportCommand = (report: string): string[] => ['ncu', '--import', report, '--csv', '--page', 'raw']

/** A value in a base unit: seconds, bytes, 1, or as it was. */
export interface NcuMetric { readonly value: number, readonly unit: string }

/** One launch of a kernel with its counters. */
export interface NcuKernel {
  readonly id: string
  readonly kernel: string
  readonly stream: string
  readonly grid: readonly number[]
  readonly block: readonly number[]
  /** Compute capability. */
  readonly capability: string
  readonly metrics: ReadonlyMap<string, NcuMetric>
}

const PREFIXES: Readonly<Record<string, number>> = { '': 1, n: 1e-9, u: 1e-6, m: 1e-3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }

/** `usecond` → seconds, `Kbyte` → bytes, `Mbyte/second` → bytes a second: ncu scales its units to the number. */
function inBase(value: number, unit: string): NcuMetric {
  const found = /^([numKMGT]?)(second|s|byte|sector|inst|cycle|hz|Hz)(\/(?:second|s|block|thread|request))?$/.exec(unit)
  if (found === null) return { value, unit }
  const [, prefix = '', base = '', per = ''] = found
  const plain = base === 's' ? 'second' : base.toLowerCase()
  return { value: value * (PREFIXES[prefix] ?? 1), unit: plain + per }
}

const tuple = (text: string | undefined): number[] => (text?.match(/\d+/g) ?? []).map(Number)

/**
 * Reads `ncu --csv`: the raw page (a column for each counter, units in the row below the header), and the details page (a
 * row for each counter).
 *
 * @throws ProfilingError `PROFILING_FORMAT`
 */
export function parseNcu(text: string): NcuKernel[] {
  const { columns, rows } = csvTable(text, ['ID', 'Kernel Name'], 'ncu --csv')
  const base = (row: ReadonlyMap<string, string>): Omit<NcuKernel, 'metrics'> => ({
    id: row.get('ID') ?? '', kernel: row.get('Kernel Name') ?? '', stream: row.get('Stream') ?? '', grid: tuple(row.get('Grid Size')), block: tuple(row.get('Block Size')), capability: row.get('CC') ?? '',
  })
  if (columns.includes('Metric Name')) {
    const kernels = new Map<string, NcuKernel & { readonly metrics: Map<string, NcuMetric> }>()
    for (const row of rows) {
      const id = row.get('ID') ?? '', value = numberOf(row.get('Metric Value')), name = row.get('Metric Name') ?? ''
      const one = kernels.get(id) ?? { ...base(row), metrics: new Map<string, NcuMetric>() }
      kernels.set(id, one)
      // Sections repeat names with other units; the first is that of the overview.
      if (value !== undefined && name !== '' && !one.metrics.has(name)) one.metrics.set(name, inBase(value, row.get('Metric Unit') ?? ''))
    }
    return [...kernels.values()]
  }
  // In the raw page the row of units has no ID.
  const units = rows.find((row) => row.get('ID') === '')
  const about = new Set(['ID', 'Process ID', 'Process Name', 'Host Name', 'Kernel Name', 'Context', 'Stream', 'Block Size', 'Grid Size', 'Device', 'CC'])
  return rows.filter((row) => row.get('ID') !== '').map((row) => ({
    ...base(row),
    metrics: new Map(columns.filter((name) => !about.has(name)).flatMap((name): [string, NcuMetric][] => {
      const value = numberOf(row.get(name))
      return value === undefined ? [] : [[name, inBase(value, units?.get(name) ?? '')]]
    })),
  }))
}

/** The kernels one after the other: ncu runs them alone and many times, so there are no true moments. */
export function timelineOfNcu(kernels: readonly NcuKernel[]): TimelineEvent[] {
  let at = 0
  return kernels.flatMap((kernel) => {
    const time = kernel.metrics.get('gpu__time_duration.sum')
    if (time === undefined) return []
    const duration = time.value * (time.unit === 'second' ? 1e6 : 1e-3)
    const start = at
    at += duration
    return [{ name: kernel.kernel, category: 'kernel', track: `stream ${kernel.stream}`, startMicroseconds: start, durationMicroseconds: duration }]
  })
}

/** A counter by the emulator and by the GPU. */
export interface CounterComparison {
  readonly counter: string
  readonly emulator: number
  readonly gpu: number | undefined
  /** emulator ÷ gpu; undefined where the GPU's is 0 or missing. */
  readonly ratio: number | undefined
}

/** The emulator's counts of one launch beside Nsight Compute's. */
export function compareCounters(report: KernelReport, measured: NcuKernel): CounterComparison[] {
  const { totals, launches } = report
  const pairs: readonly (readonly [string, number, readonly string[]])[] = [
    ['sectors loaded', totals.loadSectors / launches, ['l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum']],
    ['sectors stored', totals.storeSectors / launches, ['l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum']],
    ['bank conflicts', totals.bankConflicts / launches, ['l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum', 'l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_st.sum']],
    ['shared wavefronts', totals.sharedWavefronts / launches, ['l1tex__data_pipe_lsu_wavefronts_mem_shared.sum']],
    ['active threads per instruction', totals.activeThreads, ['smsp__thread_inst_executed_per_inst_executed.ratio']],
  ]
  return pairs.map(([counter, emulator, names]) => {
    const values = names.map((name) => measured.metrics.get(name)?.value)
    const gpu = values.some((value) => value === undefined) ? undefined : values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
    return { counter, emulator, gpu, ratio: gpu === undefined || gpu === 0 ? undefined : emulator / gpu }
  })
}
