// #region cell
export function pickRate(rates: number[], losses: number[], beta: number): number {
  let average = 0
  const smooth = losses.map((loss, i) => {
    average = beta * average + (1 - beta) * loss
    return average / (1 - beta ** (i + 1))
  })
  const least = smooth.indexOf(Math.min(...smooth))
  if (least < 1) throw new Error('The smallest loss is that of the first step: the range begins too high.')
  const falls = smooth.slice(0, least).map((value, i) => value - (smooth[i + 1] ?? value))
  return rates[1 + falls.indexOf(Math.max(...falls))] ?? NaN
}
// #endregion
