import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/gaussian_process',
  title: 'A model of the loss that knows what it does not know',
  points: 10,
  minutes: 20,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/hands-on/implement-bayesian-optimization',
  ],
}

// #region cell
/**
 * What a Gaussian process says about the loss at a new place x, after it has seen losses y at places X (one
 * hyperparameter, the mean of the process 0). With the kernel k(a, b) = exp(−½ · ((a − b) / scale)²),
 *
 *   K[i][j] = k(X[i], X[j]) + (noise if i = j),   k*[i] = k(x, X[i])
 *   mean = k* · K⁻¹ y,   variance = 1 − k* · K⁻¹ k*
 *
 * (Rasmussen and Williams 2006, equations 2.25 and 2.26). The variance is 0 at a place that was seen without noise and
 * tends to 1 far from all of them. Rounding may leave it a little below 0: return 0 then.
 *
 * Example: X = [0], y = [2], scale 1, noise 0. At x = 0: mean 2, variance 0. At x = 1: k* = exp(−½) = 0.6065, mean
 * 0.6065 · 2 = 1.2131, variance 1 − 0.6065² = 0.6321. At x = 100: mean 0, variance 1.
 *
 * @param scale in the unit of x: how far a loss tells about its neighbours
 * @param noise variance of the noise, in the unit of y squared
 */
export function gaussianProcess(
  x: number, X: number[], y: number[], scale: number, noise: number,
): { mean: number; variance: number } {
  // TODO: build K and k*; search.solve(K, y) is K⁻¹y, and search.solve(K, k*) is K⁻¹k*; two dot products remain.
  throw new Error('gaussianProcess is not written yet')
}
// #endregion
