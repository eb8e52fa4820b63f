import type { ClassBaseline } from '../../../exercises/module_04/lesson_01_model_selection/class_baseline/exercise'

// #region cell
export function classBaseline(train: number[], test: number[]): ClassBaseline {
  const counts = new Map<number, number>()
  for (const label of train) counts.set(label, (counts.get(label) ?? 0) + 1)
  const [[answer] = [0]] = [...counts].sort(([a, m], [b, n]) => n - m || a - b)
  const classes = new Set(test)
  return {
    answer,
    accuracy: test.filter((label) => label === answer).length / test.length,
    balanced: classes.has(answer) ? 1 / classes.size : 0,
  }
}
// #endregion
