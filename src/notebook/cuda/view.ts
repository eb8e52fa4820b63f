// A CUDA run as a page: what the judge found, the source with a heat column, the access of a warp, the roofline.
import { NotebookError } from '../errors'
import { Figure } from '../figure'
import { escapeHtml, formatBytes, formatNumber } from '../text'
import { View } from '../view'
import { isCudaRun, type AccessLike, type CudaRunLike, type FaultLike, type KernelLike, type LineLike } from './parts'
import { warpSvg } from './warp'

/** Pictures of warps shown open; the others are there too, folded. */
const OPEN = 2

const n3 = (index: readonly number[]): string => (index[1] === 1 && index[2] === 1 ? String(index[0]) : index.join(' × '))
const percent = (part: number): string => `${formatNumber(part * 100, 3)}%`

/** What a line's accesses cost, in a few words. */
export function accessText(access: AccessLike): string {
  const who = `${access.space} ${access.kind}`
  const lanes = access.threadsPerRequest < 31.95 ? `, ${formatNumber(access.threadsPerRequest, 3)} of 32 lanes` : ''
  if (access.kind === 'atomic') return `${who}: ${formatNumber(access.contention, 3)} lanes at one address${lanes}`
  if (access.space === 'global') return `${who}: ${formatNumber(access.sectorsPerRequest, 3)} sectors/request, ${percent(access.efficiency)} used${lanes}`
  return `${who}: ${access.bankConflicts === 0 ? 'no conflicts' : `${formatNumber(access.wavefronts / access.requests, 3)} wavefronts/request`}${lanes}`
}

function faultText(fault: FaultLike): string {
  const zero = [0, 0, 0]
  const who = fault.thread === undefined ? '' : `, thread (${fault.thread.join(', ')}) of block (${(fault.block ?? zero).join(', ')})`
  return `${fault.severity}: ${fault.kind}, line ${fault.line}${who}${fault.count > 1 ? `, ${fault.count.toLocaleString('en-US')} times` : ''}`
}

function totalsOf(kernel: KernelLike): [string, string][] {
  const { totals, occupancy, roofline, gpu } = kernel
  return [
    ['global memory', `${formatNumber(totals.sectorsPerRequest, 3)} sectors/request, ${percent(totals.efficiency)} of the bytes used`],
    ['traffic', `${formatBytes(totals.globalBytes)} a launch; at least ${formatBytes(totals.leastBytes)} must move`],
    ['shared memory', `${totals.sharedWavefronts.toLocaleString('en-US')} wavefronts, ${totals.bankConflicts.toLocaleString('en-US')} of them bank conflicts`],
    ['active threads', `${formatNumber(totals.activeThreads, 3)} of 32 per instruction`],
    ['barriers', totals.barriers.toLocaleString('en-US')],
    ['arithmetic', `${formatNumber(totals.flops, 3)} operations, ${formatNumber(roofline.intensity, 3)} a byte; ${formatNumber(roofline.idealIntensity, 3)} with perfect caches`],
    [`on ${gpu.name}`, `bound by ${roofline.bound} (ridge at ${formatNumber(roofline.ridge, 3)}); occupancy ${percent(occupancy.fraction)}, limited by ${occupancy.limitedBy}`],
    ['time', `${formatNumber(kernel.ms, 3)} ms for the fastest launch, on the device named above`],
  ]
}

