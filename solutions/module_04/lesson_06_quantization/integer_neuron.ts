import type { NeuronGrid } from '../../../exercises/module_04/lesson_06_quantization/integer_neuron/exercise'

// #region cell
export function integerNeuron(
  x: Uint8Array, weights: Int8Array, bias: number, grid: NeuronGrid,
): { sum: number; output: number } {
  const { xScale, xZero, wScale, yScale, yZero } = grid
  const sum = x.reduce((total, q, i) => total + (q - xZero) * (weights[i] ?? 0), bias)
  const steps = Math.round((sum * xScale * wScale) / yScale) + yZero
  return { sum, output: Math.min(255, Math.max(0, steps)) }
}
// #endregion
