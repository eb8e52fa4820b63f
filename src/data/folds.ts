// Cross-validation: which samples each fold trains on and which it is judged on. Not for scaling or choosing features:
// whatever is fitted is fitted to a fold's training part.
import { random } from '../core'
import type { Dataset } from './dataset'
import { DataError } from './errors'

/** One round of cross-validation, as indices of samples. */
export interface Fold {
  readonly train: Int32Array
  readonly test: Int32Array
}

/** How samples are dealt out. */
export interface FoldOptions {
  /** Number of folds; default 5. */
  readonly k?: number
  /** Default 0. */
  readonly seed?: number
  /** Keep the share of every class equal in all folds. Default: yes where there are classes and no groups. */
  readonly stratify?: boolean
  /**
   * What each sample belongs to (a patient, a photograph, a writer), one for each sample. Samples of one group stay together,
   * because a model that has seen one of them knows the others.
   */
  readonly groups?: ArrayLike<number | string>
}

/**
 * k folds: every sample is in the test part of exactly one. Sizes differ by at most one sample, with groups by at most the
 * size of the largest group.
 *
 * @throws DataError `DATA_RANGE` when there are fewer than k samples (or groups), or both groups and stratification are asked for;
 * `DATA_LABELS` when a regression is to be stratified; `DATA_SHAPE` when there is not one group for each sample
 * @example
 * for (const { train, test } of folds(iris, { k: 5, seed: 1 })) {
 *   const split = new Split(iris.select(train), iris.select(test)).normalise()
 * }
 */
export function folds(dataset: Dataset, options: FoldOptions = {}): Fold[] {
  const { k = 5, seed = 0, groups } = options
  const stratify = options.stratify ?? (groups === undefined && dataset.classNames.length > 0)
  const where = dataset.name
  if (stratify && groups) throw new DataError('DATA_RANGE', 'Folds cannot be both stratified and grouped', { where, fix: 'leave one of them out' })
  if (stratify && dataset.classNames.length === 0) {
    throw new DataError('DATA_LABELS', 'A dataset without classes cannot be stratified', { where, fix: 'leave out stratify' })
  }
  if (groups && groups.length !== dataset.length) {
    throw new DataError('DATA_SHAPE', 'There is not one group for each sample', { where, expected: `${dataset.length}`, got: `${groups.length}` })
  }
  const members = groups ? grouped(groups) : undefined
  const most = members?.length ?? dataset.length
  if (!Number.isInteger(k) || k < 2 || k > most) {
    throw new DataError('DATA_RANGE', 'The samples cannot be dealt into that many folds', {
      where, expected: `2 to ${most} folds (there are ${most} ${members ? 'groups' : 'samples'})`, got: `${k}`,
    })
  }
  const generator = random(seed)
  const foldOf = new Int32Array(dataset.length)
  if (members) dealGroups(generator.shuffle(members), k, foldOf)
  else {
    const order = generator.shuffle(Int32Array.from({ length: dataset.length }, (_, i) => i))
    // Dealing class after class, and going on where the last one ended, keeps both the classes and the sizes even.
    if (stratify) order.sort((a, b) => (dataset.labels[a] ?? 0) - (dataset.labels[b] ?? 0))
    order.forEach((sample, i) => { foldOf[sample] = i % k })
  }
  const all = Int32Array.from({ length: dataset.length }, (_, i) => i)
  return Array.from({ length: k }, (_, fold) => ({
    train: generator.shuffle(all.filter((i) => foldOf[i] !== fold)), test: all.filter((i) => foldOf[i] === fold),
  }))
}

/** The samples of each group. */
function grouped(groups: ArrayLike<number | string>): number[][] {
  const members = new Map<number | string, number[]>()
  for (let i = 0; i < groups.length; i++) {
    const name = groups[i] ?? ''
    const own = members.get(name)
    if (own) own.push(i)
    else members.set(name, [i])
  }
  return [...members.values()]
}

/** The largest group first, each into the fold that has the fewest samples. */
function dealGroups(members: number[][], k: number, foldOf: Int32Array): void {
  const sizes = new Array<number>(k).fill(0)
  for (const own of [...members].sort((a, b) => b.length - a.length)) {
    const fold = sizes.indexOf(Math.min(...sizes))
    sizes[fold] = (sizes[fold] ?? 0) + own.length
    for (const sample of own) foldOf[sample] = fold
  }
}
