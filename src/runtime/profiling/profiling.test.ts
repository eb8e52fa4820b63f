// Readers of what NVIDIA's profilers write, on small texts in their formats: header lines and layouts are those of Nsight
// Compute 2024/2025, Nsight Systems 2024 to 2026 and nvidia-smi; the numbers are made up so that sums are easy to check.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cuda, gpuNames, versionOfCompiler } from '../cuda'
import { busyShare, summarizeTimeline } from '../timeline'
import {
  compareCounters, csvTable, joulesOf, ncuCommand, ncuReportCommand, nsysCommand, nsysExportCommand, nsysStatsCommand, numberOf, parseCsv, parseNcu, parseNsysSummary, parseNsysTrace, parseSmi,
  readNsysSqlite, sampleGpu, smiCommand, timelineOfNcu, timelineOfSamples,
} from '.'

describe('comma-separated values', () => {
  it('gives back what was written, whatever it was', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') })
    fc.assert(fc.property(fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 }), (rows) => {
      const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')).join('\r\n')
      expect(parseCsv(text)).toEqual(rows)
    }))
  })
  it('finds a table behind other text, and ends it', () => {
    const { columns, rows } = csvTable('==PROF== "hello\nA,B (ns)\n1,2\n3,4\nend\n', ['A'], 'x')
    expect([columns, rows.map((row) => [...row.values()])]).toEqual([['A', 'B (ns)'], [['1', '2'], ['3', '4']]])
    expect(() => csvTable('nothing', ['A'], 'x')).toThrow(expect.objectContaining({ code: 'PROFILING_FORMAT' }))
    expect(['1,234.5', '7', '-2e3', 'n/a', '[N/A]', '', undefined].map(numberOf)).toEqual([1234.5, 7, -2000, undefined, undefined, undefined, undefined])
  })
})

const RAW = `==PROF== Connected to process 4242 (/tmp/saxpy)
==PROF== Profiling "saxpy" - 0: 0%....50%....100% - 1 pass
"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC","gpu__time_duration.sum","l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum","dram__bytes_read.sum","launch__registers_per_thread"
"","","","","","","","","","","","usecond","sector","Kbyte","register/thread"
"0","4242","saxpy","host","saxpy(int, float, const float *, float *)","1","7","(256, 1, 1)","(4, 1, 1)","0","9.0","2.50","256","8.19","12"
"1","4242","saxpy","host","void tile<32>(float *)","1","13","(32, 8, 1)","(2, 2, 1)","0","9.0","1,000.00","n/a","0","40"
`
const DETAILS = `"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"
"0","1","app","host","k(float *)","1","7","(256, 1, 1)","(1, 8, 1)","0","8.0","GPU Speed Of Light Throughput","Duration","ns","2,848"
"0","1","app","host","k(float *)","1","7","(256, 1, 1)","(1, 8, 1)","0","8.0","GPU Speed Of Light Throughput","Memory Throughput","%","14.26"
"0","1","app","host","k(float *)","1","7","(256, 1, 1)","(1, 8, 1)","0","8.0","Memory Workload Analysis","Memory Throughput","Gbyte/s","12.5"
`

describe('Nsight Compute', () => {
  it('command lines', () => {
    expect(ncuCommand(['./a', 'check'], { kernel: /^saxpy/, count: 2, flushCaches: false, metrics: ['a', 'b'] }))
      .toEqual(['ncu', '--csv', '--page', 'raw', '--metrics', 'a,b', '--kernel-name', 'regex:^saxpy', '--launch-count', '2', '--cache-control', 'none', '--target-processes', 'all', './a', 'check'])
    expect(ncuCommand(['a'], { metrics: 'full', skip: 3, kernel: 'k' }).join(' ')).toBe('ncu --csv --page raw --set full --kernel-name k --launch-skip 3 --target-processes all a')
    expect(ncuReportCommand('r.ncu-rep')).toEqual(['ncu', '--import', 'r.ncu-rep', '--csv', '--page', 'raw'])
  })
  it('the raw page: units below the header, in base units here', () => {
    const [saxpy, tile] = parseNcu(RAW)
    expect(saxpy).toMatchObject({ id: '0', kernel: 'saxpy(int, float, const float *, float *)', stream: '7', grid: [4, 1, 1], block: [256, 1, 1], capability: '9.0' })
    expect(saxpy!.metrics.get('gpu__time_duration.sum')).toEqual({ value: expect.closeTo(2.5e-6, 12) as number, unit: 'second' })
    expect(saxpy!.metrics.get('dram__bytes_read.sum')).toEqual({ value: expect.closeTo(8190) as number, unit: 'byte' })
    expect(saxpy!.metrics.get('launch__registers_per_thread')).toEqual({ value: 12, unit: 'register/thread' })
    expect(tile!.metrics.has('l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum')).toBe(false)
    expect(timelineOfNcu(parseNcu(RAW)).map((event) => [event.startMicroseconds, event.durationMicroseconds, event.track])).toEqual([[0, expect.closeTo(2.5), 'stream 7'], [expect.closeTo(2.5), expect.closeTo(1000), 'stream 13']])
  })
  it('the details page: a row for each counter, the first of a name counts', () => {
    const [one] = parseNcu(DETAILS)
    expect(Object.fromEntries(one!.metrics)).toEqual({ Duration: { value: expect.closeTo(2.848e-6, 12) as number, unit: 'second' }, 'Memory Throughput': { value: 14.26, unit: '%' } })
  })
  it('an error instead of a table is told', () => {
    expect(() => parseNcu('==ERROR== ERR_NVGPUCTRPERM - The user does not have permission')).toThrow(/not the output of ncu/)
  })
  it.runIf(versionOfCompiler() !== undefined)('the emulator\'s counters beside the GPU\'s', async () => {
    const run = await cuda`__global__ void saxpy(int n, float a, const float* x, float* y) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = a * x[i] + y[i]; }`
      .launch('saxpy', { grid: 4, block: 256 }, [1024, 2, new Float32Array(1024), new Float32Array(1024)], { orders: 1 })
    // 1024 threads read two floats of 4 bytes each: 2 · 1024 · 4 / 32 = 256 sectors, as the text above has it.
    expect(compareCounters(run.kernels[0]!, parseNcu(RAW)[0]!)[0]).toEqual({ counter: 'sectors loaded', emulator: 256, gpu: 256, ratio: 1 })
  })
})

