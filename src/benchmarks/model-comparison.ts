// Is one model better than another? Tests for two models judged on the same data. Not for times: those are `compare`'s.
import { WhetstoneError, random } from '../core'
import { quantile, type Interval } from './statistics'

/** What McNemar's test says. */
export interface McNemar {
  /** Samples that only the first, and only the second model has right. */
  readonly onlyFirst: number
  readonly onlySecond: number
  /** Two-sided, exact. */
  readonly p: number
}

/**
 * McNemar's exact test for two classifiers on the same n test samples. If they are equally good, each of the m samples on which one
 * alone is right falls to either with probability ½: p = min(1, 2 Σ_{i ≤ min(b, c)} C(m, i) / 2^m).
 * Q. McNemar, Psychometrika 12, 1947; in this form T. Dietterich, Neural Computation 10(7), 1998, section 3.1.
 *
 * @throws WhetstoneError `STATISTICS_DATA` when the lengths differ or there are no samples
 */
export function mcnemar(first: readonly boolean[], second: readonly boolean[]): McNemar {
  if (first.length === 0 || first.length !== second.length) {
    throw new WhetstoneError('STATISTICS_DATA', 'Two models are compared on the same samples', { expected: `${first.length} answers, at least one`, got: `${second.length}` })
  }
  let [onlyFirst, onlySecond] = [0, 0]
  first.forEach((right, i) => {
    if (right && second[i] === false) onlyFirst++
    else if (!right && second[i] === true) onlySecond++
  })
  const m = onlyFirst + onlySecond
  let sum = 0
  // ln C(m, i) − m ln 2, so that thousands of disagreements neither overflow nor vanish.
  for (let i = 0, log = -m * Math.LN2; i <= Math.min(onlyFirst, onlySecond); log += Math.log((m - i) / (i + 1)), i++) sum += Math.exp(log)
  return { onlyFirst, onlySecond, p: Math.min(1, 2 * sum) }
}

/** What the corrected resampled t-test says. */
export interface ResampledT {
  /** Mean of the differences. */
  readonly difference: number
  /** Its standard error, corrected for the overlap of the training parts. */
  readonly error: number
  readonly t: number
  /** Two-sided, of Student's distribution with k − 1 degrees of freedom. */
  readonly p: number
}

/**
 * The corrected resampled t-test for differences of score over k splits of the same data (cross-validation, repeated or not). Training
 * parts overlap, so the differences are not independent and s²/k is too small:
 * t = d̄ / √((1/k + n_test / n_train) s²), with k − 1 degrees of freedom.
 * C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003, section 3.
 *
 * @param sizes samples that each split trained on and was judged on
 * @throws WhetstoneError `STATISTICS_DATA` when there are fewer than two differences
 */
export function correctedT(differences: readonly number[], sizes: { readonly train: number; readonly test: number }): ResampledT {
  const k = differences.length
  if (k < 2) throw new WhetstoneError('STATISTICS_DATA', 'A spread needs at least two differences', { got: `${k}` })
  // Welford's recurrence: one pass, and no cancellation where the spread is small beside the mean.
  let [difference, squares] = [0, 0]
  for (const [i, d] of differences.entries()) {
    const before = d - difference
    difference += before / (i + 1)
    squares += before * (d - difference)
  }
  const overlap = sizes.test / sizes.train
  const error = Math.sqrt((squares / (k - 1)) * (overlap + 1 / k))
  const t = error === 0 ? (difference === 0 ? 0 : Math.sign(difference) * Infinity) : difference / error
  return { difference, error, t, p: studentP(t, k - 1) }
}

/** Two-sided p of Student's t: I_x(ν/2, ½) with x = ν / (ν + t²) (DLMF 8.17, Abramowitz and Stegun 26.7.1). */
export function studentP(t: number, degrees: number): number {
  if (Number.isNaN(t)) return Number.NaN
  return Math.abs(t) === Infinity ? 0 : incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
}

/** ln Γ(x) for x > 0, by Stirling's series after shifting x above 10 (DLMF 5.11.1). */
function logGamma(x: number): number {
  let shift = 0
  for (; x < 10; x++) shift += Math.log(x)
  const z = 1 / (x * x)
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z / 1680))) / x - shift
}

/** The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22) in Lentz's form. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1
  // The fraction converges fast for x below the mean; beyond it the symmetry I_x(a, b) = 1 − I_{1−x}(b, a) is used.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  const away = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value)
  let [f, c, d] = [1, 1, 0]
  for (let i = 0; i < 500; i++) {
    const m = Math.floor(i / 2)
    const numerator = i === 0 ? 1
      : i % 2 === 0 ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : -((a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + numerator * d)
    c = away(1 + numerator / c)
    f *= c * d
    if (Math.abs(1 - c * d) < 1e-14) break
  }
  return front * (f - 1)
}

/**
 * Percentile bootstrap of any statistic of n samples: the statistic of `draws` resamples with replacement, and the central
 * `confidence` range of them (B. Efron, Annals of Statistics 7(1), 1979). Paired comparisons stay paired: let the statistic look up
 * both models at the same indices.
 *
 * @param statistic of the samples at these indices; draws for which it is NaN (a class that was not drawn) are left out
 * @throws WhetstoneError `STATISTICS_DATA` without samples, `BENCH_NO_SAMPLES` when the statistic was never a number
 * @example
 * bootstrap(labels.length, (drawn) => accuracyOf(a, drawn) - accuracyOf(b, drawn))
 */
export function bootstrap(
  n: number, statistic: (indices: Int32Array) => number, options: { readonly confidence?: number; readonly draws?: number; readonly seed?: number } = {},
): Interval {
  const { confidence = 0.95, draws = 1000, seed = 1 } = options
  if (!Number.isInteger(n) || n < 1) throw new WhetstoneError('STATISTICS_DATA', 'There is nothing to draw from', { expected: 'at least one sample', got: `${n}` })
  const source = random(seed)
  const indices = new Int32Array(n)
  const values: number[] = []
  for (let draw = 0; draw < draws; draw++) {
    for (let i = 0; i < n; i++) indices[i] = source.int(n)
    const value = statistic(indices)
    if (!Number.isNaN(value)) values.push(value)
  }
  return [quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)]
}
