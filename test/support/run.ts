// For tests of graph passes: models run by ONNX Runtime with its own optimizer off, so that only our passes are judged.
import { expect } from 'vitest'
import { GraphBuilder, Tensor, readModel, writeModel, type Model } from '../../src/onnx'
import {
  countOperators, exampleInputs, verifySame, type Pass, type PassContext, type PassResult, type RunFunction, type RunTensors,
} from '../../src/optimization'
import { random } from '../../src/core'
import { runner, Session } from '../../src/runtime'

export { runner, Session }

/** Tests of rooms that may not import the passes take them from here. */
export { simplify } from '../../src/optimization'

/** Runs a model once, unoptimized, on one thread. */
export const run: RunFunction = (bytes, inputs) => {
  const session = Session.create(bytes, { optimization: 'disabled', threads: 1 })
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

/** A model from what a builder does, with the given version of ONNX's operator set. */
export function build(opset: number, make: (g: GraphBuilder) => void, options: { irVersion?: number } = {}): Model {
  const g = new GraphBuilder('test', { opsets: { '': opset, 'com.microsoft': 1 } })
  make(g)
  return g.model({ opsets: { '': opset }, irVersion: options.irVersion ?? 10 })
}

/** Normal numbers, scaled, the same in every run. */
export function weights(shape: readonly number[], seed = 1, scale = 0.5, shift = 0): Tensor {
  const numbers = random(seed)
  const count = shape.reduce((product, size) => product * size, 1)
  return Tensor.from(Float32Array.from({ length: count }, () => numbers.normal() * scale + shift), shape)
}

/** Operators and how often each occurs. */
export function operators(model: Model): Record<string, number> {
  return Object.fromEntries(countOperators(model))
}

/**
 * Applies a pass and checks what every pass promises: the source untouched, outputs equal in ONNX Runtime, the result
 * readable from its bytes, and nothing left to do on a second run.
 */
export function applied(model: Model, pass: Pass, options: PassContext & { inputs?: RunTensors; tolerance?: { relative: number; absolute: number } } = {}): PassResult {
  const source = writeModel(model)
  const result = pass.run(model, options)
  expect(Buffer.compare(writeModel(model), source)).toBe(0)
  expect(result.changes.length > 0).toBe(result.modified)
  if (result.modified) {
    verifySame(model, result.model, run, options.inputs ?? exampleInputs(model, 3), options.tolerance)
    readModel(writeModel(result.model))
    expect(pass.run(result.model, options).modified).toBe(false)
  }
  return result
}
