// ONNX models at the boundary: they cross as the bytes of their file, so each side has its own graph.
import { Model, readModel, writeModel } from '../../onnx'

/** How the course reads, writes and names a model. */
export const model = {
  /** The bytes of a model, or undefined for any other object. */
  bytes: (value: object): Uint8Array | undefined => (value instanceof Model ? writeModel(value) : undefined),

  /** A fresh model. Throws OnnxError when the bytes are none. */
  read: (bytes: Uint8Array): Model => readModel(bytes),

  /** `ONNX model, 12 nodes`, or undefined for any other object. */
  describe: (value: object): string | undefined =>
    value instanceof Model ? `ONNX model, ${value.graph.nodes.length} ${value.graph.nodes.length === 1 ? 'node' : 'nodes'}` : undefined,
}
