// From an exported program to an ONNX graph: a walk over its nodes, each lowered by the operator table.
import { DTYPES, type DType } from '../../core'
import { GraphBuilder, Node as OnnxNode, OnnxError, Tensor, type Attributes, type Dim, type FunctionDefinition, type Model, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { MappedOperator } from '../report'
import { Cell } from './alias'
import { placeOf, type SizeValue } from './arguments'
import { TorchContext } from './context'
import { requireComputable } from './dtypes'
import type { Argument, Program, ProgramGraph, ProgramNode, Size } from './program'
import { renameSymbols } from './symbols'
import { torchOperators } from './table'

/** Codes of element types as attributes name them (onnx.proto, TensorProto.DataType). */
const CODES: Partial<Record<DType, number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11,
  uint32: 12, uint64: 13, complex64: 14, complex128: 15, bfloat16: 16,
}

/** Largest and smallest int64: what PyTorch writes for "to the end". */
const INT64 = { most: 2n ** 63n - 1n, least: -(2n ** 63n) }

export interface LowerOptions {
  readonly opset: number
  /** A weight by its name in the module. */
  readonly weight: (name: string) => Tensor
  /** Names that weights share storage and layout under: name → the name that is used. */
  readonly sameWeight: ReadonlyMap<string, string>
  /** Names for symbols: `s77` → `batch`. */
  readonly symbolNames: ReadonlyMap<string, string>
  readonly functions: readonly FunctionDefinition[]
}

export class Lowerer {
  private g: GraphBuilder
  private readonly root: GraphBuilder
  private cells = new Map<string, Cell>()
  private sizes = new Map<string, SizeValue>()
  private readonly constants = new Map<string, Value>()
  private readonly constantValues = new Set<Value>()
  private readonly weights = new Map<string, Value>()
  private readonly pending = new Map<string, string>()
  private readonly mapped = new Map<string, { count: number; onnx: Record<string, number> }>()
  readonly notes = new Set<string>()

  constructor(private readonly program: Program, private readonly options: LowerOptions) {
    this.root = this.g = new GraphBuilder('main', { opsets: { '': options.opset }, functions: options.functions })
  }

  get opset(): number {
    return this.options.opset
  }

  /** The whole program as a model. */
  run(): { model: Model; operators: MappedOperator[] } {
    const { graph } = this.program
    this.addInputs()
    this.walk(graph)
    this.addOutputs()
    this.removeUnused()
    const metadata = this.axes()
    const model = this.root.model({ functions: this.options.functions, metadata })
    return { model, operators: [...this.mapped].map(([operator, { count, onnx }]) => ({ operator, count, onnx })).sort((a, b) => b.count - a.count) }
  }

  // For contexts.

  /** What a name of the program stands for; weights are added to the graph when they are first read. */
  cell(name: string): Cell {
    const found = this.cells.get(name)
    if (found !== undefined) return found
    const weight = this.pending.get(name)
    if (weight === undefined) {
      throw new ConvertError('CONVERT_MALFORMED', 'A node reads a tensor that nothing makes', { got: name, fix: 'export the module again' })
    }
    const cell = Cell.of(this.weight(weight))
    this.cells.set(name, cell)
    return cell
  }

  private weight(name: string): Value {
    const known = this.options.sameWeight.get(name) ?? name
    const found = this.weights.get(known)
    if (found !== undefined) return found
    const tensor = this.options.weight(known)
    requireComputable(tensor.dtype, `weight ${name}`)
    const value = this.root.constant(tensor, known)
    this.weights.set(known, value)
    return value
  }

  size(name: string): SizeValue {
    const found = this.sizes.get(name)
    if (found !== undefined) return found
    throw new ConvertError('CONVERT_MALFORMED', 'A node reads a size that nothing makes', { got: name, fix: 'export the module again' })
  }

  define(name: string, cell: Cell): void {
    this.cells.set(name, cell)
  }

