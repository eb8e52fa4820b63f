// What can be measured about a learner's project folder, each as a small function from the folder to a verdict. The table
// of lines (projects.ts) is made of these.
import { elementCount } from '../../core'
import { formatProblem, validateModel, type Model } from '../../onnx'
import { providers } from '../../runtime'
import { failed, passed, percent, short, together, unmeasured, type Evidence, type Measurement } from './measurement'
import type { Accuracy, ProjectWork } from './project-work'

/** One way of measuring a line. */
export interface Measure {
  /** What it looks at, in the folder of the project. Without all of them there is nothing to measure. */
  readonly needs: readonly string[]
  readonly measure: (work: ProjectWork) => Measurement | Promise<Measurement>
}

/** Relative error of outputs that are the same model: float32, sums in another order, through a whole network. */
export const SAME_OUTPUT = 1e-3
/** Claims of a document against what is measured now: time varies with the machine's load, the rest does not. */
export const CLAIM_TOLERANCE: Readonly<Record<string, number>> = { bytes: 0.01, accuracy: 0.005, speedup: 0.4, milliseconds: 1 }

/** All of several measures. */
export function all(...parts: readonly Measure[]): Measure {
  return {
    needs: [...new Set(parts.flatMap((part) => part.needs))],
    measure: async (work) => {
      const results: Measurement[] = []
      for (const part of parts) results.push(await part.measure(work))
      return together(results)
    },
  }
}

/** What no program of the course can measure yet, with what it would take. */
export function beyond(missing: string): Measure {
  return { needs: [], measure: () => unmeasured(missing) }
}

/** A model that breaks no rule of ONNX, and that ONNX Runtime loads and runs. */
export function valid(file: string): Measure {
  return { needs: [file], measure: (work) => validity(work, file) }
}

function validity(work: ProjectWork, file: string): Measurement {
  const model = work.model(file)
  const problems = validateModel(model)
  const evidence = [work.evidence(file, `${model.graph.nodeCount} nodes, opset ${model.opset}`)]
  const [first] = problems
  if (first) return failed(`${file} breaks ${problems.length} rules of ONNX: ${formatProblem(first)}`, evidence)
  const outputs = Object.entries(work.session(file).runSync(work.inputs(file)))
  const bad = outputs.find(([, one]) => one.dtype.startsWith('float') && Array.from(one.data as Float32Array).some((x) => !Number.isFinite(x)))
  if (bad) return failed(`${file} gives numbers that are not finite in ${bad[0]}`, evidence)
  return passed(`${file} is valid and runs`, [...evidence, ...outputs.map(([name, one]) => ({ what: `output ${name}`, value: `${one.dtype} [${one.shape.join(', ')}]` }))])
}

/** The first axis of every input is symbolic, and batches of 1 and of 7 run. */
export function dynamicBatch(file: string): Measure {
  return {
    needs: [file],
    measure: (work) => {
      const fixed = work.session(file).inputs.find((input) => typeof input.shape[0] !== 'string')
      const evidence = [work.evidence(file)]
      if (fixed) return failed(`the first axis of ${fixed.name} in ${file} is ${fixed.shape[0] ?? 'missing'}, not dynamic`, evidence)
      const sizes = [1, 7].map((batch) => Object.values(work.session(file).runSync(work.inputs(file, batch)))[0]?.shape[0])
      return sizes.join() === '1,7' ? passed(`${file} takes batches of any size`, evidence)
        : failed(`${file} gives batches of ${sizes.join(' and ')} for inputs of 1 and 7`, evidence)
    },
  }
}

const accuracyEvidence = (file: string, { right, of, data }: Accuracy): Evidence =>
  ({ what: `accuracy of ${file} on held-out ${data}`, value: `${right} of ${of}, ${percent(right / of)}`, interval: wilson(right, of) })

/** 95% interval of a share (Wilson 1927). */
export function wilson(right: number, of: number): readonly [number, number] {
  const z = 1.959964
  const p = right / of
  const middle = (p + (z * z) / (2 * of)) / (1 + (z * z) / of)
  const half = (z / (1 + (z * z) / of)) * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of))
  return [middle - half, middle + half]
}

