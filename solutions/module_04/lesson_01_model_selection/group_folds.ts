// #region cell
export function groupFolds(groups: string[], k: number): number[] {
  const sizes = new Map<string, number>()
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  if (sizes.size < k) throw new Error(`${sizes.size} groups cannot fill ${k} folds`)
  const filled = Array.from({ length: k }, () => 0)
  const foldOf = new Map<string, number>()
  for (const [group, size] of [...sizes].sort((a, b) => b[1] - a[1])) {
    const fold = filled.indexOf(Math.min(...filled))
    filled[fold] = (filled[fold] ?? 0) + size
    foldOf.set(group, fold)
  }
  return groups.map((group) => foldOf.get(group) ?? 0)
}
// #endregion
