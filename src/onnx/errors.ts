// The errors of the ONNX room. Every failure on a model, file or text that came from outside is one of these.
import { WhetstoneError, type ErrorDetails } from '../core'

/** What can go wrong with a model; stable, for programs. */
export type OnnxErrorCode =
  | 'ONNX_TRUNCATED' // the bytes end inside a field
  | 'ONNX_MALFORMED' // bytes that no ONNX writer produces
  | 'ONNX_LIMIT' // larger or deeper than this library accepts
  | 'ONNX_DTYPE' // an element type that is unknown or does not fit
  | 'ONNX_TENSOR' // a tensor's data and shape disagree
  | 'ONNX_EXTERNAL' // external data: missing, too short, outside the model's folder
  | 'ONNX_GRAPH' // an edit or query that would leave the graph inconsistent
  | 'ONNX_CYCLE' // nodes that depend on each other in a circle
  | 'ONNX_ATTRIBUTE' // an attribute is missing or of another type
  | 'ONNX_SCHEMA' // a node that its operator's schema does not allow
  | 'ONNX_INFER' // shapes or types that contradict each other
  | 'ONNX_INVALID' // the validator found errors
  | 'ONNX_TEXT' // the text form cannot be parsed
  | 'ONNX_FILE' // the file cannot be read or written

/** A failure of the ONNX room, with one of its codes. */
export class OnnxError extends WhetstoneError {
  override readonly name: string = 'OnnxError'
  declare readonly code: OnnxErrorCode

  constructor(code: OnnxErrorCode, what: string, details: ErrorDetails = {}) {
    super(code, what, details)
  }
}
