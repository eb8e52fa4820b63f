// `npm run bench -- gpu-kernels [file…]`: every version of the kernels in native/kernels on this machine's GPU, against the
// copy of memory that the same program measures, beside PyTorch's own operators (products are cuBLAS's) where a PyTorch with
// CUDA is; and, where Nsight Compute is, the emulator's counters beside the GPU's.
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { kernelLines, type BenchContext, type BenchSuite, type Row, type Target } from '../../benchmarks'
import { compareCounters, cudaFile, gpuNames, ncuCommand, nvcc, parseNcu } from '../../runtime'
import { pythonWith } from '../peers'

export const suite: BenchSuite = {
  name: 'gpu-kernels',
  description: 'native/kernels on this GPU: time, bandwidth against the copy, the emulator\'s counters beside Nsight Compute\'s',
  run: measure,
}

/** Kernels whose time is that of their memory traffic: the best version should reach 90% of the copy. */
const MEMORY_BOUND: ReadonlySet<string> = new Set(['vector_add', 'transpose', 'reduction', 'softmax', 'layer_norm', 'bias_gelu', 'embedding', 'quantize'])

/** Kernels that do in one pass what PyTorch does in several. */
const FUSED: ReadonlySet<string> = new Set(['bias_gelu', 'int8_gemm', 'quantize'])

/** What PyTorch needs for the same task, or why it is not known. */
function byTorch(python: string | undefined, name: string, context: BenchContext): { readonly operator: string, readonly milliseconds?: number, readonly missing?: string } {
  const operator = 'PyTorch'
  if (python === undefined) return { operator, missing: 'no Python with torch: set WHETSTONE_PYTHON' }
  const { stdout, stderr } = spawnSync(python, [path.join(context.root, 'src', 'cli', 'gpu-kernels', 'peer.py'), path.join(context.root, 'native', 'kernels'), name], { encoding: 'utf8', timeout: 300_000 })
  const line = (stdout as string | null)?.trim() ?? ''
  if (!line.startsWith('{')) return { operator, missing: stderr.trim().split('\n').at(-1) ?? 'it printed nothing' }
  const { operator: called = '', ...rest } = JSON.parse(line) as { operator?: string, milliseconds?: number, missing?: string }
  return { operator: `${operator}: ${called}`, ...rest }
}

async function measure(context: BenchContext): Promise<void> {
  const folder = path.join(context.root, 'native', 'kernels')
  const asked = context.args
  const names = readdirSync(folder).filter((file) => file.endsWith('.cu')).map((file) => file.replace('.cu', '')).filter((name) => asked.length === 0 || asked.includes(name))
  const missing = nvcc() === undefined ? 'nvcc is not installed' : gpuNames().length === 0 ? 'no NVIDIA GPU' : undefined
  const python = missing === undefined ? pythonWith('torch') : undefined
  for (const name of names) {
    const rows: Row[] = [], targets: Target[] = []
    if (missing !== undefined) {
      context.add([{ case: name, contestant: 'GPU', unit: 'ms', missing }], MEMORY_BOUND.has(name) ? [{ name, wanted: '90% of the copy', reached: missing, met: null }] : [])
      continue
    }
    context.note(name)
    const file = path.join(folder, `${name}.cu`)
    const module = cudaFile(file, { device: 'gpu' })
    const lines = kernelLines((await module.run([], { seconds: 300 })).stdout)
    const [first] = lines
    for (const line of lines) {
      rows.push({ case: name, contestant: `${line.version} (${line.gigabytes} GB/s, ${line.gigaflops} GFLOP/s)`, unit: 'ms', median: line.milliseconds, ...first === undefined ? {} : { ratio: line.milliseconds / first.milliseconds } })
    }
    const best = Math.max(0, ...lines.map((line) => line.ofCopy))
    if (MEMORY_BOUND.has(name)) targets.push({ name, wanted: '90% of the copy', reached: `${(100 * best).toFixed(1)}%`, met: best >= 0.9 })
    const peer = byTorch(python, name, context), fastest = Math.min(...lines.map((line) => line.milliseconds))
    rows.push({
      case: name, contestant: peer.operator, unit: 'ms', ...peer.missing === undefined ? {} : { missing: peer.missing },
      ...peer.milliseconds === undefined ? {} : { median: peer.milliseconds, ...first === undefined ? {} : { ratio: peer.milliseconds / first.milliseconds } },
    })
    const faster = (peer.milliseconds ?? Number.NaN) / fastest
    const reached = Number.isNaN(faster) ? peer.missing ?? 'not measured' : `${faster.toFixed(2)} times its speed`
    if (name === 'sgemm') targets.push({ name: 'sgemm against cuBLAS in float32', wanted: '90% of its speed', reached, met: Number.isNaN(faster) ? null : faster >= 0.9 })
    if (FUSED.has(name)) targets.push({ name: `${name} against PyTorch eager`, wanted: 'faster', reached, met: Number.isNaN(faster) ? null : faster > 1 })
    context.add(rows, targets)
    context.add(await counters(name, file, (await module.compile()).executable))
  }
}

/** The counters of one launch of each kernel: by the emulator and by Nsight Compute, of the small size of `check`. */
async function counters(name: string, file: string, executable: string): Promise<Row[]> {
  const request = path.join(path.dirname(executable), 'check-request')
  const [command = '', ...args] = ncuCommand([executable, request])
  writeFileSync(request, `result ${request}.json\nargument check\n`)
  const ran = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 600_000 })
  if (ran.error !== undefined || ran.status !== 0) {
    return [{ case: `${name}: counters`, contestant: 'Nsight Compute', unit: 'count', missing: ran.error === undefined ? ran.stdout.split('\n').find((line) => line.startsWith('==ERROR==')) ?? 'it failed' : 'ncu is not installed' }]
  }
  const measured = parseNcu(ran.stdout)
  const emulated = await cudaFile(file).run(['check'], { orders: 1, seconds: 120 })
  return emulated.kernels.flatMap((kernel): Row[] => {
    const plain = (text: string): string => text.replace(/^void /, '').replace(/[<(].*$/s, '').replace(/.*::/, '').trim()
    const same = measured.find((one) => plain(one.kernel) === plain(kernel.kernel) && one.grid.join() === kernel.grid.join() && one.block.join() === kernel.block.join())
    if (same === undefined) return []
    return compareCounters(kernel, same).filter((one) => one.gpu !== undefined).flatMap((one): Row[] => [
      { case: `${name}, ${plain(kernel.kernel)}: ${one.counter}`, contestant: 'Nsight Compute', unit: 'count', median: one.gpu ?? Number.NaN, ratio: 1 },
      { case: `${name}, ${plain(kernel.kernel)}: ${one.counter}`, contestant: 'emulator', unit: 'count', median: one.emulator, ...one.ratio === undefined ? {} : { ratio: one.ratio } },
    ])
  })
}
