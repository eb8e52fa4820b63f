import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/fold_scaler'

interface Column { mean: number; deviation: number }

const columnsOf = (rows: number[][], divisor: (n: number) => number = (n) => n, constant = 1): Column[] => (rows[0] ?? []).map((_, j) => {
  const column = rows.map((row) => row[j]!)
  const mean = column.reduce((sum, x) => sum + x, 0) / column.length
  const deviation = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / divisor(column.length))
  return { mean, deviation: column.every((x) => x === column[0]) ? constant : deviation }
})
const apply = (rows: number[][], columns: Column[]): number[][] => rows.map((row) => columns.map(({ mean, deviation }, j) => (row[j]! - mean) / deviation))

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'all-rows',
    sentence: 'You took mean and deviation over both parts. The test part has leaked into the training part: it changes when the test rows do.',
    functions: { scaleFold: (train, test) => {
      const columns = columnsOf([...train, ...test])
      return { train: apply(train, columns), test: apply(test, columns) }
    } },
  },
  {
    name: 'each-by-itself',
    sentence: 'You scaled the test part by its own mean and deviation. In production rows come one at a time: they have none.',
    functions: { scaleFold: (train, test) => ({ train: apply(train, columnsOf(train)), test: apply(test, columnsOf(test)) }) },
  },
  {
    name: 'divides-by-n-minus-1',
    sentence: 'You divided by n − 1. Here the deviation is a unit of length, not an estimate: divide by n, as the text says.',
    functions: { scaleFold: (train, test) => {
      const columns = columnsOf(train, (n) => n - 1)
      return { train: apply(train, columns), test: apply(test, columns) }
    } },
  },
  {
    name: 'constant-column',
    sentence: 'A column that is constant in training has the deviation 0, and dividing by it gives NaN or infinity. Only shift it.',
    functions: { scaleFold: (train, test) => {
      const columns = columnsOf(train, (n) => n, 0)
      return { train: apply(train, columns), test: apply(test, columns) }
    } },
  },
  {
    name: 'deviation-exactly-0',
    sentence: 'You ask whether the deviation is exactly 0. Of the column 0.1, 0.1, 0.1 it comes out as 1.4e-17, and dividing by that makes −1 of a rounding error. Ask whether all values are equal.',
    functions: { scaleFold: (train, test) => {
      const columns = (train[0] ?? []).map((_, j) => {
        const mean = train.reduce((sum, row) => sum + row[j]!, 0) / train.length
        const deviation = Math.sqrt(train.reduce((sum, row) => sum + (row[j]! - mean) ** 2, 0) / train.length)
        return { mean, deviation: deviation === 0 ? 1 : deviation }
      })
      return { train: apply(train, columns), test: apply(test, columns) }
    } },
  },
  {
    name: 'test-left-alone',
    sentence: 'The test part is still in its old units. The model knows only the new ones.',
    functions: { scaleFold: (train, test) => ({ train: apply(train, columnsOf(train)), test }) },
  },
  {
    name: 'variance-not-deviation',
    sentence: 'You divided by the variance. The deviation is its root, and has the unit of the column.',
    functions: { scaleFold: (train, test) => {
      const columns = columnsOf(train).map(({ mean, deviation }) => ({ mean, deviation: deviation ** 2 }))
      return { train: apply(train, columns), test: apply(test, columns) }
    } },
  },
]
