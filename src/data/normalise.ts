// Scaling of features. A normaliser is fitted on the training part and applied to every part, so that no statistics of
// the test part leak into training.
import { elementCount } from '../core'
import { DataError } from './errors'

/**
 * - `standard`: z = (x − μ) / σ for each feature, so mean 0 and variance 1
 * - `range`: z = (x − min) / (max − min) for each feature, so [0, 1]
 * - `global`: z = (x − μ) / σ with one μ and σ over all features; for images, whose border pixels never vary
 * - `unit`: z = x / max over all features; [0, 1] for pixels, and zero stays zero
 */
export type Normalisation = 'standard' | 'range' | 'global' | 'unit'

/** z = (x − offset) · scale, feature by feature. */
export interface Normaliser {
  readonly method: Normalisation
  /** One entry for each feature of a sample. */
  readonly offset: Float32Array
  readonly scale: Float32Array
}

type Numbers = Uint8Array | Float32Array

/**
 * Fits a normaliser to samples laid out row-major, `[n, ...sampleShape]`. σ is the population's (divided by n). A
 * constant feature is only moved, not scaled: its spread of 0 would divide by zero.
 *
 * @throws DataError `DATA_EMPTY` without samples
 */
export function fitNormaliser(features: Numbers, sampleShape: readonly number[], method: Normalisation): Normaliser {
  const width = elementCount(sampleShape)
  const n = width === 0 ? 0 : features.length / width
  if (n === 0) throw new DataError('DATA_EMPTY', 'A normaliser needs at least one sample to fit', { got: '0 samples' })
  // Statistics over all features at once are those of one feature with n · width samples.
  const columns = method === 'standard' || method === 'range' ? width : 1
  const sum = new Float64Array(columns)
  const low = new Float64Array(columns).fill(Infinity)
  const high = new Float64Array(columns).fill(-Infinity)
  for (let i = 0; i < features.length; i++) {
    const x = features[i] ?? 0
    const c = i % columns
    sum[c] = (sum[c] ?? 0) + x
    if (x < (low[c] ?? 0)) low[c] = x
    if (x > (high[c] ?? 0)) high[c] = x
  }
  const each = features.length / columns
  const mean = sum.map((total) => total / each)
  const squares = new Float64Array(columns)
  if (method === 'standard' || method === 'global') {
    for (let i = 0; i < features.length; i++) {
      const c = i % columns
      squares[c] = (squares[c] ?? 0) + ((features[i] ?? 0) - (mean[c] ?? 0)) ** 2
    }
  }
  const spread = (c: number): number => {
    if (method === 'range') return (high[c] ?? 0) - (low[c] ?? 0)
    if (method === 'unit') return high[c] ?? 0
    return Math.sqrt((squares[c] ?? 0) / each)
  }
  const origin = (c: number): number => (method === 'range' ? low[c] : method === 'unit' ? 0 : mean[c]) ?? 0
  return {
    method,
    offset: Float32Array.from({ length: width }, (_, i) => origin(i % columns)),
    scale: Float32Array.from({ length: width }, (_, i) => 1 / (spread(i % columns) || 1)),
  }
}

/** Applies z = (x − offset) · scale; the input stays as it is. */
export function applyNormaliser(features: Numbers, { offset, scale }: Normaliser): Float32Array {
  const width = offset.length
  const out = new Float32Array(features.length)
  for (let i = 0; i < out.length; i++) {
    const j = i % width
    out[i] = ((features[i] ?? 0) - (offset[j] ?? 0)) * (scale[j] ?? 1)
  }
  return out
}
