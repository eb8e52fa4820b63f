// Keras models as formats of convert(): `.keras`, `.h5`, and TensorFlow.js layers models.
import path from 'node:path'
import { GraphBuilder, OnnxError, type Tensor } from '../../onnx'
import type { Format, FormatOptions, Input } from '../convert'
import { ConvertError } from '../errors'
import { Json } from '../json'
import type { MappedOperator } from '../report'
import { parseJson } from '../source'
import { jsonModel, readWeights } from '../tensorflow/graph-model'
import { Emitter, Held } from '../tensorflow/held'
import { requireFinite } from '../tensorflow/tensors'
import { ZipArchive } from '../zip'
import { Hdf5File, isHdf5 } from './hdf5'
import { LayerContext } from './context'
import { kerasLayers } from './layers'

/** Arithmetic between tensors, or a tensor and a number: `2 - x` is saved as a layer Subtract with the arguments 2 and x. */
const ARITHMETIC = new Set(['Add', 'Subtract', 'Multiply', 'Maximum', 'Minimum', 'Divide', 'TrueDivide', 'Power'])
/** Models in models. */
const MAX_DEPTH = 20
const OPSETS = { first: 20, last: 23, usual: 21 } as const

/** The weights of a layer in the order in which the layer lists them. */
type WeightsOf = (name: string, kind: string, within: readonly string[]) => readonly Tensor[]

interface Layer { readonly name: string; readonly kind: string; readonly config: Json; readonly inbound: Json | undefined }

const layersOf = (config: Json): Layer[] => (Array.isArray(config.value) ? config.list : config.get('layers').list).map((layer) => ({
  kind: layer.get('class_name').text, config: layer.get('config'), name: layer.maybe('name')?.text ?? layer.get('config').maybe('name')?.text ?? '', inbound: layer.maybe('inbound_nodes'),
}))

const isModel = (kind: string): boolean => kind === 'Functional' || kind === 'Model' || kind === 'Sequential'

/** The tensors that one call of a layer is given: [layer, call, output]. */
function history(node: Json): [string, number, number][] {
  const found: [string, number, number][] = []
  const search = (json: Json, depth: number): void => {
    if (depth > MAX_DEPTH) return
    if (Array.isArray(json.value)) {
      const [name, call, index] = json.value as unknown[]
      if (typeof name === 'string' && typeof call === 'number' && typeof index === 'number') found.push([name, call, index])
      else for (const part of json.list) search(part, depth + 1)
    } else if (typeof json.value === 'object' && json.value !== null) {
      const tensor = json.maybe('config')?.maybe('keras_history')
      if (tensor !== undefined) search(tensor, depth)
      else for (const [key, part] of json.entries) if (key === 'args' || key === 'kwargs' || !json.has('args')) search(part, depth + 1)
    }
  }
  search(node, 0)
  return found
}

type Operand = [name: string, call: number, index: number] | number

/** What one call of a layer computes with, in order. */
function operands(kind: string, node: Json): Operand[] {
  const args = ARITHMETIC.has(kind) && !Array.isArray(node.value) ? node.maybe('args')?.list : undefined
  if (args?.some((arg) => typeof arg.value === 'number') !== true) return history(node)
  return args.flatMap((arg): Operand[] => (typeof arg.value === 'number' ? [arg.value] : history(arg)))
}

class Builder {
  readonly counts = new Map<string, { count: number; onnx: Record<string, number> }>()

  constructor(private readonly emitter: Emitter, private readonly weights: WeightsOf) {}