const TRACE = `
NOTICE: Existing SQLite export found: a.sqlite

Processing [a.sqlite] with [/opt/nsys/reports/cuda_gpu_trace.py]... 
Start (ns),Duration (ns),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,StcSMem (MB),DymSMem (MB),Bytes (MB),Throughput (MB/s),SrcMemKd,DstMemKd,Device,Ctx,GreenCtx,Strm,Name
1000,4000,123,,,,,,,,,,4.194,6337.593,Pinned,Device,GPU (0),1,,13,[CUDA memcpy Host-to-Device]
6000,2000,128,4096,1,1,256,1,1,16,0.000,0.000,,,,,GPU (0),1,,13,"demo::saxpy(float, const float *, float *, unsigned long)"
9000,1000,129,1,1,1,32,1,1,16,0.000,0.000,,,,,GPU (0),1,,14,other
`
const SUM = `Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev (ns),Name
75.0,3000,3,1000.0,1000.0,500,1500,10.0,"saxpy(int, float)"
25.0,1000,1,1000.0,1000.0,1000,1000,0.0,tile
`
const RANGES = `Start (ns),End (ns),Duration (ns),DurChild (ns),DurNonChild (ns),Name,PID,TID,Lvl,NumChild,RangeId,ParentId,RangeStack,NameTree
100,900,800,0,800,:step,53,54,0,0,1,,:1,:step
`

