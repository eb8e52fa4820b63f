// A matrix product done by the runtime, for the loops that do many with one matrix.
import { build, Tensor, writeModel } from '../../onnx'
import type { RunFunction } from '../run'
import { productWith, type Product } from './rounding'

/** Below this size a session costs more than it saves. */
const SMALL = 64

/** D → D H by the runtime, in float32; small matrices here. */
export function productBy(run: RunFunction, h: Float64Array, n: number): Product {
  if (n < SMALL) return productWith(h, n)
  const bytes = writeModel(build('product', (g) => {
    const d = g.input('d', 'float32', ['rows', n])
    g.output(g.op('MatMul', [d, Tensor.from(Float32Array.from(h), [n, n])]), 'y')
  }))
  return (d) => Float64Array.from((run(bytes, { d: { dtype: 'float32', shape: [d.length / n, n], data: Float32Array.from(d) } })['y']?.data ?? []) as ArrayLike<number>)
}
