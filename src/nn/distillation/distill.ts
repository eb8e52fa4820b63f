// Distillation: a student learns from what one or several teachers answer, and from what they see on the way.
import * as tf from '@tensorflow/tfjs'
import { NnError } from '../errors'
import type { Learner } from '../training/learner'
import { crossEntropy, type Loss } from '../training/train'

/** A model whose values in the middle can be asked for. */
export interface Observable extends Learner {
  /** Name of its first output. */
  readonly output: string
  run(x: tf.Tensor, training: boolean, wanted: readonly string[]): tf.Tensor[]
}

/**
 * T² KL(softmax(t / T) ‖ softmax(s / T)), the mean over the batch (Hinton et al., arXiv 1503.02531). Teachers' soft targets
 * are averaged.
 */
export function responseLoss(student: tf.Tensor, teachers: readonly tf.Tensor[], temperature: number, weights?: readonly number[]): tf.Scalar {
  const total = weights?.reduce((a, b) => a + b, 0) ?? teachers.length
  const soft = tf.addN(teachers.map((t, i) => tf.softmax(t.div(temperature)).mul((weights?.[i] ?? 1) / total)))
  const log = tf.logSoftmax(student.div<tf.Tensor2D>(temperature))
  return soft.mul(soft.add(1e-12).log().sub(log)).sum(-1).mean<tf.Scalar>().mul(temperature ** 2)
}

/**
 * Attention of an image [N, C, H, W]: Σ_c x², flattened to [N, HW] and scaled to length 1 (Zagoruyko and Komodakis,
 * arXiv 1612.03928).
 */
export function attentionMap(x: tf.Tensor): tf.Tensor {
  const flat = x.square().sum(1).reshape([x.shape[0], -1])
  return flat.div(flat.square().sum(-1, true).sqrt().add(1e-12))
}

/** Values that student and teacher share: names in the student and in the teacher. */
export interface FeaturePair {
  readonly student: string
  readonly teacher: string
  /** Which of the teachers; default the first. */
  readonly of?: number
  /** `feature` (default): mean squared difference, a learned linear map where the channels differ (FitNets, arXiv 1412.6550). `attention`: of attention maps. */
  readonly kind?: 'feature' | 'attention'
  /** Factor of this loss; default 1. */
  readonly weight?: number
}

export interface DistillOptions {
  readonly teachers: readonly Learner[]
  /** Share of each teacher in the soft targets. */
  readonly teacherWeights?: readonly number[]
  /** Default 4. */
  readonly temperature?: number
  /** Loss = hard · cross entropy + (1 − hard) · response + features. Default 0.1. */
  readonly hard?: number
  readonly pairs?: readonly FeaturePair[]
  /** A batch of one, which shows the sizes of paired features. */
  readonly sample?: tf.Tensor
}

/** What `train` takes to distil: `train(distilled.learner, samples, { loss: distilled.loss })`. */
export interface Distilled {
  readonly learner: Learner
  readonly loss: Loss
  dispose(): void
}

/**
 * Prepares a student for training by teachers. Teachers are run in the same graph as the student and do not change.
 *
 * @param student a learner; with `pairs` one whose values can be asked for (`GraphLearner`, `QatLearner`)
 * @throws NnError `NN_OPTION` without teachers, or for pairs of models that show no values
 */
export function distill(student: Learner | Observable, options: DistillOptions): Distilled {
  const { teachers, temperature = 4, hard = 0.1, pairs = [] } = options
  if (teachers.length === 0) throw new NnError('NN_OPTION', 'Distillation needs a teacher', { fix: 'for self-distillation give a copy, or averagedTeacher(student)' })
  const observed = pairs.length > 0 ? observable(student, 'the student') : undefined
  const guides = pairs.map(({ of = 0 }) => observable(teachers[of], `teacher ${of}`))
  const maps = pairs.map((pair, i) => regressor(pair, observed, guides[i], options.sample))
  const supervised = crossEntropy()
  // Filled by the forward run and read by the loss of the same step.
  let seen: tf.Tensor[] = []
  const learner: Learner = {
    variables: [...student.variables, ...maps.flatMap((map) => (map ? [map] : []))],
    forward: (x, training) => {
      if (!observed || !training) return student.forward(x, training)
      const [logits, ...features] = observed.run(x, training, [observed.output, ...pairs.map((pair) => pair.student)])
      seen = features
      return logits as tf.Tensor
    },
  }
  const loss: Loss = (inputs) => {
    const { logits, x } = inputs
    const answers = teachers.map((teacher) => teacher.forward(x, false))
    let sum: tf.Tensor = responseLoss(logits, answers, temperature, options.teacherWeights).mul(1 - hard)
    if (hard > 0) sum = sum.add(supervised(inputs).mul(hard))
    pairs.forEach((pair, i) => {
      const [own, guide] = [seen[i], guides[i]?.run(x, false, [pair.teacher])[0]]
      if (own && guide) sum = sum.add(featureLoss(pair, own, guide, maps[i]).mul(pair.weight ?? 1))
    })
    return sum.asScalar()
  }
  return { learner, loss, dispose: () => { tf.dispose(maps.filter((map) => map !== undefined)) } }
}

