// An ONNX model as a TypeScript module of TensorFlow.js calls that stands alone: the live model is run for several sizes of
// its symbolic axes, and what it did is printed. Numbers that follow the sizes become formulas of them.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { displaySymbol, type MimeBundle } from '../../core'
import { Tensor, type Model } from '../../onnx'
import { ConvertError, MissingOperatorsError } from '../errors'
import { writeSafetensors } from '../safetensors'
import { CALLS, LISTS } from './calls'
import { TensorFlowModel, toTensorFlow } from './model'
import { trace, type Literal, type Step, type Trace } from './trace'

export interface TypeScriptOptions {
  /** What the module is called, in its comments and the name of its weights. Default: the graph's name. */
  readonly name?: string
  /** The file of weights beside the module. Default `NAME.safetensors`. */
  readonly weightsFile?: string
  /** Sizes of symbolic axes that the module is made for; all others stay symbolic. */
  readonly sizes?: Readonly<Record<string, number>>
}

/** Literals of more numbers go into the file of weights. */
const MOST_WRITTEN = 16
const FIX = 'make the module for one size: { sizes: { batch: 1 } }'
const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19]

/** A printed model: its code, and the bytes of the weights beside it. */
export class TypeScriptModule {
  constructor(
    readonly name: string,
    readonly code: string,
    /** A safetensors file. */
    readonly weights: Uint8Array,
    readonly weightsFile: string,
  ) {}

  /**
   * Writes the module and its weights into a folder.
   *
   * @returns path of the module
   * @throws ConvertError `CONVERT_FILE`
   */
  save(folder: string): string {
    const file = path.join(folder, `${this.name}.ts`)
    try {
      writeFileSync(file, this.code)
      writeFileSync(path.join(folder, this.weightsFile), this.weights)
    } catch (cause) {
      throw new ConvertError('CONVERT_FILE', 'The module cannot be written', { got: (cause as Error).message, where: folder, fix: 'name a folder that exists', cause })
    }
    return file
  }

  toString(): string {
    return this.code
  }

  [displaySymbol](): MimeBundle {
    return { 'text/plain': this.code, 'text/markdown': `\`\`\`ts\n${this.code}\n\`\`\`` }
  }
}

/**
 * The model as a TypeScript module that needs only TensorFlow.js: readable, to be changed by hand. Gradients are those of the
 * calls that it is written with; rounding in quantized models, whose gradient this library passes straight through, is refused.
 *
 * @throws MissingOperatorsError naming kernels without a call
 * @throws ConvertError `CONVERT_OPERATOR` for control flow and quantization, `CONVERT_SYMBOL` where numbers follow the sizes in no simple way
 * @example
 * toTypeScript(loadModel('resnet.onnx'), { name: 'resnet' }).save('src/models')
 */
export function toTypeScript(source: Model | TensorFlowModel, options: TypeScriptOptions = {}): TypeScriptModule {
  const own = !(source instanceof TensorFlowModel)
  const model = own ? toTensorFlow(source) : source
  try {
    return new Printer(model, options).module()
  } finally {
    if (own) model.dispose()
  }
}

type Sizes = ReadonlyMap<string, number>

class Printer {
  private readonly symbols: string[]
  private readonly environments: Sizes[]
  private readonly traces: Trace[]
  private readonly main: Trace
  /** Tensors that go into the file beside the variables. */
  private readonly constants = new Map<string, Tensor>()
  private readonly names = new Map<number, string>()
  private readonly counts = new Map<string, number>()
  private readonly lines: string[] = []

