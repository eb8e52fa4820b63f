// #region cell
export function scaleFold(train: number[][], test: number[][]): { train: number[][]; test: number[][] } {
  const columns = (train[0] ?? []).map((_, j) => {
    const column = train.map((row) => row[j] ?? 0)
    const [first = 0] = column
    // The mean of equal numbers may be off by a rounding, and the deviation then 1e-17 instead of 0.
    if (column.every((x) => x === first)) return { mean: first, deviation: 1 }
    const mean = column.reduce((sum, x) => sum + x, 0) / column.length
    const deviation = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / column.length)
    return { mean, deviation }
  })
  const scale = (row: number[]): number[] => columns.map(({ mean, deviation }, j) => ((row[j] ?? 0) - mean) / deviation)
  return { train: train.map(scale), test: test.map(scale) }
}
// #endregion
