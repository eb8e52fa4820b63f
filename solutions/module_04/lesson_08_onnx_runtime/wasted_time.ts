import type { ProfiledTimes, Waste } from '../../../exercises/module_04/lesson_08_onnx_runtime/wasted_time/exercise'

// #region cell
export function wastedTime(times: ProfiledTimes): { shares: Record<Waste, number>; verdict: Waste | 'compute' } {
  const kinds: Record<string, Waste> = {
    MemcpyToHost: 'copies', MemcpyFromHost: 'copies',
    Transpose: 'layout', ReorderInput: 'layout', ReorderOutput: 'layout',
    Cast: 'conversion', QuantizeLinear: 'conversion', DequantizeLinear: 'conversion', DynamicQuantizeLinear: 'conversion',
  }
  const shares: Record<Waste, number> = { copies: 0, layout: 0, conversion: 0, overhead: 0 }
  let inNodes = 0
  for (const [operator, milliseconds] of Object.entries(times.operators)) {
    inNodes += milliseconds
    const kind = kinds[operator]
    if (kind) shares[kind] += milliseconds / times.run
  }
  shares.overhead = Math.max(0, times.run - inNodes) / times.run
  const [worst] = (Object.keys(shares) as Waste[]).sort((a, b) => shares[b] - shares[a])
  return { shares, verdict: worst && shares[worst] >= 0.2 ? worst : 'compute' }
}
// #endregion
