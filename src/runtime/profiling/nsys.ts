// Nsight Systems: what ran when, from `nsys stats --format csv` and from the SQLite file of `nsys export`. SQLite is read
// through the sqlite3 command, which is asked for what is needed as JSON.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { TimelineEvent, TimelineSummary } from '../timeline'
import { csvTable, numberOf, type CsvTable } from './csv'
import { ProfilingError } from './errors'

/** What is traced. */
export interface NsysOptions {
  /** Default CUDA, NVTX ranges and cuDNN/cuBLAS calls. */
  readonly trace?: readonly string[]
  /** The report, without `.nsys-rep`. */
  readonly output: string
  /** Keeps single kernels of CUDA graphs visible (default true), at some cost. */
  readonly graphNodes?: boolean
}

/** The command line that records a program. */
export function nsysCommand(program: readonly string[], options: NsysOptions): string[] {
  return [
    'nsys', 'profile', `--trace=${(options.trace ?? ['cuda', 'nvtx', 'cudnn', 'cublas']).join(',')}`, '--sample=none', '--cpuctxsw=none',
    ...options.graphNodes ?? true ? ['--cuda-graph-trace=node'] : [], '--force-overwrite=true', `--output=${options.output}`, ...program,
  ]
}

/** The reports of `nsys stats` that are read here. */
export type NsysReport = 'cuda_gpu_trace' | 'cuda_api_trace' | 'nvtx_pushpop_trace' | 'cuda_gpu_kern_sum' | 'cuda_gpu_mem_time_sum' | 'cuda_api_sum'

/** The command line that prints a report as CSV. */
export const nsysStatsCommand = (file: string, report: NsysReport): string[] => ['nsys', 'stats', '--report', report, '--format', 'csv', '--force-export=true', file]

/** The command line that makes the SQLite file. */
export const nsysExportCommand = (file: string, output: string): string[] => ['nsys', 'export', '--type=sqlite', '--force-overwrite=true', `--output=${output}`, file]

/** The column whose name begins so, with its unit in brackets: `Start (ns)` → 1e-3 µs. */
function timeColumn(table: CsvTable, name: string): { readonly column: string, readonly microseconds: number } {
  const units: Readonly<Record<string, number>> = { ns: 1e-3, us: 1, μs: 1, ms: 1e3, s: 1e6 }
  for (const column of table.columns) {
    const found = new RegExp(`^${name} \\((\\S+)\\)$`).exec(column)
    const microseconds = units[found?.[1] ?? '']
    if (microseconds !== undefined) return { column, microseconds }
  }
  throw new ProfilingError('PROFILING_FORMAT', `The table has no column ${name} with a unit`, { got: table.columns.join(', '), expected: `${name} (ns)` })
}

/** The first header that the text has, of those that reports of one kind have in any unit. */
function tableOf(text: string, base: readonly string[], timed: readonly string[], what: string): CsvTable {
  let last: unknown
  for (const unit of ['ns', 'us', 'μs', 'ms', 's']) {
    try {
      return csvTable(text, [...base, ...timed.map((name) => `${name} (${unit})`)], what)
    } catch (error) {
      last = error
    }
  }
  throw last
}

function timed(row: ReadonlyMap<string, string>, { column, microseconds }: { readonly column: string, readonly microseconds: number }): number {
  const value = numberOf(row.get(column))
  if (value === undefined) throw new ProfilingError('PROFILING_FORMAT', 'A time is not a number', { got: row.get(column) ?? '', where: column })
  return value * microseconds
}

/**
 * `cuda_gpu_trace`, `cuda_api_trace` and `nvtx_pushpop_trace` as events: kernels and copies by stream, calls and ranges by
 * thread.
 *
 * @throws ProfilingError `PROFILING_FORMAT`
 */