function sourceTable(run: CudaRunLike, lines: ReadonlyMap<number, LineLike>): string {
  const wrong = new Map(run.faults.map((fault) => [fault.line, fault]))
  const rows = run.source.split('\n').map((content, i) => {
    const line = lines.get(i + 1), fault = wrong.get(i + 1)
    const heat = line?.heat ?? 0
    const note = [...fault === undefined ? [] : [`✗ ${fault.kind}`], ...(line?.accesses ?? []).map(accessText)].join('; ')
    const active = line === undefined || line.executions === 0 ? '' : formatNumber(line.activeThreads, 3)
    return `<tr style="${fault === undefined ? '' : 'outline:1px solid #d55e00'}"><td style="text-align:right;opacity:0.6">${i + 1}</td>`
      + `<td title="${percent(heat)} of the memory work" style="padding:0;min-width:48px"><div style="height:12px;width:${Math.round(heat * 46)}px;background:#d55e00"></div></td>`
      + `<td style="text-align:right">${active}</td><td style="text-align:left;white-space:pre;font-family:monospace">${escapeHtml(content)}</td><td style="text-align:left;opacity:0.8">${escapeHtml(note)}</td></tr>`
  })
  return `<table style="font-size:12px"><thead><tr><th></th><th title="share of the memory work">heat</th><th title="active threads of 32">active</th><th style="text-align:left">${escapeHtml(run.file)}</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function kernelHtml(kernel: KernelLike): string {
  const costly = kernel.lines.flatMap((line) => line.accesses.map((access) => ({ line, access }))).sort((a, b) => b.line.heat - a.line.heat)
  const pictures = costly.map(({ line, access }, i) =>
    `<details ${i < OPEN ? 'open' : ''}><summary>line ${line.line}, ${escapeHtml(accessText(access))}: its most expensive request</summary>${warpSvg(access)}</details>`)
  const totals = totalsOf(kernel).map(([name, value]) => `<tr><td style="text-align:left">${escapeHtml(name)}</td><td style="text-align:left">${escapeHtml(value)}</td></tr>`)
  return `<h4>${escapeHtml(kernel.kernel)}: grid ${n3(kernel.grid)}, block ${n3(kernel.block)}${kernel.launches > 1 ? `, ${kernel.launches} launches` : ''}</h4><table>${totals.join('')}</table>${pictures.join('')}`
}

/**
 * A CUDA run as a page: faults with advice, the source with a heat column (share of the memory work), the accesses of a
 * warp lane by lane, and the totals of each kernel.
 *
 * @throws NotebookError `CUDA_VALUE` when it is no run
 */
export function cudaView(run: CudaRunLike): View {
  checkRun(run)
  const lines = new Map<number, LineLike>()
  for (const kernel of run.kernels) {
    for (const line of kernel.lines) if ((lines.get(line.line)?.heat ?? -1) < line.heat) lines.set(line.line, line)
  }
  const faults = run.faults.map((fault) => `<p style="border-left:4px solid ${fault.severity === 'error' ? '#d55e00' : '#e69f00'};padding-left:8px"><b>${escapeHtml(faultText(fault))}</b><br>${escapeHtml(fault.message)}.<br>${escapeHtml(fault.advice)}</p>`)
  const head = `Ran on: ${run.device}${run.orders > 1 ? `, in ${run.orders} orders of the threads` : ''}. ${run.faults.length === 0 ? 'The judge found nothing.' : ''}`
  const html = `<div><p>${escapeHtml(head)}</p>${faults.join('')}${sourceTable(run, lines)}${run.kernels.map(kernelHtml).join('')}</div>`
  const text = [
    head, ...run.faults.map((fault) => `${faultText(fault)}\n  ${fault.message}. ${fault.advice}`),
    ...run.kernels.flatMap((kernel) => [
      `${kernel.kernel}: grid ${n3(kernel.grid)}, block ${n3(kernel.block)}`, ...totalsOf(kernel).map(([name, value]) => `  ${name}: ${value}`),
      ...kernel.lines.filter((line) => line.accesses.length > 0).map((line) => `  line ${line.line} ${percent(line.heat)}: ${line.accesses.map(accessText).join('; ')}`),
    ]),
  ].join('\n')
  return new View({ 'text/html': html, 'text/plain': text })
}

/** The kernels of a run under the roof of its GPU: at the intensity they have, and at that of perfect caches. */
export function rooflineFigure(run: CudaRunLike): Figure {
  checkRun(run)
  const gpu = run.kernels[0]?.gpu
  if (gpu === undefined) throw new NotebookError('CUDA_VALUE', 'The run has no kernel with a report', { fix: 'run it in the emulator with the report on' })
  const intensities = Array.from({ length: 49 }, (_, i) => 2 ** (i / 4 - 5))
  const roof = (intensity: number): number => Math.min(gpu.float32, intensity * gpu.bandwidth) / 1e9
  const measured = run.kernels.filter((kernel) => kernel.totals.flops > 0)
  const points = (name: string, symbol: string, of: (kernel: KernelLike) => number): Record<string, unknown> => ({
    type: 'scatter', mode: 'markers', name, x: measured.map(of), y: measured.map((kernel) => roof(of(kernel))), text: measured.map((kernel) => kernel.kernel), marker: { size: 10, symbol },
  })
  return new Figure([
    { type: 'scatter', mode: 'lines', name: gpu.name, x: intensities, y: intensities.map(roof) },
    points('as it asks for memory', 'circle', (kernel) => kernel.roofline.intensity), points('with perfect caches', 'diamond', (kernel) => kernel.roofline.idealIntensity),
  ], { title: { text: `Highest speed that ${gpu.name} allows` }, xaxis: { type: 'log', title: { text: 'arithmetic intensity (operations/byte)' } }, yaxis: { type: 'log', title: { text: 'attainable speed (GFLOP/s)' } } })
}

function checkRun(run: unknown): void {
  if (!isCudaRun(run)) throw new NotebookError('CUDA_VALUE', 'This is not the run of a CUDA program', { expected: 'what module.launch or module.run gives', got: typeof run })
}
