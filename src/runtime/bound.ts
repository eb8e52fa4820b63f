// Inputs and outputs that keep their place in memory from run to run: ONNX Runtime's IO binding, as far as its Node package has it.
import { RuntimeError } from './errors'
import { toNative, type Session, type Tensors } from './session'

/**
 * Binds arrays to a session's inputs and outputs once. Each call of the result runs the model on what the inputs hold
 * then, and writes into the arrays of the outputs. Not bound: an output of a size that is not known before the run.
 *
 * @throws RuntimeError `RUNTIME_INPUT` for names that the model does not have, or an input that is missing; a run throws
 * `RUNTIME_RUN` when an output has another shape than its array
 * @example
 * const y = tensor('float32', [1, 10], new Float32Array(10))
 * const run = bind(session, { x }, { y })
 * run()                                      // y.data holds the result
 */
export function bind(session: Session, inputs: Tensors, outputs: Tensors): () => void {
  const expect = (kind: 'input' | 'output', given: Tensors, declared: readonly string[]): void => {
    const unknown = Object.keys(given).find((name) => !declared.includes(name))
    if (unknown !== undefined) throw new RuntimeError('RUNTIME_INPUT', `The model has no ${kind} named "${unknown}"`, { expected: declared.join(', ') })
  }
  const names = session.inputs.map((i) => i.name)
  expect('input', inputs, names)
  expect('output', outputs, session.outputs.map((o) => o.name))
  const missing = names.find((name) => !(name in inputs))
  if (missing !== undefined) throw new RuntimeError('RUNTIME_INPUT', `The input "${missing}" is missing`, { expected: names.join(', ') })
  const bound = (of: Tensors) => Object.fromEntries(Object.entries(of).map(([name, t]) => [name, toNative(t.dtype, t.data, t.shape)]))
  const feeds = bound(inputs), fetches = bound(outputs)
  return () => { session.runNative(feeds, fetches) }
}