/** Learned: with 95% confidence it makes fewer than half the errors of the constant answer. */
export function learned(file: string): Measure {
  return {
    needs: [file, 'project.json'],
    measure: async (work) => {
      const accuracy = await work.accuracy(file)
      const wanted = accuracy.majority + (1 - accuracy.majority) / 2
      const [low] = wilson(accuracy.right, accuracy.of)
      const evidence = [work.evidence(file), accuracyEvidence(file, accuracy), { what: 'the most frequent class alone', value: percent(accuracy.majority) }]
      return low >= wanted ? passed(`${file} is right on ${percent(accuracy.right / accuracy.of)} of held-out ${accuracy.data}`, evidence)
        : failed(`${file} is right on ${percent(accuracy.right / accuracy.of)}; more than ${percent(wanted)} with 95% confidence is wanted`, evidence, low / wanted)
    },
  }
}

/** accuracy(reference) − accuracy(candidate) < loss. */
export function accuracyKept(reference: string, candidate: string, loss: number): Measure {
  return {
    needs: [reference, candidate, 'project.json'],
    measure: async (work) => {
      const [before, after] = [await work.accuracy(reference), await work.accuracy(candidate)]
      const lost = (before.right - after.right) / before.of
      const evidence = [accuracyEvidence(reference, before), accuracyEvidence(candidate, after)]
      const said = `${candidate} is ${lost >= 0 ? `${percent(lost)} below` : `${percent(-lost)} above`} ${reference} in accuracy`
      return lost < loss ? passed(said, evidence) : failed(`${said}; less than ${percent(loss)} is wanted`, evidence, Math.max(0, 1 - (lost - loss)))
    },
  }
}

/** The candidate is at least `atLeast` times as fast: the lower end of the 95% interval of the ratio counts. */
export function speedUp(reference: string, candidate: string, atLeast: number): Measure {
  return {
    needs: [reference, candidate],
    measure: async (work) => {
      const { ratio, interval, milliseconds } = await work.speedUp(reference, candidate)
      const evidence: Evidence[] = [
        { what: `speed-up of ${candidate} over ${reference}`, value: `${short(ratio)} times (${short(milliseconds[0])} ms to ${short(milliseconds[1])} ms)`, interval },
        work.evidence(reference), work.evidence(candidate),
      ]
      const said = `${candidate} is ${short(ratio)} times as fast as ${reference} [${short(interval[0])}, ${short(interval[1])}]`
      const reached = atLeast <= 1 ? interval[0] > 1 : interval[0] >= atLeast
      return reached ? passed(said, evidence) : failed(`${said}; ${atLeast <= 1 ? 'more than 1' : `at least ${atLeast}`} is wanted of the interval's lower end`, evidence, interval[0] / Math.max(atLeast, 1))
    },
  }
}

/** The candidate's file is smaller by `factor`, and it has no more parameters. */
export function smaller(reference: string, candidate: string, factor: number): Measure {
  return {
    needs: [reference, candidate],
    measure: (work) => {
      const [a, b] = [work.evidence(reference), work.evidence(candidate)]
      const ratio = (a.file?.bytes ?? 0) / (b.file?.bytes ?? 1)
      const said = `${candidate} is ${short(ratio)} times smaller than ${reference}`
      return ratio >= factor ? passed(said, [a, b]) : failed(`${said}; ${factor} times is wanted`, [a, b], ratio / factor)
    },
  }
}

const QUANTIZED = /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|MatMulInteger|ConvInteger|QLinear.*|MatMulNBits|.*Quant.*)$/

/** Weights of 8 bits or fewer feed the arithmetic: at least half of all parameters. */
export function quantized(file: string): Measure {
  return {
    needs: [file],
    measure: (work) => {
      const model = work.model(file)
      const share = shareOfSmallWeights(model)
      const nodes = model.graph.nodes.filter((node) => QUANTIZED.test(node.opType)).length
      const evidence = [work.evidence(file, `${nodes} quantization nodes, ${percent(share)} of the parameters in 8 bits or fewer`)]
      return nodes > 0 && share >= 0.5 ? passed(`${file} computes with quantized weights`, evidence)
        : failed(`${percent(share)} of the parameters of ${file} are of 8 bits or fewer and ${nodes} nodes quantize; half of them, and some, are wanted`, evidence, share)
    },
  }
}

