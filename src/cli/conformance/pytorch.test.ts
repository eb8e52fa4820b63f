import { describe, expect, test } from 'vitest'
import { summarize, sweepPage, sweepPytorch, type Exported, type Judged } from './pytorch'

const exported: Exported[] = [
  { begin: 'add', case: '', operator: 'add', dtype: '' },
  { case: 'add.float32.0', operator: 'add', dtype: 'float32', file: 'a' }, { case: 'add.bool.0', operator: 'add', dtype: 'bool', file: 'b' },
  { case: 'topk.int64.0', operator: 'topk', dtype: 'int64', file: 'c' }, { case: 'rand.float32.0', operator: 'rand', dtype: 'float32', skipped: 'random' },
  { case: 'svd.float32.0', operator: 'svd', dtype: 'float32', file: 'd' }, { case: '', operator: '', dtype: '', begin: '', complete: true, torch: '2.13.0' },
]
const judged: Judged[] = [
  { case: 'add.float32.0', operator: 'add', dtype: 'float32', outcome: 'equal' },
  { case: 'add.bool.0', operator: 'add', dtype: 'bool', outcome: 'differs', detail: 'output 0' },
  { case: 'topk.int64.0', operator: 'topk', dtype: 'int64', outcome: 'differs', detail: 'output 1' },
  { case: 'svd.float32.0', operator: 'svd', dtype: 'float32', outcome: 'refused', code: 'CONVERT_OPERATOR', missing: ['aten.svd.default'] },
]

describe('the sweep over the database of PyTorch', () => {
  test('counts by operator; what is excluded is no fault, what nothing needs is named', () => {
    const sweep = summarize(exported, judged)
    expect(sweep.operators).toEqual([
      { operator: 'add', equal: 1, faults: 1, refused: 0, skipped: 0, note: 'add.bool.0 differs: output 0' },
      { operator: 'rand', equal: 0, faults: 0, refused: 0, skipped: 1, note: 'random' },
      { operator: 'svd', equal: 0, faults: 0, refused: 1, skipped: 0, note: 'no mapping: aten.svd.default' },
      { operator: 'topk', equal: 0, faults: 0, refused: 0, skipped: 0, note: '' },
    ])
    expect(sweep.faults.map(({ case: name }) => name)).toEqual(['add.bool.0'])
    expect(sweep.excluded.map(({ case: name }) => name)).toEqual(['topk.int64.0'])
    expect(sweep.stale).toHaveLength(3)
    expect(sweep.missing).toEqual({ 'aten.svd.default': ['svd'] })
    expect(sweepPage(sweep)).toContain('4 entries of the database. 1 samples are equal, 1 are refused with a typed error, 1 are wrong, 1 are excluded')
  })

  test('a part of the database is counted for itself', () => {
    expect(summarize(exported, judged, ['svd']).operators.map(({ operator }) => operator)).toEqual(['svd'])
    expect(summarize(exported, judged, ['svd']).stale).toEqual([])
  })

  test('a number of samples that is none is refused', async () => {
    await expect(sweepPytorch({ root: '.', stateFolder: '.', samples: Number.NaN, operators: [], fresh: false, note: () => undefined })).rejects.toThrow(/no whole number/)
  })
})
