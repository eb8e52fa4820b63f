// The error class of this room: a data file that cannot be used, or a request that a dataset cannot meet.
import { WhetstoneError } from '../core'

/** A file that is missing, altered or malformed (it is named), or a request that the data cannot meet. */
export class DataError extends WhetstoneError {
  override readonly name: string = 'DataError'
}
