import { notebookHost } from '../core'
import { registerRenderers } from './renderers'

export * from './charts'
export type { AccessLike, CudaRunLike, FaultLike, KernelLike, LineLike } from './cuda/parts'
export { cudaView, rooflineFigure } from './cuda/view'
export * from './errors'
export { Figure, PALETTE, plot, type Layout, type Trace } from './figure'
export type { GraphLike, ModelLike, NodeLike, ValueLike } from './graph/parts'
export * from './graph/view'
export * from './images'
export * from './progress'
export { registerRenderers } from './renderers'
export * from './side-by-side'
export * from './table'
export { formatBytes, formatNumber, formatSeconds } from './text'
export * from './view'

const host = notebookHost()
if (host) registerRenderers(host)