  constructor(private readonly model: TensorFlowModel, private readonly options: TypeScriptOptions) {
    this.requirePlain()
    this.symbols = [...new Set(model.inputs.flatMap(({ shape }) => (shape ?? []).filter((dim) => typeof dim === 'string')))].filter((symbol) => options.sizes?.[symbol] === undefined)
    this.environments = this.makeEnvironments()
    this.traces = this.environments.map((sizes) => trace(model, model.inputs.map((input) => this.shapeOf(input, sizes))))
    const [main] = this.traces
    if (main === undefined) throw new ConvertError('CONVERT_OPTION', 'There are no sizes to try')
    this.main = main
    for (const other of this.traces) {
      if (other.steps.length === main.steps.length && other.steps.every(({ kernel }, i) => kernel === main.steps[i]?.kernel)) continue
      throw new ConvertError('CONVERT_SYMBOL', 'What the model computes depends on the sizes of its inputs', { fix: FIX })
    }
  }

  module(): TypeScriptModule {
    const used = this.used()
    this.requireCalls(used)
    let node = ''
    for (const [at, step] of this.main.steps.entries()) {
      if (!used.has(at)) continue
      if (step.node !== node) this.lines.push(`  // ${(node = step.node).replaceAll('\n', ' ')}`)
      this.print(step, at)
    }
    const name = (this.options.name ?? this.model.source.graph.name).replaceAll(/[^\w-]/g, '_') || 'model'
    const weightsFile = this.options.weightsFile ?? `${name}.safetensors`
    const returns = this.main.outputs.map(([output, id]) => `${property(output)}: ${this.tensor(id)}`)
    const code = this.page(name, weightsFile, returns)
    const tensors = new Map(this.constants)
    for (const [weight, variable] of this.model.weights) tensors.set(weight, Tensor.from(Float32Array.from(variable.dataSync()), variable.shape))
    return new TypeScriptModule(name, code, writeSafetensors(tensors), weightsFile)
  }

  // What is refused.

  private requirePlain(): void {
    for (const node of this.model.source.graph.allNodes()) {
      const quantized = /^(Quantize|Dequantize|DynamicQuantize|QLinear)/.test(node.opType)
      if (node.subgraphs.length === 0 && !quantized && !/^(NonZero|Unique|Compress|NonMaxSuppression|Random\w*|Bernoulli|Multinomial)$/.test(node.opType)) continue
      throw new ConvertError('CONVERT_OPERATOR', `${node.opType} has no printed form`, {
        where: `node ${node.label}`, fix: quantized ? 'print the float model, or use the live model of toTensorFlow, which trains through the rounding'
          : 'use the live model of toTensorFlow, which decides while it runs',
      })
    }
  }

  private requireCalls(used: ReadonlySet<number>): void {
    const missing = new Map<string, Set<string>>()
    for (const at of used) {
      const step = this.main.steps[at]
      if (step !== undefined && !CALLS.has(step.kernel)) missing.set(step.kernel, (missing.get(step.kernel) ?? new Set<string>()).add(step.node))
    }
    if (missing.size === 0) return
    throw new MissingOperatorsError('TensorFlow.js', [...missing].map(([operator, places]) =>
      ({ operator, places: [...places], instead: 'use the live model of toTensorFlow' })), 'TypeScript')
  }

  // Sizes.

  private makeEnvironments(): Sizes[] {
    const base = new Map(this.symbols.map((symbol, i) => [symbol, PRIMES[i % PRIMES.length] ?? 2]))
    const changed = (which: readonly string[]): Sizes => new Map([...base].map(([symbol, size]) => [symbol, which.includes(symbol) ? size + 2 : size]))
    return [base, ...this.symbols.map((symbol) => changed([symbol])), ...(this.symbols.length > 1 ? [changed(this.symbols)] : [])]
  }

  private shapeOf({ name, shape }: TensorFlowModel['inputs'][number], sizes: Sizes): number[] {
    return (shape ?? []).map((dim) => {
      if (typeof dim === 'number') return dim
      const size = this.options.sizes?.[String(dim)] ?? sizes.get(String(dim))
      if (dim === null || size === undefined) throw new ConvertError('CONVERT_SYMBOL', 'An axis of an input has no name', { where: name, fix: 'name the axes of the model, or fix them' })
      return size
    })
  }

