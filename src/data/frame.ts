// The border to danfojs-node: loaded only when a data frame is asked for, because it takes a second or more.
import { DataError } from './errors'

/** What the library itself needs of a danfojs DataFrame; the real class has much more. */
export interface Frame {
  readonly shape: number[]
  readonly columns: string[]
  readonly dtypes: string[]
  readonly values: unknown
}

/**
 * A danfojs DataFrame of columns by name.
 *
 * danfojs brings TensorFlow.js by another package name, but both names load the one `tfjs-core` in `node_modules`, so
 * there is a single engine and nothing registers twice.
 *
 * @throws DataError `DATA_PACKAGE` when danfojs-node cannot be loaded
 */
export function makeFrame(columns: Readonly<Record<string, readonly unknown[]>>): import('danfojs-node').DataFrame {
  let danfo: typeof import('danfojs-node')
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded on first use, synchronously
    danfo = require('danfojs-node') as typeof import('danfojs-node')
  } catch (cause) {
    throw new DataError('DATA_PACKAGE', 'The package danfojs-node, which makes data frames, cannot be loaded', {
      where: 'node_modules/danfojs-node', fix: 'run npm install in the project folder', cause,
    })
  }
  return new danfo.DataFrame(columns)
}
