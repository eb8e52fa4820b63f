// #region cell
export function twoOfFourMask(weights: Float32Array, columns: number): Uint8Array {
  const size = (place: number): number => Math.abs(weights[place] ?? 0)
  const mask = new Uint8Array(weights.length).fill(1)
  for (let row = 0; row < weights.length; row += columns) {
    for (let column = 0; column + 4 <= columns; column += 4) {
      const four = [0, 1, 2, 3].map((i) => row + column + i).sort((a, b) => size(a) - size(b))
      for (const place of four.slice(0, 2)) mask[place] = 0
    }
  }
  return mask
}
// #endregion