  /** A number that had these values in the environments, as code. */
  private number(values: readonly number[], where: string): string {
    const [first = 0] = values
    if (values.every((value) => Object.is(value, first))) return written(first)
    const subsets = this.symbols.reduce<string[][]>((all, symbol) => [...all, ...all.map((some) => [...some, symbol])], [[]]).filter((some) => some.length > 0)
    for (const some of subsets) {
      const products = this.environments.map((sizes) => some.reduce((product, symbol) => product * (sizes.get(symbol) ?? 1), 1))
      const other = products.findIndex((product) => product !== products[0])
      if (other < 0) continue
      const slope = ((values[other] ?? 0) - first) / ((products[other] ?? 0) - (products[0] ?? 0))
      const offset = first - slope * (products[0] ?? 0)
      if (!products.every((product, i) => Math.abs(offset + slope * product - (values[i] ?? 0)) < 1e-9)) continue
      const term = `${slope === 1 ? '' : slope === -1 ? '-' : `${written(slope)} * `}${some.map(variable).join(' * ')}`
      return offset === 0 ? term : `${term} ${offset < 0 ? '-' : '+'} ${written(Math.abs(offset))}`
    }
    throw new ConvertError('CONVERT_SYMBOL', 'A number of the model follows the sizes of its inputs in no simple way', {
      got: this.environments.map((sizes, i) => `${[...sizes].map(([symbol, size]) => `${symbol} = ${size}`).join(', ')}: ${values[i] ?? '?'}`).join('; '), where, fix: FIX,
    })
  }

  /** An attribute as code, from its values in the environments. */
  private attribute(values: readonly unknown[], where: string): string {
    const [first] = values
    if (typeof first === 'number') return this.number(values.map(Number), where)
    if (Array.isArray(first)) return `[${first.map((_, i) => this.attribute(values.map((value) => (value as unknown[])[i]), where)).join(', ')}]`
    return typeof first === 'string' ? quoted(first) : String(first)
  }

  // Steps.