  /**
   * @param stated the file's own expression, which shapes are written with
   */
  defineSize(name: string, size: SizeValue, stated?: Size): void {
    const dim = stated === undefined ? size.dim : this.dim(stated)
    this.sizes.set(name, typeof dim === 'number' ? { dim, vector: () => this.constant([dim], 'int64', [1]) } : { ...size, dim: dim ?? size.dim })
  }

  dim(size: Size): Dim {
    return typeof size === 'number' ? size : renameSymbols(size.dim, this.options.symbolNames)
  }

  code(dtype: DType): number {
    const code = CODES[dtype]
    if (code === undefined) throw new ConvertError('CONVERT_DTYPE', 'A value is cast to a type that runtimes do not have', { got: dtype })
    return code
  }

  /** A constant; equal ones are one. */
  constant(values: readonly number[], dtype: DType, shape: readonly number[]): Value {
    const key = `${dtype}[${shape.join()}]${values.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join()}`
    const found = values.length <= 64 ? this.constants.get(key) : undefined
    if (found !== undefined) return found
    const { kind } = DTYPES[dtype]
    const whole = kind === 'signed' || kind === 'unsigned'
    const list = dtype === 'int64' ? values.map(toInt64) : whole ? values.map(Math.trunc) : values
    const value = this.root.constant(Tensor.from(list, shape, dtype), 'constant')
    this.constants.set(key, value)
    this.constantValues.add(value)
    return value
  }

  /** Whether the value is a constant of the converter's own, not a weight. */
  isConstant(value: Value): boolean {
    return this.constantValues.has(value)
  }

  emit(context: TorchContext, type: string, inputs: readonly (Value | undefined)[], attributes: Attributes, outputs: number, domain: string): readonly Value[] {
    const { node } = context
    const name = `${node.module === '' ? node.name : node.module}/${type}`
    try {
      return this.g.ops(type, inputs, attributes, { name: this.freshNode(name), outputs, domain })
    } catch (cause) {
      if (!(cause instanceof OnnxError)) throw cause
      if (cause.what.endsWith('has a type that is not allowed')) {
        throw new ConvertError('CONVERT_DTYPE', `${node.target} has no form in ONNX for elements of this type`, {
          ...cause.details, where: placeOf(node), cause, fix: 'compute it in floating point: x.float() before, and the result back with .to(dtype)',
        })
      }
      throw new ConvertError('CONVERT_SHAPE', `${node.target} cannot become ${type}: ${cause.what}`, {
        ...cause.details, where: placeOf(node), cause, fix: 'export the module again; if it stays so, report the operator with its arguments',
      })
    }
  }

  private readonly nodeNames = new Map<string, number>()

  private freshNode(name: string): string {
    const count = this.nodeNames.get(name) ?? 0
    this.nodeNames.set(name, count + 1)
    return count === 0 ? name : `${name}_${count}`
  }

  /** Lowers a graph whose inputs stand for these values, and gives what its outputs stand for. */
  inline(graph: ProgramGraph, operands: readonly Argument[]): (Cell | SizeValue | undefined)[] {
    // Names inside are the graph's own.
    const outer = { cells: this.cells, sizes: this.sizes }
    const [cells, sizes] = [new Map(outer.cells), new Map(outer.sizes)]
    graph.inputs.forEach((input, i) => {
      const operand = operands[i]
      if (operand === undefined) throw new ConvertError('CONVERT_MALFORMED', 'A graph inside the model is given too few inputs')
      this.bind(input, operand, cells, sizes)
    })
    ;[this.cells, this.sizes] = [cells, sizes]
    try {
      this.walk(graph)
      return graph.outputs.map((output) => (output.kind === 'tensor' ? this.cell(output.name) : output.kind === 'symInt' ? this.size(output.name) : undefined))
    } finally {
      ;[this.cells, this.sizes] = [outer.cells, outer.sizes]
    }
  }