describe('Nsight Systems', () => {
  it('command lines', () => {
    expect(nsysCommand(['node', 'a.js'], { output: 'a' })).toEqual(['nsys', 'profile', '--trace=cuda,nvtx,cudnn,cublas', '--sample=none', '--cpuctxsw=none', '--cuda-graph-trace=node', '--force-overwrite=true', '--output=a', 'node', 'a.js'])
    expect(nsysStatsCommand('a.nsys-rep', 'cuda_gpu_trace').slice(0, 6)).toEqual(['nsys', 'stats', '--report', 'cuda_gpu_trace', '--format', 'csv'])
    expect(nsysExportCommand('a.nsys-rep', 'a.sqlite')).toContain('--type=sqlite')
  })
  it('traces of the GPU and of ranges', () => {
    const events = parseNsysTrace(TRACE)
    expect(events.map((event) => [event.category, event.startMicroseconds, event.durationMicroseconds, event.track])).toEqual([
      ['memcpy', 1, 4, 'GPU (0), stream 13'], ['kernel', 6, 2, 'GPU (0), stream 13'], ['kernel', 9, 1, 'GPU (0), stream 14'],
    ])
    expect(events[1]!.name).toBe('demo::saxpy(float, const float *, float *, unsigned long)')
    expect(busyShare(events).get('GPU (0), stream 13')).toBeCloseTo(6 / 9)
    expect(parseNsysTrace(RANGES)).toEqual([{ name: 'step', category: 'range', track: 'thread 54', startMicroseconds: 0.1, durationMicroseconds: 0.8 }])
    expect(parseNsysTrace(TRACE.replaceAll('(ns)', '(ms)'))[0]!.durationMicroseconds).toBe(4e6)
  })
  it('summaries', () => {
    expect(parseNsysSummary(SUM)[0]).toEqual({ name: 'saxpy(int, float)', category: 'kernel', count: 3, totalMicroseconds: 3, meanMicroseconds: 1, minimumMicroseconds: 0.5, maximumMicroseconds: 1.5, share: 0.75 })
    expect(() => parseNsysSummary('x')).toThrow(expect.objectContaining({ code: 'PROFILING_FORMAT' }))
  })
  const sqlite = spawnSync('sqlite3', ['--version']).error === undefined
  it.runIf(sqlite)('the SQLite export: kernels, copies, calls, ranges', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-nsys-'))
    try {
      const file = path.join(folder, 'a.sqlite')
      const made = spawnSync('sqlite3', [file], { input: `
        create table StringIds (id integer primary key, value text not null);
        insert into StringIds values (1, 'saxpy'), (2, 'cudaLaunchKernel_v7000'), (3, 'epoch');
        create table CUPTI_ACTIVITY_KIND_KERNEL (start integer, end integer, deviceId integer, contextId integer, streamId integer, correlationId integer, globalPid integer, demangledName integer, shortName integer);
        insert into CUPTI_ACTIVITY_KIND_KERNEL values (5000, 8000, 0, 1, 7, 1, 0, 1, 1);
        create table CUPTI_ACTIVITY_KIND_MEMCPY (start integer, end integer, deviceId integer, streamId integer, bytes integer, copyKind integer);
        insert into CUPTI_ACTIVITY_KIND_MEMCPY values (1000, 4000, 0, 7, 4096, 1);
        create table CUPTI_ACTIVITY_KIND_RUNTIME (start integer, end integer, globalTid integer, correlationId integer, nameId integer, returnValue integer);
        insert into CUPTI_ACTIVITY_KIND_RUNTIME values (4500, 4900, ${(100n << 24n) + 77n}, 1, 2, 0);
        create table NVTX_EVENTS (start integer, end integer, eventType integer, text text, textId integer, globalTid integer);
        insert into NVTX_EVENTS values (500, 9000, 59, 'step', null, 77), (600, null, 34, null, 3, 77), (0, 1, 75, 'category', null, 77);` })
      expect(made.status).toBe(0)
      expect(readNsysSqlite(file)).toEqual([
        { name: 'step', category: 'range', track: 'thread 77', startMicroseconds: 0.5, durationMicroseconds: 8.5 },
        { name: 'epoch', category: 'range', track: 'thread 77', startMicroseconds: 0.6, durationMicroseconds: 0 },
        { name: 'memcpy host to device', category: 'memcpy', track: 'device 0, stream 7', startMicroseconds: 1, durationMicroseconds: 3 },
        { name: 'cudaLaunchKernel_v7000', category: 'api', track: 'thread 77', startMicroseconds: 4.5, durationMicroseconds: expect.closeTo(0.4) as number },
        { name: 'saxpy', category: 'kernel', track: 'device 0, stream 7', startMicroseconds: 5, durationMicroseconds: 3 },
      ])
      writeFileSync(path.join(folder, 'b.sqlite'), 'no database at all, but long enough to be looked at')
      expect(() => readNsysSqlite(path.join(folder, 'b.sqlite'))).toThrow(expect.objectContaining({ code: 'PROFILING_FORMAT' }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

const SMI = `timestamp, index, name, utilization.gpu [%], utilization.memory [%], memory.used [MiB], memory.total [MiB], power.draw [W], clocks.current.sm [MHz], temperature.gpu
2026/11/21 17:50:01.000, 0, NVIDIA H100, 0 %, 0 %, 100 MiB, 81559 MiB, 100.00 W, 345 MHz, 30
2026/11/21 17:50:01.500, 0, NVIDIA H100, 80 %, 40 %, 2100 MiB, 81559 MiB, 300.00 W, 1980 MHz, 40
2026/11/21 17:50:02.500, 0, NVIDIA H100, [N/A], 0 %, 100 MiB, 81559 MiB, 100.00 W, 345 MHz, 35
`

describe('nvidia-smi', () => {
  it('samples with units, and what is not told', () => {
    const samples = parseSmi(SMI)
    expect(samples.map((sample) => [sample.milliseconds, sample.utilisation])).toEqual([[0, 0], [500, 0.8], [1500, undefined]])
    expect(samples[1]).toMatchObject({ gpu: '0: NVIDIA H100', memoryUtilisation: 0.4, usedBytes: 2100 * 2 ** 20, watts: 300, megahertz: 1980, celsius: 40 })
    // Trapezoids: (100 + 300) / 2 · 0.5 s + (300 + 100) / 2 · 1 s.
    expect(joulesOf(samples)).toBeCloseTo(300)
    expect(summarizeTimeline(timelineOfSamples(samples)).map((row) => [row.name, row.totalMicroseconds])).toEqual([['80%', 1e6], ['0%', 5e5]])
    expect(smiCommand(50).slice(-2)).toEqual(['-lms', '50'])
  })
  it.runIf(gpuNames().length === 0)('without a GPU says so', async () => {
    await expect(sampleGpu(() => Promise.resolve(1))).rejects.toMatchObject({ code: 'PROFILING_MISSING' })
  })
})
