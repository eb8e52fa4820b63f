// What quantization did and how far the result is from its source: the proof that goes with every model it returns.
import { errorNorms, formatBytes, type ErrorNorms, type Model } from '../../onnx'
import { weightBytes, Shown } from '../report'
import { fromRunTensor, type RunFunction, type RunTensors } from '../run'
import { writeModel } from '../../onnx'
import { requireNoNewProblems } from '../structure'
import { NoiseMeter } from './arithmetic'
import { QuantizeError } from './errors'
import type { Decision } from './plan'

/** How far an output is from the source's. */
export interface OutputError extends ErrorNorms {
  readonly output: string
  /** 10 log₁₀(Σ a² / Σ (a − b)²) over all compared samples, decibels. */
  readonly sqnr: number
}

/** A model that was made, and what is known of it. */
export interface Quantized {
  readonly model: Model
  readonly report: QuantizationReport
}

/** What was done and what it cost. Shows itself as a table. */
export class QuantizationReport extends Shown {
  constructor(
    /** In words: the method and its settings. */
    readonly method: string,
    readonly decisions: readonly Decision[],
    /** Of the outputs, on `samples` samples. */
    readonly errors: readonly OutputError[],
    readonly samples: number,
    /** Bytes of constants, before and after. */
    readonly bytes: { readonly before: number; readonly after: number },
    /** What a person should know, such as a saturating processor. */
    readonly notes: readonly string[] = [],
  ) {
    super(() => ({ 'text/plain': this.toString() }))
  }

  /** The lowest signal-to-noise ratio of an output, in decibels. */
  get sqnr(): number {
    return this.errors.reduce((least, { sqnr }) => Math.min(least, sqnr), Infinity)
  }

  /** Nodes that compute in the new type. */
  get quantized(): readonly Decision[] {
    return this.decisions.filter(({ quantized }) => quantized)
  }

  /** Nodes that were left alone, with the reason. */
  get left(): readonly Decision[] {
    return this.decisions.filter(({ quantized, opType }) => !quantized && opType !== 'Constant')
  }

  override toString(): string {
    const lines = [
      `${this.method}: ${this.quantized.length} of ${this.quantized.length + this.left.length} nodes, `
      + `${formatBytes(this.bytes.before)} → ${formatBytes(this.bytes.after)} of constants`,
    ]
    for (const error of this.errors) {
      lines.push(`output ${error.output}: ${decibels(error.sqnr)}, largest error ${error.maxAbsolute.toPrecision(3)}, `
        + `root mean square ${error.rootMeanSquare.toPrecision(3)}, cosine ${error.cosine.toFixed(6)} (${this.samples} samples)`)
    }
    const reasons = new Map<string, string[]>()
    for (const { node, opType, why } of this.left) {
      const key = `${opType}: ${why}`
      reasons.set(key, [...reasons.get(key) ?? [], node])
    }
    for (const [reason, nodes] of reasons) {
      lines.push(`left in float: ${reason} (${nodes.slice(0, 3).join(', ')}${nodes.length > 3 ? ` and ${nodes.length - 3} more` : ''})`)
    }
    return [...lines, ...this.notes.map((note) => `note: ${note}`)].join('\n')
  }
}

const decibels = (value: number): string => (value === Infinity ? 'equal' : `SQNR ${value.toFixed(1)} dB`)

/** What the comparison needs. */
export interface Proof {
  readonly run: RunFunction
  /** At least one. */
  readonly samples: readonly RunTensors[]
  /** Decibels that every output must have; less is a refusal. */
  readonly minimumSqnr: number
}

/**
 * Checks a new model and compares it with its source.
 *
 * @throws QuantizeError `QUANTIZE_RUN` when it does not run though its source does; `QUANTIZE_QUALITY` when an output is
 * not finite or too far from the source's
 */
export function prove(before: Model, after: Model, what: string, { run, samples, minimumSqnr }: Proof): OutputError[] {
  requireNoNewProblems(before, after, what)
  const source = writeModel(before)
  const bytes = writeModel(after)
  const meters = new Map<string, { noise: NoiseMeter; worst: ErrorNorms }>()
  for (const sample of samples) {
    const expected = run(source, sample)
    const got = attempt(run, bytes, sample, what)
    for (const [name, a] of Object.entries(expected)) {
      const b = got[name]
      if (b === undefined || a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) {
        throw new QuantizeError('QUANTIZE_RUN', `The output ${name} of the new model has another type or shape`, {
          expected: `${a.dtype}[${a.shape.join()}]`, got: b === undefined ? 'nothing' : `${b.dtype}[${b.shape.join()}]`,
        })
      }
      if (a.dtype === 'string') continue
      const [x, y] = [fromRunTensor(a).toArray(), fromRunTensor(b).toArray()].map((array) => Float64Array.from(array as ArrayLike<number | bigint>, Number)) as [Float64Array, Float64Array]
      const norms = errorNorms(x, y)
      const held = meters.get(name)
      if (held === undefined) {
        const noise = new NoiseMeter()
        noise.see(x, y)
        meters.set(name, { noise, worst: norms })
      } else {
        held.noise.see(x, y)
        held.worst = worse(held.worst, norms)
      }
    }
  }
  const errors = [...meters].map(([output, { noise, worst }]) => ({ output, sqnr: noise.decibels, ...worst }))
  const poor = errors.find(({ sqnr }) => !(sqnr >= minimumSqnr))
  if (poor !== undefined) {
    throw new QuantizeError('QUANTIZE_QUALITY', `The output ${poor.output} is too far from the source's`, {
      expected: `a signal-to-noise ratio of at least ${minimumSqnr} dB`, got: `${poor.sqnr.toFixed(1)} dB, by ${what}`,
      fix: 'leave the most sensitive nodes out (sensitivity(model, …) ranks them), use per-channel weights, or allow it with minimumSqnr',
    })
  }
  return errors
}

function worse(a: ErrorNorms, b: ErrorNorms): ErrorNorms {
  return {
    maxAbsolute: Math.max(a.maxAbsolute, b.maxAbsolute), rootMeanSquare: Math.max(a.rootMeanSquare, b.rootMeanSquare),
    relative: Math.max(a.relative, b.relative), cosine: Math.min(a.cosine, b.cosine), changed: Math.max(a.changed, b.changed),
  }
}

function attempt(run: RunFunction, bytes: Uint8Array, sample: RunTensors, what: string): RunTensors {
  try {
    return run(bytes, sample)
  } catch (cause) {
    throw new QuantizeError('QUANTIZE_RUN', `The model made by ${what} does not run, though its source does`, { got: (cause as Error).message, cause })
  }
}

/** A report on two models. */
export function reportOn(
  before: Model, after: Model, method: string, decisions: readonly Decision[], proof: Proof, notes: readonly string[] = [],
): QuantizationReport {
  const errors = prove(before, after, method, proof)
  return new QuantizationReport(method, decisions, errors, proof.samples.length, { before: weightBytes(before), after: weightBytes(after) }, notes)
}
