// What trtexec writes, and our own runner in the same form: times of each inference, times of each layer, and what the
// layers are. Untrusted files: every field is looked at.
import type { TimelineEvent } from '../timeline'
import { TensorrtError } from './errors'

/** One inference (`--exportTimes`). Moments and spans in ms. */
export interface InferenceTime {
  readonly startEnqueueMs: number
  readonly endEnqueueMs: number
  readonly startH2dMs: number
  readonly endH2dMs: number
  readonly startComputeMs: number
  readonly endComputeMs: number
  readonly startD2hMs: number
  readonly endD2hMs: number
  readonly h2dMs: number
  readonly computeMs: number
  readonly d2hMs: number
  /** h2d + compute + d2h. */
  readonly latencyMs: number
}

/** One layer (`--exportProfile`); a median is only in files of TensorRT 8.5 and later. */
export interface LayerTime {
  readonly name: string
  readonly totalMs: number
  readonly averageMs: number
  readonly medianMs: number | undefined
  /** Of the sum of all layers, 0…1. */
  readonly share: number
}

/** The profile of an engine. */
export interface LayerProfile {
  readonly iterations: number
  readonly layers: readonly LayerTime[]
}

/** A tensor that a layer reads or writes. */
export interface LayerTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** In TensorRT's words: `Half`, `Int8`, `FP32`, … */
  readonly dtype: string | undefined
  readonly format: string | undefined
}

/** A layer of an engine (`--exportLayerInfo`). Without detailed verbosity there is only its name. */
export interface LayerInfo {
  readonly name: string
  readonly type: string | undefined
  readonly inputs: readonly LayerTensor[]
  readonly outputs: readonly LayerTensor[]
  readonly tactic: string | undefined
  /** Names of the ONNX nodes that went into it. */
  readonly onnxNodes: readonly string[]
}

/** An engine's layers and the names of its inputs and outputs. */
export interface EngineInfo {
  readonly layers: readonly LayerInfo[]
  readonly tensors: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function refuse(what: string, where: string, got: unknown): never {
  throw new TensorrtError('TENSORRT_FORMAT', what, { where, got: (typeof got === 'string' ? got : got === undefined ? 'nothing' : JSON.stringify(got)).slice(0, 200), fix: 'export it anew with trtexec of TensorRT 10 or 11' })
}

function json(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return refuse(`The ${what} is no JSON`, 'the whole file', text)
  }
}

