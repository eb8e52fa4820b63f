// The errors of the conversion room. Every failure on a file that came from outside is one of these.
import { WhetstoneError, type ErrorDetails } from '../core'

/** What can go wrong while a file of another framework is read or written; stable, for programs. */
export type ConvertErrorCode =
  | 'CONVERT_FILE' // the file cannot be opened, read or written
  | 'CONVERT_FORMAT' // no format that this library reads, or one that holds no graph
  | 'CONVERT_TRUNCATED' // the bytes end before they should
  | 'CONVERT_MALFORMED' // bytes that no writer of the format produces
  | 'CONVERT_LIMIT' // larger or deeper than this library accepts
  | 'CONVERT_UNSAFE' // a path that leaves the archive, or a class that is not on the list of harmless ones
  | 'CONVERT_VERSION' // a version of the format that this library does not know
  | 'CONVERT_DTYPE' // an element type that cannot be carried over
  | 'CONVERT_TENSOR' // a tensor whose data, shape, strides or storage disagree
  | 'CONVERT_SHAPE' // shapes that do not fit each other
  | 'CONVERT_SYMBOL' // a symbolic size that is not known, or has no range where one is needed
  | 'CONVERT_VALUES' // weights that are not finite numbers
  | 'CONVERT_OPERATOR' // an operator, or a form of one, for which there is no mapping
  | 'CONVERT_WEIGHTS' // weights that do not fit the model they are given to
  | 'CONVERT_DIFFERS' // the model computes other numbers than its source
  | 'CONVERT_OPTION' // an option that means nothing
  | 'CONVERT_PYTHON' // the Python side: not there, or it could not export the module

/** A failure of the conversion room, with one of its codes. */
export class ConvertError extends WhetstoneError {
  override readonly name: string = 'ConvertError'
  declare readonly code: ConvertErrorCode

  constructor(code: ConvertErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}

/** One operator without a mapping, and where it is used. */
export interface MissingOperator {
  /** As the framework names it: `aten.fft_rfft.default`. */
  readonly operator: string
  /** Places in the user's module tree or graph: `encoder.layers.0.attention (line 12 of model.py)`. */
  readonly places: readonly string[]
  /** What would work instead. */
  readonly instead: string
}

/** A model that uses operators without a mapping: all of them at once. */
export class MissingOperatorsError extends ConvertError {
  override readonly name: string = 'MissingOperatorsError'

  constructor(framework: string, readonly operators: readonly MissingOperator[], to = 'ONNX') {
    const list = operators.map(({ operator, places, instead }) => {
      const shown = places.slice(0, MOST_PLACES).join('; ')
      const more = places.length > MOST_PLACES ? `; and ${places.length - MOST_PLACES} more` : ''
      return `\n    ${operator} in ${shown}${more}\n      instead: ${instead}`
    })
    super('CONVERT_OPERATOR', `${operators.length === 1 ? 'One operator of the model has' : `${operators.length} operators of the model have`} no mapping to ${to}`, {
      got: `${framework} operators${list.join('')}`,
      fix: to === 'ONNX' ? 'change the module as said above, or register a lowering for each operator (docs/convert.md, "Custom operators")'
        : 'do as said above',
    })
  }
}

/** Places listed for an operator in the message; `operators` holds all. */
const MOST_PLACES = 5
