// From an error text, or from a model that fails, to its likely causes: each with a check that ran and what mends it.
import { existsSync, readFileSync } from 'node:fs'
import { elementCount, messageOf } from '../../core'
import { loadModel, validateModel, formatProblem, type Model } from '../../onnx'
import { Session, tensor, type RuntimeTensor } from '../../runtime'
import { CourseError } from '../errors'
import type { Cause, CheckOutcome, FailureCase, Scene } from './case'
import { DEVICE_CASES } from './cases-device'
import { MODEL_CASES } from './cases-model'

/** Every known failure, the more particular before the more general. */
export const FAILURES: readonly FailureCase[] = [...MODEL_CASES, ...DEVICE_CASES]

/** A cause with what its check found. */
export interface CheckedCause extends Cause {
  readonly outcome: CheckOutcome
}

/** One case that the text or the model shows. */
export interface Diagnosis {
  readonly case: FailureCase
  /** The part of the text that was recognised. */
  readonly recognised: string
  /** Those that apply first, those that do not last. */
  readonly causes: readonly CheckedCause[]
}

/** Text of an error and output around it; more is not read. */
const MAX_TEXT = 200_000

const rank = ({ outcome }: CheckedCause): number => (outcome.applies === true ? 0 : outcome.applies === undefined ? 1 : 2)

/**
 * The cases that a text shows, the earliest mention first. Checks run here: they look at the model and at this machine.
 *
 * @param file the model that failed, where there is one
 */
export function diagnoseText(text: string, file?: string): Diagnosis[] {
  const read = text.slice(0, MAX_TEXT)
  const model = file === undefined ? undefined : tryLoad(file)
  const found = FAILURES.flatMap((one) => {
    const matches = one.patterns.map((pattern) => pattern.exec(read)).filter((match) => match !== null)
    const [first] = matches.sort((a, b) => a.index - b.index)
    if (!first) return []
    const scene: Scene = { text: read, detail: first.slice(1).find((group) => (group as string | undefined) !== undefined) ?? '', model, file }
    const causes = one.causes.map((cause): CheckedCause => ({ ...cause, outcome: runCheck(cause, scene) })).sort((a, b) => rank(a) - rank(b))
    return [{ at: first.index, diagnosis: { case: one, recognised: first[0].split('\n', 1)[0]?.slice(0, 160) ?? '', causes } }]
  })
  const general = ({ diagnosis }: (typeof found)[number]): number => (diagnosis.case.general ? 1 : 0)
  return found.sort((a, b) => general(a) - general(b) || a.at - b.at).map(({ diagnosis }) => diagnosis)
}

function runCheck({ check }: Cause, scene: Scene): CheckOutcome {
  try {
    return check.run(scene)
  } catch (error) {
    return { applies: undefined, saw: `the check itself failed: ${messageOf(error).split('\n', 1)[0] ?? ''}` }
  }
}

function tryLoad(file: string): Model | undefined {
  try {
    return loadModel(file)
  } catch {
    return undefined
  }
}

/** One step of bringing a model up. */
export interface Step {
  readonly name: string
  readonly ok: boolean
  readonly said: string
}

/** A model brought up step by step until it fails, and what the failure means. */
export interface ModelDiagnosis {
  readonly steps: readonly Step[]
  readonly diagnoses: readonly Diagnosis[]
}

/**
 * Reads a model, validates it, loads it into ONNX Runtime, and runs it with batches of 1 and 2; diagnoses what fails.
 *
 * @throws CourseError `DEBUG_FILE` when there is no such file
 */
export function diagnoseModel(file: string): ModelDiagnosis {
  if (!existsSync(file)) throw new CourseError('DEBUG_FILE', 'There is no such model', { where: file, fix: 'give the path of an .onnx file' })
  const steps: Step[] = []
  const attempt = (name: string, run: () => string): boolean => {
    try {
      steps.push({ name, ok: true, said: run() })
      return true
    } catch (error) {
      steps.push({ name, ok: false, said: messageOf(error) })
      return false
    }
  }
  let session: Session | undefined
  attempt('read', () => { const model = loadModel(file); return `${model.graph.nodeCount} nodes, opset ${model.opset}, IR version ${model.irVersion}` })
  const model = tryLoad(file)
  if (model) {
    attempt('validate', () => {
      const [first, ...rest] = validateModel(model)
      if (first) throw new Error(`This is an invalid model. ${rest.length + 1} rules broken: ${formatProblem(first)}`)
      return 'no rule is broken'
    })
  }
  attempt('load into ONNX Runtime', () => { session = Session.create(file); return `inputs ${session.inputs.map((input) => input.name).join(', ')}` })
  const loaded = session
  if (loaded) {
    for (const batch of [1, 2]) {
      if (!attempt(`run with a batch of ${batch}`, () => Object.entries(loaded.runSync(example(loaded, batch))).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`).join(', '))) break
    }
    loaded.dispose()
  }
  const failures = steps.filter((step) => !step.ok).map((step) => step.said)
  const known = diagnoseText(failures.join('\n'), file)
  return { steps, diagnoses: known }
}

/** Zeros for every input; the first axis of each is the batch, also where the model fixes it. */
function example(session: Session, batch: number): Record<string, RuntimeTensor> {
  return Object.fromEntries(session.inputs.map(({ name, dtype, shape }) => {
    const sizes = shape.map((size, axis) => (axis === 0 ? batch : typeof size === 'number' ? size : 1))
    const count = elementCount(sizes)
    const value = dtype === 'int64' ? tensor('int64', sizes, new BigInt64Array(count)) : dtype === 'int32' ? tensor('int32', sizes, new Int32Array(count))
      : dtype === 'uint8' ? tensor('uint8', sizes, new Uint8Array(count)) : dtype === 'bool' ? tensor('bool', sizes, new Uint8Array(count)) : tensor('float32', sizes, new Float32Array(count))
    return [name, value]
  }))
}

/** Text of a file, or what stands in the argument itself. */
export function textOrFile(argument: string): string {
  return argument.length < 1024 && existsSync(argument) ? readFileSync(argument, 'utf8') : argument
}
