import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/expected_improvement',
  title: 'How much better might it be?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/hands-on/implement-bayesian-optimization',
    'module04/lesson-2-hyperparameter-tuning-advanced/interview-questions/explain-bayesian-optimization',
  ],
}

// #region cell
/**
 * The expected improvement of a point, where a model says that its loss is normal with the given mean and deviation,
 * over the best loss so far:
 *
 *   EI = E[max(0, best − loss)] = σ · (z · Φ(z) + φ(z)),   z = (best − μ) / σ
 *
 * φ is the density of the standard normal distribution and Φ its cumulative probability. Where the model is certain
 * (σ = 0), the improvement is max(0, best − μ). It has the unit of the loss (Jones, Schonlau, Welch 1998, equation 15).
 *
 * Example: best = 1, μ = 1, σ = 2. Then z = 0, Φ(0) = 0.5, φ(0) = 0.3989, EI = 2 · 0.3989 = 0.7979: the mean promises
 * nothing, the doubt does.
 *
 * @param mean μ, @param deviation σ ≥ 0, @param best the smallest loss so far
 */
export function expectedImprovement(mean: number, deviation: number, best: number): number {
  // TODO: the certain case first; then z, and the equation. search.normalDensity(z) is φ, search.normalCumulative(z) Φ.
  throw new Error('expectedImprovement is not written yet')
}
// #endregion
