// The standard normal distribution, accurate in the tails, and draws from a truncated one.
import type { Random } from '../core'

/** φ(z) = exp(−z²/2) / √(2π). */
export function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)
}

/**
 * Φ(z), the probability of at most z. With erfc as in Numerical Recipes (3rd edition, section 6.2.2: a Chebyshev fit,
 * here by its continued fraction for large z and its power series for small): relative error below 1e-12.
 */
export function normalCumulative(z: number): number {
  if (z > 0) return 1 - normalCumulative(-z)
  const x = -z
  if (x > 38) return 0
  if (x < 3) {
    // Φ(−x) = ½ − φ(x)·(x + x³/3 + x⁵/15 + …)
    let term = x
    let sum = x
    for (let n = 3; term > sum * 1e-17; n += 2) {
      term *= (x * x) / n
      sum += term
    }
    return 0.5 - normalDensity(x) * sum
  }
  // Mills ratio by its continued fraction: Φ(−x) = φ(x) / (x + 1/(x + 2/(x + 3/…))).
  let fraction = x
  for (let n = 80; n > 0; n--) fraction = x + n / fraction
  return normalDensity(x) / fraction
}

/** ln of the expected improvement of a standard normal over −z: ln(φ(z) + z·Φ(z)), finite far below zero. */
export function logImprovement(z: number): number {
  if (z > -8) return Math.log(normalDensity(z) + z * normalCumulative(z))
  // φ(z) + zΦ(z) = φ(z)·(1/z² − 3/z⁴ + 15/z⁶ − …)
  const inverse = 1 / (z * z)
  return -0.5 * z * z - 0.5 * Math.log(2 * Math.PI) + Math.log(inverse) + Math.log1p(-3 * inverse + 15 * inverse * inverse)
}

/** A draw from N(mean, deviation²) on condition that it lies in [0, 1]; the mean must lie there. */
export function drawTruncated(mean: number, deviation: number, source: Random): number {
  for (let i = 0; i < 200; i++) {
    const x = mean + deviation * source.normal()
    if (x >= 0 && x <= 1) return x
  }
  return source.next()
}

/** The probability mass of N(mean, deviation²) in [0, 1]. */
export function massInUnit(mean: number, deviation: number): number {
  return normalCumulative((1 - mean) / deviation) - normalCumulative(-mean / deviation)
}
