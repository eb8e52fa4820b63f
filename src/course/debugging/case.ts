// What the knowledge base of failures is made of: a case recognised by its error text, its causes, and for each cause a
// check that runs here and a way to mend it.
import type { Model } from '../../onnx'

/** What a check can look at. */
export interface Scene {
  /** The error text, as it was given. */
  readonly text: string
  /** The first group of the pattern that matched, or ''. */
  readonly detail: string
  /** The learner's model, where one was given and could be read. */
  readonly model: Model | undefined
  /** Its file. */
  readonly file: string | undefined
}

/** What a check found: the cause applies, does not apply, or it cannot be told here. */
export interface CheckOutcome {
  readonly applies: boolean | undefined
  readonly saw: string
}

/** A program that tells whether a cause applies. */
export interface Check {
  readonly looksAt: string
  readonly run: (scene: Scene) => CheckOutcome
}

/** One reason for a failure. */
export interface Cause {
  readonly why: string
  readonly check: Check
  readonly fix: string
}

export type Area = 'export' | 'dynamic shapes' | 'opset' | 'quantization' | 'provider' | 'TensorRT' | 'CUDA' | 'installation' | 'model file' | 'inputs'

/** One kind of failure. */
export interface FailureCase {
  readonly id: string
  readonly area: Area
  readonly title: string
  /** Its text goes with many failures: it is said after the particular ones. */
  readonly general?: true
  /** Any of these in the text means this case. The first group, where there is one, is what the text says in detail. */
  readonly patterns: readonly RegExp[]
  readonly causes: readonly Cause[]
}