function numberIn(fields: Fields, name: string, where: string): number {
  const value = fields[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : refuse(`"${name}" is not a number`, where, value)
}

const optional = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** @throws TensorrtError `TENSORRT_FORMAT` */
export function parseInferenceTimes(text: string): InferenceTime[] {
  const list = json(text, 'file of times')
  if (!Array.isArray(list)) return refuse('The file of times is no list', 'the whole file', list)
  return list.map((item: unknown, i): InferenceTime => {
    const where = `inference ${i}`
    if (!isFields(item)) return refuse('An inference is no object', where, item)
    const at = (name: string): number => numberIn(item, name, where)
    return {
      startEnqueueMs: at('startEnqMs'), endEnqueueMs: at('endEnqMs'), startH2dMs: at('startH2dMs'), endH2dMs: at('endH2dMs'),
      startComputeMs: at('startComputeMs'), endComputeMs: at('endComputeMs'), startD2hMs: at('startD2hMs'), endD2hMs: at('endD2hMs'),
      h2dMs: at('h2dMs'), computeMs: at('computeMs'), d2hMs: at('d2hMs'), latencyMs: at('latencyMs'),
    }
  })
}

/** @throws TensorrtError `TENSORRT_FORMAT` */
export function parseLayerTimes(text: string): LayerProfile {
  const list = json(text, 'profile')
  if (!Array.isArray(list) || !isFields(list[0])) return refuse('The profile is no list that begins with a count', 'the whole file', list)
  return {
    iterations: numberIn(list[0], 'count', 'the first entry'),
    layers: list.slice(1).map((item: unknown, i): LayerTime => {
      const where = `layer ${i}`
      if (!isFields(item) || typeof item['name'] !== 'string') return refuse('A layer has no name', where, item)
      return {
        name: item['name'], totalMs: numberIn(item, 'timeMs', where), averageMs: numberIn(item, 'averageMs', where),
        medianMs: typeof item['medianMs'] === 'number' ? item['medianMs'] : undefined, share: numberIn(item, 'percentage', where) / 100,
      }
    }),
  }
}

/** `a + b`, `PWN(a, b)`, `[ONNX Layer: a]\x1e[ONNX Layer: b]`: the names of the nodes inside. */
export function onnxNodesOf(name: string, metadata?: string): string[] {
  const told = [...(metadata ?? '').matchAll(/\[ONNX Layer: ([^\]]+)\]/g)].map((match) => match[1] ?? '')
  if (told.length > 0) return told
  const inner = name.replace(/^Reformatting CopyNode for (?:In|Out)put Tensor \d+ to .*/, '').replace(/\b(?:PWN|ForeignNode|fusedPointwiseNode)\(/g, '').replace(/[(){}[\]]/g, ' ')
  return inner.split(/ \+ |, |\.\.\./).map((part) => part.trim()).filter((part) => part !== '' && !/ \|\| /.test(part))
}

function tensorOf(value: unknown, where: string): LayerTensor {
  if (!isFields(value)) return refuse('A tensor is no object', where, value)
  const shape = value['Dimensions']
  // 10: one text, such as "Row major linear FP16 format"; 11: the type by itself.
  const format = optional(value['Format']) ?? optional(value['Format/Datatype'])
  return {
    name: optional(value['Name']) ?? '', shape: Array.isArray(shape) ? shape.map(Number) : [], format,
    dtype: optional(value['DataType']) ?? /\b(FP32|FP16|BF16|INT8|FP8|INT32|INT64|BOOL|INT4|Float|Half|Int8|Int32)\b/.exec(format ?? '')?.[1],
  }
}

/** @throws TensorrtError `TENSORRT_FORMAT` */
export function parseLayerInfo(text: string): EngineInfo {
  const whole = json(text, 'layer information')
  if (!isFields(whole) || !Array.isArray(whole['Layers'])) return refuse('The layer information has no "Layers"', 'the whole file', whole)
  const layers = (whole['Layers'] as readonly unknown[]).map((item, i): LayerInfo => {
    const where = `layer ${i}`
    if (typeof item === 'string') return { name: item, type: undefined, inputs: [], outputs: [], tactic: undefined, onnxNodes: onnxNodesOf(item) }
    if (!isFields(item) || typeof item['Name'] !== 'string') return refuse('A layer has no name', where, item)
    const tensors = (name: string): LayerTensor[] => (Array.isArray(item[name]) ? (item[name] as readonly unknown[]).map((one) => tensorOf(one, `${where}, ${name}`)) : [])
    return {
      name: item['Name'], type: optional(item['LayerType']), inputs: tensors('Inputs'), outputs: tensors('Outputs'),
      tactic: optional(item['TacticName']), onnxNodes: onnxNodesOf(item['Name'], optional(item['Metadata'])),
    }
  })
  // 10: "Bindings", names; 11: "I/O Tensors", objects.
  const named = Array.isArray(whole['I/O Tensors']) ? whole['I/O Tensors'] as readonly unknown[] : Array.isArray(whole['Bindings']) ? whole['Bindings'] as readonly unknown[] : []
  return { layers, tensors: named.map((one) => (isFields(one) ? optional(one['Name']) ?? '' : String(one))) }
}

/** Inferences on the common timeline: a track each for the host's enqueueing, both copies and the computation. */
export function timelineOfTimes(times: readonly InferenceTime[]): TimelineEvent[] {
  return times.flatMap((time, i): TimelineEvent[] => {
    const event = (name: string, category: string, track: string, start: number, end: number): TimelineEvent =>
      ({ name: `${name} ${i}`, category, track, startMicroseconds: start * 1e3, durationMicroseconds: Math.max(0, end - start) * 1e3 })
    return [
      event('enqueue', 'api', 'host', time.startEnqueueMs, time.endEnqueueMs), event('copy to the device', 'memcpy', 'host to device', time.startH2dMs, time.endH2dMs),
      event('inference', 'kernel', 'compute', time.startComputeMs, time.endComputeMs), event('copy to the host', 'memcpy', 'device to host', time.startD2hMs, time.endD2hMs),
    ]
  })
}

/** The layers one after the other, each with its mean: the shape of one inference, as TensorRT's profiler sees it. */
export function timelineOfProfile(profile: LayerProfile): TimelineEvent[] {
  let at = 0
  return profile.layers.map((layer) => {
    const start = at
    at += layer.averageMs * 1e3
    return { name: layer.name, category: 'operator', track: 'layers', startMicroseconds: start, durationMicroseconds: layer.averageMs * 1e3 }
  })
}