function shareOfSmallWeights(model: Model): number {
  const weights = [...model.graph.initializers.values()]
  const sum = (of: typeof weights): number => of.reduce((total, one) => total + one.size, 0)
  return sum(weights.filter((one) => /^u?int[248]$|^float8/.test(one.dtype))) / Math.max(1, sum(weights))
}

/** At most 70% of the reference's weights are left: fewer of them, or zeros. */
export function pruned(reference: string, candidate: string): Measure {
  return {
    needs: [reference, candidate],
    measure: (work) => {
      const left = nonZero(work.model(candidate)) / Math.max(1, nonZero(work.model(reference)))
      const evidence = [work.evidence(reference), work.evidence(candidate), { what: `weights of ${candidate} that are left`, value: percent(left) }]
      return left <= 0.7 ? passed(`${candidate} keeps ${percent(left)} of the weights`, evidence)
        : failed(`${candidate} keeps ${percent(left)} of the weights of ${reference}; at most 70% is wanted`, evidence, 1 - left)
    },
  }
}

function nonZero(model: Model): number {
  let count = 0
  for (const tensor of model.graph.initializers.values()) {
    if (tensor.dtype === 'string' || elementCount(tensor.shape) < 2) continue
    for (const value of tensor.toArray() as Float32Array) if (value !== 0) count++
  }
  return count
}

/** A small network that learned what a large one did: at most half the parameters, accuracy within 3%. */
export function student(teacher: string, candidate: string): Measure {
  const fewer: Measure = {
    needs: [teacher, candidate],
    measure: (work) => {
      const [large, small] = [work.parameters(teacher), work.parameters(candidate)]
      const evidence = [{ what: 'parameters', value: `${large} to ${small}` }]
      return small <= large / 2 ? passed(`${candidate} has ${percent(small / large)} of the parameters`, evidence)
        : failed(`${candidate} has ${percent(small / large)} of the parameters of ${teacher}; at most half is wanted`, evidence, large / (2 * small))
    },
  }
  return all(fewer, accuracyKept(teacher, candidate, 0.03))
}

/** The files in which frameworks keep a model, and the Python module that runs each. */
const SOURCES: readonly (readonly [suffix: string, module: string, needs: string])[] = [
  ['.pt2', 'torch', 'torch'], ['.keras', 'tensorflow', 'tensorflow'], ['.h5', 'tensorflow', 'tensorflow'], ['_saved_model', 'tensorflow', 'tensorflow'],
]

/** `stem.onnx` gives what its source (`stem.pt2`, `stem.keras`, `stem_saved_model`) gives when its own framework runs it. */
export function sameAsSource(stem: string, framework?: 'torch' | 'tensorflow'): Measure {
  const wanted = SOURCES.filter(([, module]) => framework === undefined || module === framework)
  return {
    needs: [`${stem}.onnx`],
    measure: async (work) => {
      const found = wanted.find(([suffix]) => work.has(stem + suffix))
      if (!found) return failed(`the source of ${stem}.onnx is not there: ${wanted.map(([suffix]) => stem + suffix).join(' or ')}`, [work.evidence(`${stem}.onnx`)])
      const validated = validity(work, `${stem}.onnx`)
      if (validated.verdict !== 'passed') return validated
      const [suffix, module, needs] = found
      const python = work.tools.python?.(needs)
      if (python === undefined) return unmeasured(`${needs} is not installed, so ${stem}${suffix} cannot run beside the ONNX model (set WHETSTONE_PYTHON to a Python that has it)`, validated.evidence)
      const distance = await work.distanceToSource(`${stem}.onnx`, stem + suffix, module, python)
      const evidence = [...validated.evidence, work.evidence(stem + suffix), { what: `largest difference to ${module}, relative`, value: short(distance) }]
      return distance <= SAME_OUTPUT ? passed(`${stem}.onnx gives what ${stem}${suffix} gives in ${module}`, evidence)
        : failed(`${stem}.onnx differs from ${stem}${suffix} by ${short(distance)}; ${SAME_OUTPUT} is the most`, evidence)
    },
  }
}

