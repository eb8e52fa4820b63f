import type {
  OutputComparison, OutputTolerance,
} from '../../../exercises/module_04/lesson_07_onnx_basics/compare_outputs/exercise'

// #region cell
export function compareOutputs(expected: Float32Array, actual: Float32Array, tolerance: OutputTolerance): OutputComparison {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers cannot be compared with ${expected.length}`)
  let maxAbsolute = 0, maxRelative = 0, mismatches = 0
  expected.forEach((e, i) => {
    const a = actual[i] ?? NaN
    if (!Number.isFinite(a) || !Number.isFinite(e)) {
      // Object.is knows that NaN is NaN; === does not.
      if (!Object.is(a, e)) mismatches++
      return
    }
    const difference = Math.abs(a - e)
    if (difference > tolerance.absolute + tolerance.relative * Math.abs(e)) mismatches++
    maxAbsolute = Math.max(maxAbsolute, difference)
    if (e !== 0) maxRelative = Math.max(maxRelative, difference / Math.abs(e))
  })
  return { maxAbsolute, maxRelative, mismatches, agree: mismatches === 0 }
}
// #endregion