export function parseNsysTrace(text: string): TimelineEvent[] {
  const table = tableOf(text, ['Name'], ['Start', 'Duration'], 'nsys stats --report …_trace --format csv')
  const start = timeColumn(table, 'Start'), duration = timeColumn(table, 'Duration')
  const onGpu = table.columns.includes('Strm'), ranges = table.columns.includes('RangeId')
  return table.rows.map((row): TimelineEvent => {
    const name = row.get('Name') ?? ''
    const category = !onGpu ? (ranges ? 'range' : 'api') : /^\[CUDA memcpy/.test(name) ? 'memcpy' : /^\[CUDA memset/.test(name) ? 'memset' : 'kernel'
    const device = row.get('Device') ?? ''
    return {
      name: ranges ? name.replace(/^:/, '') : name, category, startMicroseconds: timed(row, start), durationMicroseconds: timed(row, duration),
      track: onGpu ? `${device === '' ? '' : `${device}, `}stream ${row.get('Strm') ?? ''}` : `thread ${row.get('TID') ?? row.get('Tid') ?? ''}`,
    }
  })
}

/**
 * `cuda_gpu_kern_sum` and its kin as rows of a summary.
 *
 * @throws ProfilingError `PROFILING_FORMAT`
 */
export function parseNsysSummary(text: string): TimelineSummary[] {
  const first = /(?:^|,)"?(Name|Operation)"?\r?(?:,|$)/m.exec(text)?.[1] ?? 'Name'
  const table = tableOf(text, [first], ['Total Time'], 'nsys stats --report …_sum --format csv')
  const count = table.columns.find((name) => name === 'Instances' || name === 'Count' || name === 'Num Calls') ?? 'Instances'
  const [total, mean, least, most] = ['Total Time', 'Avg', 'Min', 'Max'].map((name) => timeColumn(table, name))
  const all = table.rows.reduce((sum, row) => sum + (total === undefined ? 0 : timed(row, total)), 0)
  const category = first === 'Operation' ? 'memcpy' : count === 'Num Calls' ? 'api' : 'kernel'
  return table.rows.map((row) => {
    const at = (column: typeof total): number => (column === undefined ? Number.NaN : timed(row, column))
    return {
      name: row.get(first) ?? '', category, count: numberOf(row.get(count)) ?? 0, totalMicroseconds: at(total), meanMicroseconds: at(mean),
      minimumMicroseconds: at(least), maximumMicroseconds: at(most), share: all > 0 ? at(total) / all : 0,
    }
  }).sort((a, b) => b.totalMicroseconds - a.totalMicroseconds)
}

/** A query for each table of the export that has something to show; a table is only there when something was recorded. */
const QUERIES: readonly { readonly table: string, readonly needs: readonly string[], readonly sql: string }[] = [
  {
    table: 'CUPTI_ACTIVITY_KIND_KERNEL', needs: ['StringIds'],
    sql: "select s.value as name, 'kernel' as category, k.start as start, k.end as end, 'device ' || k.deviceId || ', stream ' || k.streamId as track from CUPTI_ACTIVITY_KIND_KERNEL k join StringIds s on s.id = k.shortName",
  },
  {
    table: 'CUPTI_ACTIVITY_KIND_MEMCPY', needs: [],
    sql: "select 'memcpy ' || case copyKind when 1 then 'host to device' when 2 then 'device to host' when 8 then 'device to device' when 10 then 'peer to peer' else 'kind ' || copyKind end as name, 'memcpy' as category, start, end, 'device ' || deviceId || ', stream ' || streamId as track from CUPTI_ACTIVITY_KIND_MEMCPY",
  },
  {
    table: 'CUPTI_ACTIVITY_KIND_MEMSET', needs: [],
    sql: "select 'memset' as name, 'memset' as category, start, end, 'device ' || deviceId || ', stream ' || streamId as track from CUPTI_ACTIVITY_KIND_MEMSET",
  },
  {
    table: 'CUPTI_ACTIVITY_KIND_RUNTIME', needs: ['StringIds'],
    sql: "select s.value as name, 'api' as category, r.start as start, r.end as end, 'thread ' || (r.globalTid % 16777216) as track from CUPTI_ACTIVITY_KIND_RUNTIME r join StringIds s on s.id = r.nameId",
  },
  {
    // Ranges of NVTX: 59 pushed and popped, 60 started and ended, 34 marks. The text is inline or a string's number.
    table: 'NVTX_EVENTS', needs: ['StringIds'],
    sql: "select coalesce(n.text, s.value, 'range') as name, 'range' as category, n.start as start, coalesce(n.end, n.start) as end, 'thread ' || (n.globalTid % 16777216) as track from NVTX_EVENTS n left join StringIds s on s.id = n.textId where n.eventType in (34, 59, 60)",
  },
]

function ask(file: string, sql: string): Readonly<Record<string, unknown>>[] {
  const ran = spawnSync('sqlite3', ['-readonly', '-json', file, sql], { encoding: 'utf8', maxBuffer: 1 << 30, timeout: 300_000 })
  if (ran.error !== undefined) {
    throw new ProfilingError('PROFILING_MISSING', 'The sqlite3 command is not installed', { fix: 'Debian, Ubuntu: sudo apt install sqlite3; or export CSV instead: nsys stats --report cuda_gpu_trace --format csv', cause: ran.error })
  }
  if (ran.status !== 0) throw new ProfilingError('PROFILING_FORMAT', 'The file is not an SQLite export of Nsight Systems', { got: ran.stderr.trim().slice(0, 500), where: file })
  return (ran.stdout.trim() === '' ? [] : JSON.parse(ran.stdout)) as Readonly<Record<string, unknown>>[]
}

/**
 * The SQLite file of `nsys export --type=sqlite` as events, in the order of their start.
 *
 * @throws ProfilingError `PROFILING_MISSING` without the sqlite3 command, `PROFILING_FORMAT`
 */
export function readNsysSqlite(file: string): TimelineEvent[] {
  if (!existsSync(file)) throw new ProfilingError('PROFILING_FORMAT', 'There is no such file', { where: file })
  const tables = new Set(ask(file, "select name from sqlite_master where type = 'table'").map((row) => String(row['name'])))
  if (!tables.has('StringIds')) throw new ProfilingError('PROFILING_FORMAT', 'The file is not an export of Nsight Systems', { expected: 'a table StringIds', got: [...tables].slice(0, 10).join(', '), where: file })
  const events = QUERIES.filter(({ table, needs }) => tables.has(table) && needs.every((name) => tables.has(name))).flatMap(({ sql }) => ask(file, sql).map((row): TimelineEvent => {
    const start = Number(row['start']), end = Number(row['end'])
    return { name: String(row['name']), category: String(row['category']), track: String(row['track']), startMicroseconds: start / 1e3, durationMicroseconds: (end - start) / 1e3 }
  }))
  return events.sort((a, b) => a.startMicroseconds - b.startMicroseconds)
}
