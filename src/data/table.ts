// The loader that all tables share: verified CSV file → dataset, the last column being the label.
import { Dataset } from './dataset'
import { numberCell, readCsv } from './csv'
import { DataError } from './errors'
import { readVerified, type DataFile, type Source } from './source'

/** What a table's own file says about it. */
export interface TableOptions {
  /** Names of the classes in the order of their indices; leave out where a number is predicted. */
  readonly classNames?: readonly string[]
  /** Axes of one sample; default: one axis with all features. */
  readonly sampleShape?: readonly number[]
  /** Where the file lies instead of the dataset's own folder, for tests. */
  readonly folder?: string
}

/**
 * Reads a CSV file with a header line whose last column is the label.
 *
 * @throws DataError when the file is missing, altered or malformed
 */
export function loadTable(source: Source, file: DataFile, options: TableOptions = {}): Dataset {
  const { classNames = [], folder } = options
  const table = readCsv(Buffer.from(readVerified(source, file, folder)).toString('utf8'), file.path)
  const width = table.columns.length - 1
  const n = table.rows.length
  const features = new Float32Array(n * width)
  const labels = new Float32Array(n)
  table.rows.forEach((row, i) => {
    for (let j = 0; j < width; j++) features[i * width + j] = numberCell(table, i, j, file.path)
    labels[i] = classNames.length > 0 ? classIndex(classNames, row[width] ?? '', i) : numberCell(table, i, width, file.path)
  })
  return new Dataset({
    name: source.name, features, sampleShape: options.sampleShape ?? [width], labels, classNames,
    featureNames: table.columns.slice(0, width), labelName: table.columns[width] ?? 'label',
  })

  function classIndex(names: readonly string[], name: string, row: number): number {
    const index = names.indexOf(name)
    if (index >= 0) return index
    throw new DataError('DATA_LABELS', 'A row has a class that the dataset does not have', {
      expected: names.join(', '), got: JSON.stringify(name), where: `${file.path}, row ${row + 1}`,
    })
  }
}