  /** Steps that the outputs need. */
  private used(): Set<number> {
    const makers = new Map(this.main.steps.flatMap((step, at) => step.outputs.map((id) => [id, at] as const)))
    const used = new Set<number>()
    const open = this.main.outputs.map(([, id]) => id)
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const at = makers.get(id)
      if (at === undefined || used.has(at)) continue
      used.add(at)
      open.push(...this.main.steps[at]?.inputs.map(([, input]) => input) ?? [])
    }
    return used
  }

  private print(step: Step, at: number): void {
    const all = this.traces.map(({ steps }) => steps[at]).filter((one) => one !== undefined)
    const call = CALLS.get(step.kernel)
    if (call === undefined) return
    const ids = new Map(step.inputs.map(([name], i) => [name, all.map((one) => one.inputs[i]?.[1] ?? -1)]))
    const input = (name: string, rank?: number): string => {
      const text = this.tensor(ids.get(name)?.[0] ?? -1, ids.get(name))
      return rank === undefined ? text : `${text} as tf.Tensor${rank}D`
    }
    const code = call({
      input, all: () => `[${step.inputs.map(([name]) => input(name)).join(', ')}]`,
      given: (name) => step.attributes[name], attribute: (name) => this.attribute(all.map(({ attributes }) => attributes[name]), step.node),
    })
    const base = step.kernel.charAt(0).toLowerCase() + step.kernel.slice(1)
    const name = this.fresh(base)
    if (LISTS.has(step.kernel)) {
      this.lines.push(`  const ${name} = ${code} as tf.Tensor[]`)
      step.outputs.forEach((id, i) => { this.names.set(id, `${name}[${i}]!`) })
      return
    }
    this.lines.push(`  const ${name}: tf.Tensor = ${code}`)
    const [only] = step.outputs
    if (only !== undefined) this.names.set(only, name)
  }

  private fresh(base: string): string {
    const count = this.counts.get(base) ?? 0
    this.counts.set(base, count + 1)
    return `${base}${count + 1}`
  }

  /** A tensor as code: made before, an input, a weight, or written out. */
  private tensor(id: number, everywhere: readonly number[] = [id]): string {
    const known = this.names.get(id)
    if (known !== undefined) return known
    const place = this.main.inputs.get(id)
    if (place !== undefined) return `inputs${access(this.model.inputs[place]?.name ?? '')}`
    const weight = this.main.variables.get(id)
    if (weight !== undefined) return `weights[${quoted(weight)}]!`
    const literals = everywhere.map((one, i) => this.traces[i]?.literals.get(one)).filter((one) => one !== undefined)
    const [literal] = literals
    if (literal === undefined) throw new ConvertError('CONVERT_OPERATOR', 'A tensor of the model comes from nowhere')
    const text = this.literal(literal, literals)
    if (text.startsWith('weights[')) this.names.set(id, text)
    return text
  }

  private literal(literal: Literal, all: readonly Literal[]): string {
    const { shape, dtype, values } = literal
    const list = Array.from(values)
    const uniform = list.length > 0 && list.every((value) => Object.is(value, list[0])) && all.every(({ values: other }) => other[0] === list[0])
    const sizes = `[${shape.map((_, i) => this.number(all.map((one) => one.shape[i] ?? 0), 'a constant')).join(', ')}]`
    if (uniform && shape.length > 0 && list.length > 1) return `tf.fill(${sizes}, ${written(list[0] ?? 0)}, ${quoted(dtype)})`
    const same = all.every((one) => one.shape.join() === shape.join() && Array.from(one.values).every((value, i) => Object.is(value, list[i])))
    if (!same) {
      if (all.every((one) => Array.from(one.values).every((value, i) => value === i))) {
        const range = `tf.range(0, ${this.number(all.map((one) => one.values.length), 'a constant')}, 1${dtype === 'int32' ? ", 'int32'" : ''})`
        return shape.length === 1 ? range : `tf.reshape(${range}, ${sizes})`
      }
      // The same for every element of the batch.
      const rows = all.map(firstRow)
      if (rows.every((row) => row !== undefined)) {
        const [row] = rows
        if (row !== undefined) return `tf.tile(${this.literal(row, rows)}, [${this.number(all.map((one) => one.shape[0] ?? 0), 'a constant')}${', 1'.repeat(shape.length - 1)}])`
      }
      const numbers = list.map((_, i) => (all.every((one) => one.values.length === list.length) ? this.number(all.map((one) => one.values[i] ?? 0), 'a constant') : undefined))
      if (numbers.includes(undefined)) throw new ConvertError('CONVERT_SYMBOL', 'A constant of the model follows the sizes of its inputs', { fix: FIX })
      return `tf.tensor([${numbers.join(', ')}], ${sizes}, ${quoted(dtype)})`
    }
    if (shape.length === 0) return `tf.scalar(${dtype === 'bool' ? String(list[0] !== 0) : written(list[0] ?? 0)}${dtype === 'float32' ? '' : `, ${quoted(dtype)}`})`
    if (list.length <= MOST_WRITTEN) return `tf.tensor([${list.map(written).join(', ')}], ${sizes}, ${quoted(dtype)})`
    let name = this.fresh('constant')
    while (this.model.weights.has(name)) name = this.fresh('constant')
    this.constants.set(name, dtype === 'bool' ? Tensor.from(list, shape, 'bool') : dtype === 'int32' ? Tensor.from(Int32Array.from(list), shape, 'int32') : Tensor.from(Float32Array.from(list), shape))
    return `weights[${quoted(name)}]!`
  }

  // The page.

  private page(name: string, weightsFile: string, returns: readonly string[]): string {
    const { model } = this
    const trained = [...model.weights].filter(([, variable]) => variable.trainable).map(([weight]) => weight)
    const sizes = this.symbols.map((symbol) => {
      const input = model.inputs.find(({ shape }) => shape?.includes(symbol) === true)
      return `  const ${variable(symbol)} = inputs${access(input?.name ?? '')}.shape[${input?.shape?.indexOf(symbol) ?? 0}]!`
    }).filter((line) => this.lines.some((other) => new RegExp(`\\b${/const (\w+)/.exec(line)?.[1] ?? ''}\\b`).test(other)))
    return [
      `// ${name}: made by Whetstone from an ONNX model, as TensorFlow.js calls. It needs nothing else, and can be changed by hand.`,
      `// Weights are in ${weightsFile}, under the names of the model's initializers. Comments name the model's nodes.`,
      "import { readFileSync } from 'node:fs'", "import path from 'node:path'", "import * as tf from '@tensorflow/tfjs'", '',
      'export interface Inputs {',
      ...model.inputs.map(({ name: input, dtype, shape }) => `  /** ${dtype}[${(shape ?? []).join(', ')}] */\n  readonly ${property(input)}: tf.Tensor`), '}', '',
      'export interface Outputs {',
      ...model.outputs.map(({ name: output, dtype, shape }) => `  /** ${dtype}[${(shape ?? []).join(', ')}] */\n  readonly ${property(output)}: tf.Tensor`), '}', '',
      '/** Weights and constants by name; those that are trained are variables. */', 'export type Weights = Record<string, tf.Tensor>', '',
      '/** What an optimizer changes. */', `export const TRAINED: readonly string[] = [${trained.map((weight) => `\n  ${quoted(weight)},`).join('')}\n]`, '',
      LOADER.replace('FILE', quoted(weightsFile)),
      '/** Runs the model; part of a gradient where it is called within one. */',
      'export function apply(inputs: Inputs, weights: Weights): Outputs {', ...sizes, ...this.lines, `  return { ${returns.join(', ')} }`, '}', '',
    ].join('\n')
  }
}