  private bind(input: Argument, operand: Argument, cells: Map<string, Cell>, sizes: Map<string, SizeValue>): void {
    if (input.kind === 'tensor' && operand.kind === 'tensor') cells.set(input.name, this.cell(operand.name))
    else if (input.kind === 'symInt' && operand.kind === 'symInt') sizes.set(input.name, this.size(operand.name))
    else if (input.kind === 'symInt' && operand.kind === 'int') {
      const { value } = operand
      sizes.set(input.name, { dim: value, vector: () => this.constant([value], 'int64', [1]) })
    } else throw new ConvertError('CONVERT_MALFORMED', 'A graph inside the model is given an input of another kind', { expected: input.kind, got: operand.kind })
  }

  /** A graph inside a node: what `build` emits goes there, and its results are the graph's outputs. */
  subgraph(name: string, build: () => readonly Value[]): ReturnType<GraphBuilder['subgraph']> {
    const outer = this.g
    return outer.subgraph(name, (inner) => {
      this.g = inner
      try {
        for (const value of build()) {
          // A branch returns values of its own.
          inner.output(value.graph === inner.graph ? value : inner.op('Identity', [value], {}, { name: this.freshNode(`${name}/Identity`) }))
        }
      } finally {
        this.g = outer
      }
    })
  }

  // The walk.

  private addInputs(): void {
    const { graph, inputs } = this.program
    for (const role of inputs) {
      if (role.role === 'fixed') continue
      if (role.role !== 'user') {
        this.pending.set(role.input, role.name)
        continue
      }
      const { argument } = role
      if (argument.kind === 'symInt') {
        const value = this.root.input(argument.name, 'int64', [])
        this.sizes.set(argument.name, { dim: this.dim(graph.symInts.get(argument.name) ?? 0), vector: () => this.root.op('Reshape', [value, this.constant([1], 'int64', [1])]) })
        continue
      }
      if (argument.kind !== 'tensor') {
        if (argument.kind !== 'none') this.notes.add(`an input of kind ${argument.kind} has the value that it was exported with`)
        continue
      }
      const meta = graph.tensors.get(argument.name)
      if (meta === undefined) throw new ConvertError('CONVERT_MALFORMED', 'The file does not describe an input', { got: argument.name })
      requireComputable(meta.dtype, `input ${argument.name}`)
      this.requireRanges(argument.name, meta.sizes)
      const value = this.root.input(argument.name, meta.dtype, meta.sizes.map((size) => this.dim(size)))
      this.cells.set(argument.name, Cell.of(value))
    }
  }

  private requireRanges(input: string, sizes: readonly Size[]): void {
    sizes.forEach((size, axis) => {
      if (typeof size === 'number') return
      const symbol = size.symbols.find((name) => !this.program.ranges.has(name))
      if (symbol === undefined) return
      throw new ConvertError('CONVERT_SYMBOL', 'A size of an input is symbolic, but the file gives it no range', {
        expected: `a range for ${symbol}`, got: [...this.program.ranges.keys()].join(', ') || 'no ranges', where: `axis ${axis} of input ${input}`,
        fix: 'export with a range: dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=64)}}',
      })
    })
  }

  private walk(graph: ProgramGraph): void {
    for (const node of graph.nodes) {
      const context = new TorchContext(this, node, graph)
      const lowering = torchOperators.get(node.target)
      const called = lowering === undefined ? functionOf(node.target, this.options.functions) : undefined
      if (lowering !== undefined && context.setEmpty()) {
        this.count(node, context)
        continue
      }
      if (lowering !== undefined) lowering.lower(context)
      else if (called !== undefined) call(context, called)
      else throw new ConvertError('CONVERT_OPERATOR', `${node.target} has no mapping`, { where: placeOf(node) })
      this.count(node, context)
    }
  }

  private count({ target }: ProgramNode, { made }: TorchContext): void {
    const entry = this.mapped.get(target) ?? { count: 0, onnx: {} }
    entry.count++
    for (const [type, times] of Object.entries(made)) entry.onnx[type] = (entry.onnx[type] ?? 0) + times
    this.mapped.set(target, entry)
  }

