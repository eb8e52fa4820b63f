import type { ChannelIntegers } from '../../../exercises/module_04/lesson_06_quantization/quantize_channels/exercise'

// #region cell
const nearestEven = (x: number): number => {
  const near = Math.round(x)
  return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

export function quantizeChannels(weights: Float32Array, channels: number): ChannelIntegers {
  const size = weights.length / channels
  const integers = new Int8Array(weights.length)
  const scales = new Float32Array(channels)
  for (let c = 0; c < channels; c++) {
    const own = weights.subarray(c * size, (c + 1) * size)
    const largest = own.reduce((most, w) => Math.max(most, Math.abs(w)), 0)
    const scale = largest === 0 ? 1 : largest / 127
    scales[c] = scale
    own.forEach((w, i) => { integers[c * size + i] = nearestEven(w / scale) })
  }
  return { integers, scales }
}
// #endregion