/** Reads safetensors: the length of a header in JSON, the header, the numbers. */
const LOADER = `/** Reads the weights from the file beside this module, or from bytes. */
export function loadWeights(source: string | Uint8Array = path.join(__dirname, FILE)): Weights {
  const bytes = Uint8Array.from(typeof source === 'string' ? readFileSync(source) : source)
  const view = new DataView(bytes.buffer)
  const start = 8 + Number(view.getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as
    Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
  const weights: Weights = {}
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const part = bytes.slice(start + from, start + to)
    const tensor = dtype === 'F32' ? tf.tensor(new Float32Array(part.buffer), shape, 'float32')
      : dtype === 'I32' ? tf.tensor(new Int32Array(part.buffer), shape, 'int32') : tf.tensor(part, shape, 'bool')
    weights[name] = TRAINED.includes(name) ? tf.variable(tensor) : tensor
  }
  return weights
}
`

/** The first element along the first axis, where all are equal to it. */
function firstRow({ shape, dtype, values }: Literal): Literal | undefined {
  const [rows = 0, ...rest] = shape
  const size = rest.reduce((a, b) => a * b, 1)
  if (rows < 1 || !Array.from(values).every((value, i) => Object.is(value, values[i % size]))) return undefined
  return { shape: [1, ...rest], dtype, values: Array.from(values).slice(0, size) }
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
const identifier = /^[A-Za-z_$][\w$]*$/
const property = (name: string): string => (identifier.test(name) ? name : quoted(name))
const access = (name: string): string => (identifier.test(name) ? `.${name}` : `[${quoted(name)}]`)
/** A name of an axis as a variable. */
const variable = (symbol: string): string => `size_${symbol.replaceAll(/\W/g, '_')}`
const written = (value: number): string => (Object.is(value, -0) ? '-0' : Number.isNaN(value) ? 'NaN' : String(value))