function featureLoss(pair: FeaturePair, own: tf.Tensor, guide: tf.Tensor, map: tf.Variable | undefined): tf.Tensor {
  if (pair.kind === 'attention') return attentionMap(own).sub(attentionMap(guide)).square().mean()
  if (!map) return own.sub(guide).square().mean()
  // Channels are axis 1 of images and the last axis of everything else.
  const last = own.rank === 4 ? own.transpose([0, 2, 3, 1]) : own
  const wanted = own.rank === 4 ? guide.transpose([0, 2, 3, 1]) : guide
  const mapped = tf.matMul(last.reshape([-1, map.shape[0]]), map)
  return mapped.sub(wanted.reshape([-1, map.shape[1] ?? 1])).square().mean()
}

function observable(learner: Learner | undefined, who: string): Observable {
  if (learner && 'run' in learner) return learner as Observable
  throw new NnError('NN_OPTION', `Features of ${who} cannot be seen`, { expected: 'a GraphLearner or a QatLearner', fix: 'export the model (engine.toOnnx) and wrap it: new GraphLearner(model)' })
}

function regressor(pair: FeaturePair, student: Observable | undefined, teacher: Observable | undefined, sample: tf.Tensor | undefined): tf.Variable | undefined {
  if (pair.kind === 'attention' || !student || !teacher) return undefined
  if (!sample) throw new NnError('NN_OPTION', 'Features are paired, but no sample shows their sizes', { fix: 'give sample: a batch of one' })
  return tf.tidy(() => {
    const [own, guide] = [student.run(sample, false, [pair.student])[0], teacher.run(sample, false, [pair.teacher])[0]]
    const axis = own?.rank === 4 ? 1 : (own?.rank ?? 1) - 1
    const [from, to] = [own?.shape[axis] ?? 1, guide?.shape[axis] ?? 1]
    const same = (own?.shape ?? []).every((size, i) => i === axis || size === guide?.shape[i])
    if (own?.rank !== guide?.rank || !same) {
      throw new NnError('NN_OPTION', `The values "${pair.student}" and "${pair.teacher}" cannot be paired`, {
        expected: 'equal shapes but for the channels', got: `[${own?.shape.join(', ') ?? ''}] and [${guide?.shape.join(', ') ?? ''}]`, fix: "pair values of one size, or use kind: 'attention'",
      })
    }
    return from === to ? undefined : tf.variable(tf.randomNormal([from, to], 0, 1 / Math.sqrt(from), 'float32', 1))
  })
}

/** A teacher that is the average of its own student: weights follow w̄ ← d w̄ + (1 − d) w (mean teacher, arXiv 1703.01780). */
export interface AveragedTeacher {
  readonly teacher: Learner
  /** For `train`'s `afterStep`. */
  readonly follow: () => void
  dispose(): void
}

/**
 * Self-distillation: a second graph of the same model whose weights follow the student's.
 *
 * @param copy a learner of the same model, its variables in the same order
 */
export function averagedTeacher(student: Learner, copy: Learner & { dispose?(): void }, decay = 0.99): AveragedTeacher {
  if (copy.variables.length !== student.variables.length) {
    throw new NnError('NN_OPTION', 'The copy is of another model', { expected: `${student.variables.length} variables`, got: String(copy.variables.length) })
  }
  return {
    teacher: copy,
    follow: () => { copy.variables.forEach((mean, i) => { const w = student.variables[i]; if (w) mean.assign(mean.mul(decay).add(w.mul(1 - decay))) }) },
    dispose: () => { copy.dispose?.() },
  }
}
