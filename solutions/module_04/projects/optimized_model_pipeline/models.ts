// The networks of the reference project, and how they are trained: the baseline on labels, everything after it on what the
// baseline answers. All of them compute on pixels in [0, 1]; `onRawPixels` puts the scaling into the first convolution.
import * as tf from '@tensorflow/tfjs'
import { data, engine, nn, onnx, optimization, runtime } from 'whetstone'

export type Shape = readonly number[]

const conv = (filters: number, kernelSize: number, seed: number, strides = 1): tf.layers.Layer => tf.layers.conv2d({
  filters, kernelSize, strides, padding: 'same', activation: 'relu', kernelInitializer: tf.initializers.heNormal({ seed }), name: `conv${seed}`,
})
const pool = (): tf.layers.Layer => tf.layers.maxPooling2d({ poolSize: 2 })
const dense = (units: number, seed: number, activation?: 'relu'): tf.layers.Layer => tf.layers.dense({
  units, kernelInitializer: tf.initializers.heNormal({ seed }), name: `dense${seed}`, ...(activation && { activation }),
})

function network(inputShape: Shape, layers: readonly tf.layers.Layer[]): tf.LayersModel {
  const inputs = tf.input({ shape: [...inputShape], name: 'x' })
  const outputs = layers.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, inputs)
  return tf.model({ inputs, outputs })
}

/**
 * The baseline: two convolutions 32@5×5, pool, two convolutions 64@3×3, pool, 256 units, logits; 32 million
 * multiply-accumulates on 28 × 28 pixels. The form that most tutorials end with for digits: good, and not made for speed.
 */
export function baselineNetwork(inputShape: Shape, classes: number): tf.LayersModel {
  return network(inputShape, [
    conv(32, 5, 1), conv(32, 5, 2), pool(), conv(64, 3, 3), conv(64, 3, 4), pool(), tf.layers.flatten(), dense(256, 5, 'relu'), dense(classes, 6),
  ])
}

/** The student: steps of three and two pixels in the place of pools, so that every layer is small; logits at once. */
export function studentNetwork(inputShape: Shape, classes: number): tf.LayersModel {
  const large = (inputShape[0] ?? 0) >= 16
  return network(inputShape, [conv(16, 5, 11, large ? 3 : 1), conv(32, 3, 12, 2), tf.layers.flatten(), dense(classes, 13)])
}

/** What is told while it works. */
export type Note = (line: string) => void

export interface TrainingPlan {
  readonly epochs: number
  readonly batchSize: number
  readonly rate: number
  readonly loss?: nn.Loss
}

/** Trains with a warm-up and a cosine, one compiled graph a step. */
export async function train(model: tf.LayersModel | nn.Learner, samples: nn.Samples, plan: TrainingPlan, what: string, note: Note): Promise<void> {
  await nn.train(model, samples, {
    epochs: plan.epochs, batchSize: Math.min(plan.batchSize, samples.length), schedule: nn.warmup(0.1, nn.cosine(plan.rate)), seed: 1, compile: engine.compile,
    ...(plan.loss && { loss: plan.loss }),
    onStep: (step, steps, loss) => { if (step % 10 === 0 || step === steps) note(`${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`) },
  })
}

/** The ONNX graph of a network. */
export function exported(model: tf.LayersModel, name: string): onnx.Model {
  return engine.toOnnx(model, undefined, { name, outputNames: ['logits'] })
}

/** Runs a model over samples and gives its logits, row-major [samples, classes]. */
export async function logitsOf(model: onnx.Model, samples: data.Dataset): Promise<Float32Array> {
  const session = runtime.Session.create(onnx.writeModel(model))
  const [input, output] = [session.inputs[0]?.name ?? '', session.outputs[0]?.name ?? '']
  try {
    return await nn.answersTo(samples, (features, shape) =>
      session.runSync({ [input]: runtime.tensor('float32', shape, features) })[output]?.data as Float32Array)
  } finally {
    session.dispose()
  }
}

/**
 * The same model for pixels as the loader gives them: conv(x · s, W) = conv(x, s · W), so the scaling costs nothing. The
 * baseline gets it, too.
 */
export function onRawPixels(model: onnx.Model, scale: number): onnx.Model {
  const copy = onnx.cloneModel(model)
  const weight = copy.graph.nodes.find((node) => node.opType === 'Conv')?.inputs[1]
  if (!weight?.tensor) throw new Error('the first convolution has no constant weight to put the scaling into')
  const scaled = Float32Array.from(weight.tensor.toArray() as Float32Array, (w) => w * scale)
  copy.graph.setInitializer(weight, onnx.Tensor.from(scaled, weight.tensor.shape))
  return copy
}

/** Fine-tuning between cuts: the pruned graph learns from the baseline's answers. */
export function fineTuner(lesson: nn.RecordedTeacher, plan: TrainingPlan, note: Note): optimization.FineTune {
  return async (model, { step }) => {
    const graph = new nn.GraphLearner(model)
    try {
      await train(graph, lesson.samples, { ...plan, loss: lesson.loss }, `training after cut ${step}`, note)
      return graph.numbers()
    } finally {
      graph.dispose()
    }
  }
}
