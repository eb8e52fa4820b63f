// Contestants of the training benchmark that are programs of Node.
import path from 'node:path'
import type { Contestant } from '../../benchmarks'
import { contestant } from '../peers'

/** Our engine, a backend of TensorFlow.js, or jax-js. */
export function node(name: string, kind: 'onnx' | 'compiled' | 'batch' | 'cpu' | 'wasm' | 'jax', model: string, threads: number, steps: number, missing?: string): Contestant {
  return contestant(name, steps, process.execPath, [path.join(__dirname, 'worker.js'), kind, model, String(threads)], missing)
}
