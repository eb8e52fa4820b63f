// `npm run bench -- emulator`: how fast the CUDA emulator is, with its report and without, and how long a full report of
// a 256 x 256 x 256 matrix product takes.
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Case, type Row, type Target } from '../../benchmarks'
import { cudaFile, emptyArray, versionOfCompiler, type CudaRun, type LoadedModule } from '../../runtime'

export const suite: BenchSuite = {
  name: 'emulator',
  description: 'the CUDA emulator: threads and instructions a second, a full report of a matrix product',
  run: measure,
  targets: (rows) => rows.filter((row) => row.contestant === 'report on' && row.case.startsWith(`sgemm ${N}`) && row.unit === 's').map(target),
}

const N = 256

async function measure(context: BenchContext): Promise<void> {
  const source = cudaFile(path.join(context.root, 'native', 'emulator', 'test', 'gemm.cu'))
  const missing = versionOfCompiler() === undefined ? { missing: 'no g++ on this Linux' } : {}
  const threads = 1 << 20
  const x = new Float32Array(threads).fill(1), y = new Float32Array(threads)
  const a = new Float32Array(N * N).fill(0.5), b = new Float32Array(N * N).fill(0.25)
  const saxpy = (report: boolean): Promise<CudaRun> => source.launch('saxpy', { grid: threads / 256, block: 256 }, [threads, 2, x, y], { report, orders: 1 })
  const product = (kernel: string, report: boolean): Promise<CudaRun> => {
    const edge = kernel === 'naive' ? 32 : 16
    return source.launch(kernel, { grid: [N / edge, N / edge], block: [edge, edge] }, [a, b, emptyArray(Float32Array, N * N), N], { report, orders: 1, seconds: 60 })
  }
  // The kernel alone, without starting the process and moving the arrays; work over time.
  const rate = async (run: Promise<CudaRun>, work: number): Promise<number> => work / ((await run).kernels[0]?.totalMs ?? Number.NaN) / 1e3
  const total = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return (performance.now() - start) / 1e3
  }
  if (missing.missing === undefined) {
    context.note('compiling the emulator')
    await saxpy(true)
    await saxpy(false)
  }
  const instructions = missing.missing === undefined ? (await product('tiled<16>', true)).kernels[0]?.totals.instructions ?? Number.NaN : Number.NaN
  const twice = (name: string, unit: string, higherIsBetter: boolean, work: (report: boolean) => Promise<number>): Case => ({
    name, unit, higherIsBetter, rounds: 5,
    contestants: [{ name: 'report off', ...missing, measure: () => work(false) }, { name: 'report on', ...missing, measure: () => work(true) }],
  })
  // What starting a process and files cost: the same launch of 1024 threads from a process of its own and in this one.
  const small = new Float32Array(1024)
  let inside: LoadedModule | undefined
  const overhead: Case = {
    name: 'saxpy, 1,024 threads: one launch, all', unit: 'ms', rounds: 9,
    contestants: [
      { name: 'process of its own', ...missing, measure: async () => 1e3 * await total(() => source.launch('saxpy', { grid: 4, block: 256 }, [1024, 2, small, small.slice()], { report: false })) },
      { name: 'in this process', ...missing, measure: async () => {
        const loaded = inside ??= await source.load()
        return 1e3 * await total(() => loaded.launch('saxpy', { grid: 4, block: 256 }, [1024, 2, small, small.slice()]))
      } },
    ],
  }
  const kernels = cudaFile(path.join(context.root, 'native', 'kernels', 'sgemm.cu'))
  const cases: Case[] = [
    twice('saxpy, 1,048,576 threads', 'million threads/s', true, (report) => rate(saxpy(report), threads)),
    twice(`sgemm ${N}, tiles of 16`, 'million instructions/s', true, (report) => rate(product('tiled<16>', report), instructions)),
    twice(`sgemm ${N}, tiles of 16: all`, 's', false, (report) => total(() => product('tiled<16>', report))),
    twice(`sgemm ${N}, naive: all`, 's', false, (report) => total(() => product('naive', report))),
    { name: 'sgemm.cu check, 7 versions', unit: 's', rounds: 3, contestants: [{ name: 'report on', ...missing, measure: () => total(() => kernels.run(['check'], { orders: 1 })) }] },
  ]
  cases.push(overhead)
  for (const one of cases) context.add(await compare(one, context))
}

function target(row: Row): Target {
  return {
    name: row.case, wanted: 'full report in less than 10 s', reached: row.median === undefined ? 'not measured' : `${row.median.toFixed(2)} s`,
    met: row.median === undefined ? null : row.median < 10,
  }
}
