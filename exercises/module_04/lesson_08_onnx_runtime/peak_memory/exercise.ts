import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/peak_memory',
  title: 'How much memory at once?',
  points: 9,
  minutes: 18,
  trains: [
    'module04/deploying-on-edge-devices',
    'frameworks/9-edge-ai-deployment/onnx-runtime-for-edge/memory-planning',
  ],
}

// #region cell
/** A step of a run: it makes one value of so many bytes, from values that are there. */
export interface MemoryStep {
  output: string
  bytes: number
  /** The input of the model, or outputs of earlier steps. Weights are not listed: they are always there. */
  inputs: string[]
}

/** The moment at which most memory is taken. */
export interface MemoryPeak {
  bytes: number
  /** The output of the step that computes then; '' where there are no steps. */
  at: string
}

/**
 * The memory that activations need: the most bytes that are alive at one time while the steps run in their order.
 *
 *   A value is alive from the step that makes it until the last step that reads it, both included.
 *   peak = max over steps of Σ bytes of what is alive
 *
 * So a step needs its inputs and its output together. The input of the model is there from the first step on, until its
 * last reader. Outputs of the model stay until the end. What nobody reads and is no output lives in its own step only. Of
 * several steps with the same peak, the first is meant. A model without steps needs what its input takes.
 *
 * Example: the input x has 100 bytes; a (400) is made from x, b (400) from a, y (10) from b and x; y is the output. Step
 * a: x and a, 500. Step b: x (y still reads it), a and b, 900. Step y: x, b and y, 510. The answer is { bytes: 900, at: 'b' }.
 *
 * @param input name and bytes of the model's input; @param outputs names of the model's outputs
 * @throws Error with the name of a value that a step reads before it was made
 */
export function peakMemory(steps: MemoryStep[], input: { name: string; bytes: number }, outputs: string[]): MemoryPeak {
  // TODO: first the last reader of each value; then walk through the steps with a list of what is alive.
  throw new Error('peakMemory is not written yet')
}
// #endregion
