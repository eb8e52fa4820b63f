// ONNX models at the boundary: they cross as the bytes of their file, so each side has its own graph. Only what that needs
// is imported, because every sandboxed process loads it.
import { readModel, writeModel } from '../../onnx/codec/file'
import { Model } from '../../onnx/ir/model'

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
