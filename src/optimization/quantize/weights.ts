// Quantized weights by rounding to nearest, with the range of each channel by min-max or least squares.
import {
  parametersOf, quantizeWith, sliceRanges, slices, type Grid, type Parameters, type QuantizedWeight, type Range,
} from './arithmetic'

/** How weights become integers. */
export interface WeightOptions {
  /** One scale for each output channel, or one for all. */
  readonly perChannel: boolean
  readonly grid: Grid
  /** `min-max`: no weight is clipped. `mse`: the range with the least square error of the channel. */
  readonly method: 'min-max' | 'mse'
}

/**
 * The parameters of a weight.
 *
 * @param axis of the output channels
 */
export function weightParameters(data: ArrayLike<number>, shape: readonly number[], axis: number, options: WeightOptions): { parameters: Parameters[]; axis: number | undefined } {
  const along = options.perChannel ? axis : undefined
  const ranges = sliceRanges(data, shape, along)
  const parameters = ranges.map((range) => parametersOf(range, options.grid))
  if (options.method === 'min-max') return { parameters, axis: along }
  return { parameters: shrink(data, shape, along, ranges, parameters, options.grid), axis: along }
}

/** Least Σ (w − ŵ)² for each slice, over ranges of 50% to 100% of the whole, in steps of 1%. */
function shrink(
  data: ArrayLike<number>, shape: readonly number[], axis: number | undefined, ranges: readonly Range[], start: readonly Parameters[], grid: Grid,
): Parameters[] {
  const { of } = slices(shape, axis)
  const best = [...start]
  const least = new Float64Array(ranges.length).fill(Infinity)
  for (let percent = 100; percent >= 50; percent--) {
    const tried = ranges.map(({ low, high }) => parametersOf({ low: (low * percent) / 100, high: (high * percent) / 100 }, grid))
    const errors = new Float64Array(ranges.length)
    for (let i = 0; i < data.length; i++) {
      const c = of(i)
      const p = tried[c]
      if (p === undefined) continue
      const x = data[i] ?? 0
      let q = Math.round(x / p.scale) + p.zeroPoint
      if (q < p.low) q = p.low
      else if (q > p.high) q = p.high
      const d = x - (q - p.zeroPoint) * p.scale
      errors[c] = (errors[c] ?? 0) + d * d
    }
    for (const [c, p] of tried.entries()) {
      if ((errors[c] ?? 0) >= (least[c] ?? 0)) continue
      least[c] = errors[c] ?? 0
      best[c] = p
    }
  }
  return best
}

/** A weight rounded to nearest. */
export function roundWeight(data: ArrayLike<number>, shape: readonly number[], axis: number, options: WeightOptions): QuantizedWeight {
  const { parameters, axis: along } = weightParameters(data, shape, axis, options)
  return quantizeWith(data, shape, along, parameters, options.grid.dtype)
}

/**
 * Scales that are large enough for the bias: |b| / (input scale × weight scale) must fit 32 bits. Channels that are almost
 * zero, such as dead ones, would overflow.
 */
export function roomForBias(parameters: readonly Parameters[], bias: ArrayLike<number>, inputScale: number): Parameters[] {
  return parameters.map((p, c) => {
    let most = 0
    if (parameters.length === bias.length) most = Math.abs(bias[c] ?? 0)
    else for (let i = 0; i < bias.length; i++) most = Math.max(most, Math.abs(bias[i] ?? 0))
    const least = most / (inputScale * 2 ** 30)
    return p.scale >= least ? p : { ...p, scale: Math.fround(least * 1.0001) }
  })
}

