import type { JudgedSample, SliceRow } from '../../../exercises/module_04/lesson_01_model_selection/slice_report/exercise'

// #region cell
export function sliceReport(samples: JudgedSample[], least: number): SliceRow[] {
  const z = 1.96
  return [...new Set(samples.map(({ slice }) => slice))]
    .map((slice) => {
      const own = samples.filter((sample) => sample.slice === slice)
      const n = own.length
      const p = own.filter(({ right }) => right).length / n
      const spread = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))
      return { slice, samples: n, accuracy: p, atLeast: (p + z ** 2 / (2 * n) - spread) / (1 + z ** 2 / n) }
    })
    .filter((row) => row.samples >= least)
    .sort((a, b) => a.atLeast - b.atLeast || (a.slice < b.slice ? -1 : 1))
}
// #endregion
