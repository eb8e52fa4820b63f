// What the notebook shows for values of other libraries: registered with the kernel's host when the library is imported.
import { displaySymbol, type MimeBundle, type NotebookHost, type Renderer } from '../core'
import { isCudaRun } from './cuda/parts'
import { cudaView } from './cuda/view'
import { graphView } from './graph/view'
import { isGraph, isModel } from './graph/parts'
import { isTensor } from './plain'
import { isFrame, table } from './table'
import { escapeHtml, formatNumber, sparkline } from './text'

/** Elements of a tensor that are read to describe it; more would wait long for a device. */
const MAX_READ = 1_000_000

/** In the order of registration: the last is asked first. */
const RENDERERS: readonly Renderer[] = [renderTensor, renderFrame, renderModel, renderCuda]

const registered = Symbol.for('whetstone.renderers')

/** Registers the renderers once for a host, however often the library is loaded. */
export function registerRenderers(host: NotebookHost): void {
  const marked = host.renderers as Renderer[] & { [registered]?: true }
  if (marked[registered]) return
  Object.defineProperty(marked, registered, { value: true })
  host.renderers.push(...RENDERERS)
}

function renderFrame(value: unknown): MimeBundle | undefined {
  return isFrame(value) ? table(value)[displaySymbol]() : undefined
}

function renderCuda(value: unknown): MimeBundle | undefined {
  return isCudaRun(value) ? cudaView(value)[displaySymbol]() : undefined
}

function renderModel(value: unknown): MimeBundle | undefined {
  return isModel(value) || isGraph(value) ? graphView(value)[displaySymbol]() : undefined
}

/** Type, shape, range, mean and the first numbers: what one looks at first when something is wrong. */
function renderTensor(value: unknown): MimeBundle | undefined {
  if (!isTensor(value)) return undefined
  const size = value.shape.reduce((product, n) => product * n, 1)
  const head = `Tensor ${value.dtype} [${value.shape.join(', ')}]`
  const disposed = 'isDisposed' in value && value.isDisposed === true
  if (disposed || size > MAX_READ) return plain(`${head}, ${disposed ? 'disposed' : `${size.toLocaleString('en-US')} elements`}`)
  const all = Array.from(value.dataSync())
  const first = all.slice(0, 12).map((item) => (typeof item === 'number' ? formatNumber(item) : JSON.stringify(item))).join(', ')
  const lines = [head, `  ${first}${all.length > 12 ? ', …' : ''}`]
  const finite = all.filter((item): item is number => typeof item === 'number' && Number.isFinite(item))
  if (finite.length > 1) {
    let low = Infinity, high = -Infinity, sum = 0
    for (const item of finite) {
      low = Math.min(low, item)
      high = Math.max(high, item)
      sum += item
    }
    lines.push(`  ${formatNumber(low)} to ${formatNumber(high)}, mean ${formatNumber(sum / finite.length)}  ${sparkline(finite)}`)
  }
  const strange = all.length - finite.length
  if (strange > 0 && typeof all[0] === 'number') lines.push(`  ${strange.toLocaleString('en-US')} elements are NaN or infinite`)
  return plain(lines.join('\n'))
}

const plain = (text: string): MimeBundle => ({ 'text/plain': text, 'text/html': `<pre>${escapeHtml(text)}</pre>` })
