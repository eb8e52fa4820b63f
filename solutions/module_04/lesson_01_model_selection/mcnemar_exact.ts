// #region cell
export function mcnemarP(first: boolean[], second: boolean[]): number {
  const b = first.filter((right, i) => right && second[i] === false).length
  const c = second.filter((right, i) => right && first[i] === false).length
  const m = b + c
  let ways = 1
  let tail = 0
  for (let i = 0; i <= Math.min(b, c); i++) {
    tail += ways
    ways *= (m - i) / (i + 1)
  }
  return Math.min(1, (2 * tail) / 2 ** m)
}
// #endregion
