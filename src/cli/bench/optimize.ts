// `npm run bench -- optimize [model…]`: what optimize() makes of the trained models. The search sees training data only; what
// is reported is measured afterwards, alternating, and scored on the held-out set.
import type * as tf from '@tensorflow/tfjs'
import { compare, type BenchContext, type BenchSuite, type Contestant, type Row, type Target } from '../../benchmarks'
import type { Dataset } from '../../data'
import { models, recordedTeacher } from '../../nn'
import { optimize, withWeights, type NewWeights, type RunTensors } from '../../optimization'
import type { Model } from '../../onnx'
import { runner, Session, type SessionOptions, type Tensors } from '../../runtime'
import { accuracyOf, answersOf, exported, RECIPES, zoo, type ZooName } from '../zoo'
import { overModels } from '../zoo/suite'
import { fineTuner, useEngine } from '../zoo/fine-tune'

const BATCH = 32
const ONE_THREAD: SessionOptions = { threads: 1 }
const [EPOCHS_PRUNED, EPOCHS_STUDENT] = [1, 8]
/** Smaller networks that the model may teach. */
const STUDENTS: [string, () => tf.LayersModel][] = [
  ['a strided CNN of 16 and 32 filters', () => models.stridedCnn({ filters: [16, 32], seed: 1 })],
  ['a strided CNN of 16 and 48 filters', () => models.stridedCnn({ filters: [16, 48], seed: 2 })],
]

/** Milliseconds of one run, over as many as take about 30 ms. */
function timer(bytes: Uint8Array, inputs: Tensors, options: SessionOptions): { once: () => number; close: () => void } {
  const session = Session.create(bytes, options)
  session.runSync(inputs)
  const start = performance.now()
  session.runSync(inputs)
  const runs = Math.max(1, Math.round(30 / (performance.now() - start)))
  return {
    once: () => {
      const began = performance.now()
      for (let i = 0; i < runs; i++) session.runSync(inputs)
      return (performance.now() - began) / runs
    },
    close: () => { session.dispose() },
  }
}

function contestant(name: string, bytes: Uint8Array, inputs: Tensors, options: SessionOptions): Contestant {
  let held: ReturnType<typeof timer> | undefined
  return { name, prepare: () => { held = timer(bytes, inputs, options) }, measure: () => held?.once() ?? Number.NaN, close: () => held?.close() }
}

async function measure(name: ZooName, context: BenchContext): Promise<void> {
  const { note, quick, add } = context
  const { model, bytes, data, input } = await zoo(name, note)
  // Training, validation and calibration parts, all of the training data.
  const order = data.train.shuffle(7)
  const validation = order.take(5000)
  const rest = (from: number, to: number): Dataset => order.select(Array.from({ length: to - from }, (_, i) => from + i))
  const train = rest(5200, quick ? 7760 : order.length)
  const tensors = (part: Dataset): RunTensors => ({ [input]: { dtype: 'float32', shape: part.shape, data: Float32Array.from(part.features) } })
  const calibration = Array.from({ length: 4 }, (_, i) => tensors(rest(5000 + 50 * i, 5050 + 50 * i)))
  const inputs = tensors(validation.take(BATCH))
  const run = runner()
  // Trained on the labels, and on the teacher's answers, which are asked for once.
  const answers = await answersOf(bytes, train)
  const taught = async (m: Model, effort: number, epochs: number): Promise<NewWeights> => {
    const part = train.take(Math.max(1280, Math.round(effort * train.length)))
    await useEngine()
    const lesson = recordedTeacher(part, answers.subarray(0, part.length * (answers.length / train.length)), { temperature: 3, hard: 0.3 })
    try {
      return await fineTuner(lesson.samples, { epochs, batchSize: 64, rate: 0.003, loss: lesson.loss, note: (line) => { note(`${name}: ${line}`) } })(m, { masks: new Map(), step: 1, steps: 1 })
    } finally {
      lesson.dispose()
    }
  }
  const students: [string, () => tf.LayersModel][] = RECIPES[name].dataset === 'mnist' ? STUDENTS : []
  const result = await optimize(model, calibration, {
    goal: 'latency', budget: { loss: 0.006 }, run, seed: 1, trials: quick ? 6 : 9, proposals: quick ? 0 : 2,
    space: { macs: [1, 0.5, 0.27, 0.15], energy: [1], multiple: [8, 16], precision: ['float32', 'int8', 'int8-dynamic'], calibration: ['mse', 'min-max'] },
    score: (candidate, effort) => accuracyOf(candidate, validation.take(Math.max(500, Math.round(effort * validation.length)))),
    latency: (candidate) => {
      const { once, close } = timer(candidate, inputs, ONE_THREAD)
      const best = Math.min(...Array.from({ length: 7 }, once))
      close()
      return best
    },
    fineTune: (m, effort) => taught(m, effort, EPOCHS_PRUNED),
    students: Object.fromEntries(students.map(([what, build]) => [what, async (effort: number) => {
      await useEngine()
      const student = exported(build(), 'student')
      return withWeights(student, await taught(student, effort, EPOCHS_STUDENT))
    }])),
    onTrial: (trial) => {
      note(`${name}: ${trial.what}, effort ${trial.effort.toFixed(2)}: ${(100 * trial.score).toFixed(2)}%, ${trial.latency.toFixed(3)} ms`)
      add([{ case: `${name}: searched, ${BATCH} images, 1 thread`, contestant: `${trial.what}, effort ${trial.effort.toFixed(2)}: ${(100 * trial.score).toFixed(2)}% of the validation part`, unit: 'ms', median: trial.latency }])
    },
  })
  run.dispose()
  for (const line of String(result).split('\n')) note(line)
  const [before, after] = [100 * await accuracyOf(bytes, data.test), 100 * await accuracyOf(result.model, data.test)]
  const latency = await compare({ name: `${name}: ${BATCH} images, 1 thread`, unit: 'ms', rounds: 21, contestants: [
    contestant('as trained, float32', bytes, inputs, ONE_THREAD),
    contestant("as trained, without the runtime's optimizer", bytes, inputs, { ...ONE_THREAD, optimization: 'disabled' }),
    contestant(result.chosen.what, result.model, inputs, ONE_THREAD),
  ] }, context)
  const row = (what: string, contestantName: string, unit: string, median: number): Row => ({ case: `${name}: ${what}`, contestant: contestantName, unit, median })
  const [asTrained, off, chosen] = latency.map((r) => r.median ?? Number.NaN)
  const lost = before - after
  const target = (against: string, reference: number | undefined): Target => {
    const faster = (reference ?? Number.NaN) / (chosen ?? Number.NaN)
    return {
      name: `${name}: optimize(), against the model as trained, ${against}`, wanted: 'at least 10 times faster, under 1 point lost',
      reached: `${faster.toFixed(1)} times faster, ${lost.toFixed(2)} points lost (${result.chosen.what})`, met: Number.isNaN(faster) ? null : faster >= 10 && lost < 1,
    }
  }
  add([
    ...latency, row('held-out accuracy', 'as trained, float32', '%', before), row('held-out accuracy', result.chosen.what, '%', after),
    row('size', 'as trained, float32', 'kB', bytes.length / 1000), row('size', result.chosen.what, 'kB', result.model.length / 1000),
  ], [target("the runtime's own optimizer off", off), target("the runtime's own optimizer on", asTrained)])
}

export const suite: BenchSuite = {
  name: 'optimize',
  description: 'what the search over pipelines makes of the trained models',
  run: (context) => overModels(measure, context),
}