  /** Lowers a model given its inputs; its outputs. */
  model(kind: string, config: Json, inputs: readonly Held[], within: readonly string[]): Held[] {
    if (within.length > MAX_DEPTH) throw new ConvertError('CONVERT_LIMIT', 'Models are nested too deep', { where: within.join('/') })
    const layers = layersOf(config)
    const made = new Map<string, Held>()
    if (kind === 'Sequential') {
      let x = [...inputs]
      for (const layer of layers) if (layer.kind !== 'InputLayer') x = this.layer(layer, x, within)
      return x
    }
    inputPorts(config).forEach((name, i) => { if (inputs[i] !== undefined) made.set(`${name}:0:0`, inputs[i]) })
    // Layers stand in an order in which they can be computed, but calls of shared layers may come later.
    let waiting = layers.flatMap((layer) => (layer.kind === 'InputLayer' ? [] : (layer.inbound?.list ?? []).map((node, call) => ({ layer, call, needs: operands(layer.kind, node) }))))
    while (waiting.length > 0) {
      const left: typeof waiting = []
      for (const one of waiting) {
        const given = one.needs.map((need) => (typeof need === 'number' ? Held.of(this.emitter, this.emitter.scalar(need)) : made.get(need.join(':'))))
        if (given.some((held) => held === undefined)) left.push(one)
        else this.layer(one.layer, given as Held[], within).forEach((held, i) => made.set(`${one.layer.name}:${one.call}:${i}`, held))
      }
      if (left.length === waiting.length) {
        throw new ConvertError('CONVERT_MALFORMED', 'Layers of the model wait for each other, or for a layer that is not there', { where: left.slice(0, 5).map(({ layer }) => layer.name).join(', ') })
      }
      waiting = left
    }
    return history(config.get('output_layers')).map(([name, call, index]) => {
      const held = made.get(`${name}:${call}:${index}`)
      if (held === undefined) throw new ConvertError('CONVERT_MALFORMED', 'An output of the model is not computed', { got: name })
      return held
    })
  }

  private layer(layer: Layer, inputs: readonly Held[], within: readonly string[]): Held[] {
    if (ARITHMETIC.has(layer.kind) && inputs.length < 2) {
      throw new ConvertError('CONVERT_OPERATOR', `${layer.kind} has fewer than two operands that are read`, {
        where: `layer ${layer.name}`, fix: 'export the model with model.export(folder) and convert the SavedModel',
      })
    }
    if (isModel(layer.kind)) return this.model(layer.kind, layer.config, inputs, [...within, layer.name])
    const lowering = kerasLayers.get(layer.kind)
    if (lowering === undefined) throw new ConvertError('CONVERT_OPERATOR', `${layer.kind} has no mapping to ONNX`, { where: `layer ${layer.name}` })
    this.emitter.place = [...within, layer.name].join('/')
    this.emitter.made = {}
    const context = new LayerContext(this.emitter, this.emitter.place, layer.kind, layer.config, inputs, this.weights(layer.name, layer.kind, within))
    try {
      lowering.lower(context)
    } catch (cause) {
      if (!(cause instanceof OnnxError)) throw cause
      throw new ConvertError('CONVERT_SHAPE', `${layer.kind}: ${cause.what}`, { where: `layer ${layer.name}`, ...(cause.details.got === undefined ? {} : { got: cause.details.got }), cause })
    }
    const seen = this.counts.get(layer.kind) ?? { count: 0, onnx: {} }
    seen.count++
    for (const [name, times] of Object.entries(this.emitter.made)) seen.onnx[name] = (seen.onnx[name] ?? 0) + times
    this.counts.set(layer.kind, seen)
    if (context.result === undefined) throw context.error('the layer gave nothing')
    return [context.result]
  }
}

/** Names of the input layers, in order. */
function inputPorts(config: Json): string[] {
  return history(config.get('input_layers')).map(([name]) => name)
}

function* uses(config: Json): Generator<{ operator: string; place: string }> {
  for (const layer of layersOf(config)) {
    if (isModel(layer.kind)) yield* uses(layer.config)
    else if (layer.kind !== 'InputLayer') yield { operator: layer.kind, place: layer.name }
  }
}

function inputShape(config: Json): (number | null)[] {
  const shape = config.maybe('batch_shape') ?? config.maybe('batch_input_shape')
  if (shape === undefined) throw new ConvertError('CONVERT_SYMBOL', 'The model does not say the shape of its input', { where: config.where, fix: 'begin the model with keras.Input(shape), or call it once before saving' })
  return shape.list.map((size) => (size.isNull ? null : size.size))
}

