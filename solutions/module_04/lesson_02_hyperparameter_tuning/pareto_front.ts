import type { Candidate } from '../../../exercises/module_04/lesson_02_hyperparameter_tuning/pareto_front/exercise'

// #region cell
export function paretoFront(candidates: Candidate[]): string[] {
  const dominates = (p: Candidate, q: Candidate): boolean =>
    p.accuracy >= q.accuracy && p.latency <= q.latency && (p.accuracy > q.accuracy || p.latency < q.latency)
  const measured = candidates.filter((c) => !Number.isNaN(c.accuracy) && !Number.isNaN(c.latency))
  return measured.filter((q) => !measured.some((p) => dominates(p, q))).map((c) => c.name)
}
// #endregion