/** TensorRT runs the model at least `atLeast` times as fast as CUDA without it; only where both work. */
export function tensorRt(file: string, atLeast: number): Measure {
  return {
    needs: [file],
    measure: async (work) => {
      const broken = providers().filter(({ name, works }) => (name === 'cuda' || name === 'tensorrt') && !works)
      const [first] = broken
      if (first) return unmeasured(`an NVIDIA GPU with TensorRT (${first.name}: ${(first.reason ?? 'does not work').split('\n', 1)[0] ?? ''})`, [work.evidence(file)])
      const { ratio, interval } = await work.speedUp(file, file, [['cuda'], ['tensorrt']])
      const evidence: Evidence[] = [work.evidence(file), { what: 'speed-up of TensorRT over CUDA', value: `${short(ratio)} times`, interval }]
      return interval[0] >= atLeast ? passed(`TensorRT is ${short(ratio)} times as fast`, evidence) : failed(`TensorRT is ${short(ratio)} times as fast; ${atLeast} is wanted`, evidence, interval[0] / atLeast)
    },
  }
}

/** A TensorFlow Lite file that TensorFlow's interpreter runs and that gives what the ONNX model gives. */
export function tflite(file: string, reference: string): Measure {
  return {
    needs: [file, reference],
    measure: async (work) => {
      const evidence = [work.evidence(file)]
      const python = work.tools.python?.('tensorflow')
      if (python === undefined) return unmeasured('TensorFlow is not installed, and nothing else here runs a .tflite file (set WHETSTONE_PYTHON)', evidence)
      const distance = await work.distanceToSource(reference, file, 'tflite', python)
      const found = [...evidence, { what: 'largest difference to the ONNX model, relative', value: short(distance) }]
      return distance <= 0.05 ? passed(`${file} runs in TensorFlow Lite and agrees with ${reference}`, found) : failed(`${file} differs from ${reference} by ${short(distance)}`, found)
    },
  }
}

/** An adapter of at most a tenth of the base's size, and a tuned model that is better on the held-out data than the base. */
export function adapter(folder: string): Measure {
  const [base, tuned, weights] = [`${folder}/base.onnx`, `${folder}/tuned.onnx`, `${folder}/adapter.safetensors`] as const
  return {
    needs: [base, tuned, weights, 'project.json'],
    measure: async (work) => {
      const files = [base, tuned, weights].map((file) => work.evidence(file))
      const share = (files[2]?.file?.bytes ?? 0) / (files[0]?.file?.bytes ?? 1)
      const [before, after] = [await work.accuracy(base), await work.accuracy(tuned)]
      const evidence = [...files, accuracyEvidence(base, before), accuracyEvidence(tuned, after), { what: 'adapter ÷ base, bytes', value: percent(share) }]
      if (share > 0.1) return failed(`the adapter has ${percent(share)} of the base's bytes; at most 10% is wanted`, evidence)
      const [low, high] = [wilson(after.right, after.of)[0], wilson(before.right, before.of)[1]]
      return low > high ? passed(`fine-tuning took accuracy from ${percent(before.right / before.of)} to ${percent(after.right / after.of)} with an adapter of ${percent(share)}`, evidence)
        : failed('the tuned model is not better than the base beyond chance (95% intervals overlap)', evidence)
    },
  }
}

/** The common model is better on the held-out data than every client's own. */
export function federated(folder: string): Measure {
  const common = `${folder}/global.onnx`
  const clients = [1, 2, 3].map((n) => `${folder}/client-${n}.onnx`)
  return {
    needs: [common, ...clients, 'project.json'],
    measure: async (work) => {
      const own = await Promise.all(clients.map((file) => work.accuracy(file)))
      const joint = await work.accuracy(common)
      const evidence = [common, ...clients].map((file, i) => accuracyEvidence(file, [joint, ...own][i] ?? joint))
      const best = Math.max(...own.map((one) => one.right))
      return joint.right > best ? passed(`the common model is right on ${percent(joint.right / joint.of)}, the best client alone on ${percent(best / joint.of)}`, [work.evidence(common), ...evidence])
        : failed(`a client alone is as good as the common model (${percent(best / joint.of)})`, evidence, joint.right / Math.max(1, best))
    },
  }
}