function build(topology: Json, weights: WeightsOf, name: string, format: string, version: string, options: FormatOptions): ReturnType<Format['convert']> {
  const kind = topology.get('class_name').text
  if (!isModel(kind)) throw new ConvertError('CONVERT_FORMAT', 'The model is of a class of its own', { got: kind, expected: 'Sequential or Functional', where: name, fix: 'export it with model.export(folder) and convert the SavedModel' })
  const config = topology.get('config')
  kerasLayers.requireAll(uses(config))
  const opset = options.opset ?? OPSETS.usual
  if (!Number.isInteger(opset) || opset < OPSETS.first || opset > OPSETS.last) throw new ConvertError('CONVERT_OPTION', 'The operator set cannot be written', { expected: `${OPSETS.first} to ${OPSETS.last}`, got: String(opset) })
  const g = new GraphBuilder(path.basename(name), { opsets: { '': opset } })
  const emitter = new Emitter(g, opset, (what, got) => new ConvertError('CONVERT_OPERATOR', what, got === undefined ? {} : { got }))
  const layers = layersOf(config)
  const first = kind === 'Sequential' ? layers.slice(0, 1).map((layer) => ({ ...layer, name: layer.kind === 'InputLayer' ? layer.name : `${layer.name}_input` }))
    : inputPorts(config).map((port) => layers.find((layer) => layer.name === port)).filter((layer) => layer !== undefined)
  const symbols = new Set<string>()
  const inputs = first.map((layer) => {
    const shape = inputShape(layer.config).map((size, axis) => {
      if (size !== null) return size
      const symbol = axis === 0 ? 'batch' : `${layer.name}_${axis}`
      symbols.add(symbol)
      return symbol
    })
    const integers = layer.config.maybe('dtype')?.value
    return Held.of(emitter, g.input(layer.name, typeof integers === 'string' && /^int/.test(integers) ? 'int32' : 'float32', shape))
  })
  const checked: WeightsOf = (layer, layerKind, within) => weights(layer, layerKind, within).map((tensor) => (options.nonFinite === 'keep' ? tensor : requireFinite(tensor, `layer ${layer}`)))
  const builder = new Builder(emitter, checked)
  builder.model(kind, config, inputs, []).forEach((held, i) => {
    const { value } = held
    g.output(value.producer !== undefined && !value.isGraphOutput ? value : g.op('Identity', [value]), `output_${i}`)
  })
  for (const value of [...g.graph.initializers.keys()]) if (value.consumers.size === 0 && !value.isGraphOutput) g.graph.removeInitializer(value)
  const operators: MappedOperator[] = [...builder.counts].map(([operator, { count, onnx }]) => ({ operator, count, onnx }))
  return { model: g.model(), facts: { format, version, operators, symbols: Object.fromEntries([...symbols].map((symbol) => [symbol, { min: null, max: null }])), notes: [] } }
}

/** Parts of a layer's weights in the order in which Keras lists them. */
const PARTS = ['vars', 'cell', 'forward_layer', 'backward_layer', 'query_dense', 'key_dense', 'value_dense', 'output_dense']
const snake = (kind: string): string => kind.replace(/\W+/g, '').replace(/(.)([A-Z][a-z]+)/g, '$1_$2').replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()

/** The weights of a `.keras` file lie under the classes of layers, numbered in the order of the model. */
function archiveWeights(file: Hdf5File, config: Json): WeightsOf {
  const places = new Map<string, string>()
  const note = (inside: Json, prefix: string, path_: readonly string[]): void => {
    if (path_.length > MAX_DEPTH) throw new ConvertError('CONVERT_LIMIT', 'Models are nested too deep', { where: prefix })
    const used = new Map<string, number>()
    for (const layer of layersOf(inside)) {
      const base = snake(layer.kind)
      const count = used.get(base) ?? 0
      used.set(base, count + 1)
      const place = `${prefix}layers/${count === 0 ? base : `${base}_${count}`}`
      places.set([...path_, layer.name].join('/'), place)
      if (isModel(layer.kind)) note(layer.config, `${place}/`, [...path_, layer.name])
    }
  }
  note(config, '', [])
  return (name, _kind, within) => {
    const group = file.find(places.get([...within, name].join('/')) ?? '')
    if (group === undefined) return []
    const rank = (entry: string): number => entry.split('/').reduce((sum, part) => sum * 100 + (/^\d+$/.test(part) ? Number(part) : Math.max(0, PARTS.indexOf(part))), 0)
    return [...file.datasets(group)].sort(([a], [b]) => a.split('/').length - b.split('/').length || rank(a) - rank(b)).map(([entry, dataset]) => file.tensor(dataset, `${name}/${entry}`))
  }
}