  private addOutputs(): void {
    const { graph, outputs, outputNames } = this.program
    let user = 0
    graph.outputs.forEach((output, i) => {
      const role = outputs[i]
      if (role?.role === 'mutation') {
        this.notes.add(`${role.target} is changed by forward in PyTorch; the converted model leaves it as it is`)
        return
      }
      const path = outputNames[user++]
      if (output.kind === 'symInt') {
        const size = this.size(output.name)
        this.output(this.root.op('Squeeze', [size.vector()]), nameOf(path, output.name))
        return
      }
      if (output.kind !== 'tensor') {
        if (output.kind !== 'none') this.notes.add(`an output of forward is no tensor but a constant (${output.kind}), and is left out`)
        return
      }
      this.output(this.cell(output.name).value, nameOf(path, output.name))
    })
    if (this.root.graph.outputs.length === 0) {
      throw new ConvertError('CONVERT_FORMAT', 'The model returns no tensor', { fix: 'return a tensor, or a tuple or dictionary of tensors, from forward' })
    }
  }

  private output(value: Value, name: string): void {
    const { graph } = this.root
    // An output is made by a node, once: what is an input, a weight or an output already gets a node of its own.
    const own = value.producer === undefined || value.isGraphOutput || value.graph !== graph ? this.root.op('Identity', [value], {}, { name: this.freshNode(`${name}/Identity`) }) : value
    const type = value.type
    if (own !== value && type !== undefined) own.type = type
    graph.rename(own, name)
    graph.addOutput(own)
  }

  /** Nodes that nothing reads, from the last to the first; then constants that nothing reads. */
  private removeUnused(): void {
    const { graph } = this.root
    const unused = (value: Value): boolean => value.consumers.size === 0 && !value.isGraphOutput
    for (const node of [...graph.nodes].reverse()) if (node instanceof OnnxNode && node.outputs.every(unused)) graph.remove(node)
    for (const value of [...graph.initializers.keys()]) if (unused(value)) graph.removeInitializer(value)
  }

  private axes(): Map<string, string> {
    const ranges = Object.fromEntries([...this.program.ranges].map(([symbol, range]) => [this.options.symbolNames.get(symbol) ?? symbol, range]))
    return new Map(Object.keys(ranges).length === 0 ? [] : [['whetstone.axes', JSON.stringify(ranges)]])
  }
}

/** `output` for the only one, `output_1` in a tuple, `hidden_0` for the first of a list under the key `hidden`. */
function nameOf(path: string | undefined, torchName: string): string {
  if (path === undefined) return torchName
  if (path === '') return 'output'
  return (/^\d/.test(path) ? `output_${path}` : path).replaceAll('.', '_')
}

/** The function for a custom operator: `mylib.gelu.default` is gelu of the domain mylib. */
export function functionOf(target: string, functions: readonly FunctionDefinition[]): FunctionDefinition | undefined {
  const [domain, name] = target.split('.')
  return functions.find((one) => one.domain === domain && one.name === name)
}

/** A call: tensors are its inputs, numbers and text its attributes where the function takes them. */
function call(c: TorchContext, { domain, name, requiredAttributes, defaults }: FunctionDefinition): void {
  const inputs: (Value | undefined)[] = []
  const attributes: Record<string, number | string | readonly number[]> = {}
  for (const [label, argument] of c.node.inputs) {
    if (argument.kind === 'tensor') inputs.push(c.tensor(label))
    else if (argument.kind === 'tensors') inputs.push(...c.optionals(label))
    else if (!requiredAttributes.includes(label) && !defaults.has(label)) continue
    else if (argument.kind === 'int' || argument.kind === 'float' || argument.kind === 'string') attributes[label] = argument.value
    else if (argument.kind === 'bool') attributes[label] = Number(argument.value)
    else if (argument.kind === 'ints') attributes[label] = c.ints(label)
  }
  c.setAll(c.ops(name, inputs, attributes, c.results.length, domain))
}

/** Beyond 2^53 the file's number was rounded: the two ends of int64 are the ones that occur. */
function toInt64(value: number): bigint {
  if (value >= Number(INT64.most)) return INT64.most
  return value <= Number(INT64.least) ? INT64.least : BigInt(Math.trunc(value))
}
