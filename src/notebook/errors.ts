// The error class of this room: something that cannot be shown, or a notebook that cannot be read.
import { WhetstoneError } from '../core'

/** A value that cannot be shown as asked, or a notebook file that is not one. */
export class NotebookError extends WhetstoneError {
  override readonly name: string = 'NotebookError'
}