/** A `.keras` archive: config.json and model.weights.h5. */
export const kerasFormat: Format = {
  name: 'Keras model',
  endings: ['.keras'],
  matches: ({ bytes }) => {
    if (bytes === undefined || bytes.size < 4 || Buffer.from(bytes.read(0, 2)).toString('latin1') !== 'PK') return false
    const archive = ZipArchive.open(bytes)
    return archive.get('config.json') !== undefined && archive.get('model.weights.h5') !== undefined
  },
  convert: ({ bytes, name }, options) => {
    if (bytes === undefined) throw new ConvertError('CONVERT_FORMAT', 'A Keras model is one file', { where: name })
    const archive = ZipArchive.open(bytes)
    const checksum = options.checksums !== false
    const topology = new Json(parseJson(archive.read('config.json', { checksum }), `${name}, config.json`), 'config.json')
    const metadata = archive.get('metadata.json') === undefined ? undefined : new Json(parseJson(archive.read('metadata.json', { checksum }), `${name}, metadata.json`), 'metadata.json')
    const file = new Hdf5File(archive.read('model.weights.h5', { checksum }), `${name}, model.weights.h5`)
    return build(topology, archiveWeights(file, topology.get('config')), name, 'Keras .keras', `Keras ${metadata?.maybe('keras_version')?.text ?? '?'}`, options)
  },
}

/** An `.h5` file: the configuration as an attribute, weights listed by layer. */
export const h5Format: Format = {
  name: 'Keras HDF5 model',
  endings: ['.h5', '.hdf5'],
  matches: ({ bytes }) => bytes !== undefined && bytes.size >= 8 && isHdf5(bytes.read(0, 8)),
  convert: ({ bytes, name }, options) => {
    if (bytes === undefined) throw new ConvertError('CONVERT_FORMAT', 'An HDF5 model is one file', { where: name })
    const file = new Hdf5File(bytes.read(0, bytes.size), name)
    const config = file.root.attributes.get('model_config')
    if (typeof config !== 'string') throw new ConvertError('CONVERT_FORMAT', 'The HDF5 file holds weights, but no model', { where: name, fix: 'save the whole model: model.save("model.keras")' })
    const topology = new Json(parseJson(Buffer.from(config), `${name}, model_config`), 'model_config')
    const version = file.root.attributes.get('keras_version')
    const weights: WeightsOf = (layer, _kind, within) => {
      const owner = within[0] ?? layer
      const group = file.find(`model_weights/${owner}`)
      const names = group?.attributes.get('weight_names')
      const list = Array.isArray(names) ? names.map(String) : []
      const mine = within.length === 0 ? list : list.filter((entry) => entry.split('/').includes(layer))
      return mine.map((entry) => {
        const dataset = file.find(`model_weights/${owner}/${entry}`)
        if (dataset === undefined) throw new ConvertError('CONVERT_WEIGHTS', 'A weight that the file lists is not there', { got: entry, where: name })
        return file.tensor(dataset, entry)
      })
    }
    return build(topology, weights, name, 'Keras HDF5', `Keras ${typeof version === 'string' ? version : '?'}`, options)
  },
}

/** TensorFlow.js's layers model: model.json with its shards. */
export const layersModelFormat: Format = {
  name: 'TensorFlow.js layers model',
  endings: ['model.json with its shards'],
  matches: (input: Input) => {
    const topology = jsonModel(input)?.maybe('modelTopology')
    return topology?.has('model_config') === true || topology?.has('class_name') === true
  },
  convert: (input, options) => {
    const json = jsonModel(input)
    if (json === undefined || input.path === undefined) throw new ConvertError('CONVERT_FORMAT', 'A TensorFlow.js model is converted from its model.json file', { where: input.name })
    const topology = json.get('modelTopology').maybe('model_config') ?? json.get('modelTopology')
    const tensors = readWeights(json, input.path)
    const weights: WeightsOf = (layer) => [...tensors].filter(([name]) => name.split('/').slice(0, -1).includes(layer)).map(([, tensor]) => tensor)
    return build(topology, weights, input.name, 'TensorFlow.js layers model', json.maybe('generatedBy')?.text ?? '?', options)
  },
}
