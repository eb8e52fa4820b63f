// Text of everything that a training step of a layers model depends on besides tensors: layers, their settings, optimizer,
// loss, metrics. Two steps with equal text run the same code on the same numbers.
import * as tf from '@tensorflow/tfjs'

type Fields = Readonly<Record<string, unknown>>
type Class = abstract new (...args: never[]) => unknown

/** Layers that draw random numbers: their steps differ. */
const RANDOM = new Set(['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'RandomWidth'])

/** TensorFlow.js's own classes, as they were before a program could register others under these names. */
const own: ReadonlySet<unknown> = new Set(
  Object.entries((tf.serialization.SerializationMap.getMap() as unknown as { classNameMap: Readonly<Record<string, readonly [Class, unknown]>> })
    .classNameMap).flatMap(([name, [made]]) => (RANDOM.has(name) ? [] : [made])))
const optimizers: ReadonlySet<unknown> = new Set([
  tf.SGDOptimizer, tf.MomentumOptimizer, tf.AdagradOptimizer, tf.AdadeltaOptimizer, tf.AdamOptimizer, tf.AdamaxOptimizer, tf.RMSPropOptimizer])

/** Fields that say nothing about a step, or change with every one. */
const SKIPPED = new Set(['iterations_', 'inboundNodes', 'outboundNodes', 'name', 'id', '_refCount', 'stopTraining_', 'isTraining', 'history'])

const isOwn = (value: object): boolean => own.has(value.constructor)

/** undefined when something is not known to repeat: classes, losses or metrics of the program's own, random numbers. */
export function fingerprint(model: tf.LayersModel, metrics: unknown): string | undefined {
  const { optimizer, loss } = model
  // A model that was compiled before the engine started has metrics that are not known.
  const plainMetrics = metrics === undefined ? ((model as unknown as Fields).metricsTensors as readonly unknown[]).length === 0 : named(metrics)
  if (!optimizers.has(optimizer.constructor) || !named(loss) || !plainMetrics) return undefined
  const parts: string[] = [JSON.stringify([loss, metrics])]
  return describeOptimizer(optimizer as unknown as Fields, parts) && model.layers.every((layer) => describeLayer(layer, parts))
    && (model as unknown as Fields)._callHook == null
    ? `${parts.join(';')}|${((model as unknown as Fields).collectedTrainableWeights as readonly { readonly id: number }[]).map((w) => w.id).join()}`
    : undefined
}

/** Whether a loss or metric is given by name alone. */
function named(given: unknown): boolean {
  if (given === null || given === undefined || typeof given === 'string') return true
  return typeof given === 'object' && Object.values(given).every(named)
}

const primitive = (value: unknown): boolean => value === null || value === undefined || typeof value !== 'object' && typeof value !== 'function'

/** The settings, and which tensors hold the state: setting an optimizer's weights makes new ones. */
function describeOptimizer(optimizer: Fields, parts: string[]): boolean {
  for (const [name, value] of Object.entries(optimizer)) {
    if (SKIPPED.has(name)) continue
    if (typeof value === 'function') return false
    if (value instanceof tf.Tensor) parts.push(`${name}#${value.id}`)
    else if (Array.isArray(value)) parts.push(`${name}#${value.map((v: { readonly variable?: tf.Variable } | null) => v?.variable?.id ?? '').join()}`)
    else if (primitive(value)) parts.push(`${name}=${String(value)}`)
  }
  return true
}

function describeLayer(layer: tf.layers.Layer, parts: string[]): boolean {
  const fields = layer as unknown as Fields
  const isModel = layer instanceof tf.LayersModel
  if (!isOwn(layer) || fields._callHook != null || fields._stateful === true || fields.stateful === true) return false
  // Recurrent cells draw a mask for every step.
  if (Number(fields.dropout ?? 0) !== 0 || Number(fields.recurrentDropout ?? 0) !== 0) return false
  if (isModel) return layer.layers.every((inner) => describeLayer(inner, parts))
  let regularizers = 0
  parts.push(layer.getClassName())
  for (const [name, value] of Object.entries(fields)) {
    if (SKIPPED.has(name)) continue
    // A method of this one layer; a function that is no method is what the class itself keeps there.
    if (typeof value === 'function' && name in Object.getPrototypeOf(layer)) return false
    if (/[rR]egularizer$/.test(name) && value != null) regularizers++
    if (!describe(name, value, parts)) return false
  }
  return (fields._losses as readonly unknown[]).length <= regularizers
}

/** A field of a layer: a setting, a list of settings, an activation, or a layer inside. */
function describe(name: string, value: unknown, parts: string[]): boolean {
  if (primitive(value)) parts.push(`${name}=${String(value)}`)
  else if (value instanceof tf.layers.Layer) return describeLayer(value, parts)
  else if (Array.isArray(value)) {
    if (value.every(primitive)) parts.push(`${name}=${value.map(String).join()}`)
    else return value.every((item) => !(item instanceof tf.layers.Layer) || describeLayer(item, parts))
  } else if (value instanceof tf.serialization.Serializable) {
    if (!isOwn(value)) return false
    parts.push(`${name}:${value.getClassName()}`)
    for (const [key, setting] of Object.entries(value)) if (primitive(setting)) parts.push(`${key}=${String(setting)}`)
  }
  return true
}
