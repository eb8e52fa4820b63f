// What a PyTorch operator was called with, read in the form that its lowering wants, or refused with the place in the user's code.
import type { Dim, Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { Cell } from './alias'
import type { Lowerer } from './lower'
import type { Argument, ProgramGraph, ProgramNode, TensorMeta } from './program'

/** A size in the graph: known, or computed by nodes that are made only when they are needed. */
export interface SizeValue {
  readonly dim: Dim
  /** An int64 tensor of shape [1]. */
  readonly vector: () => Value
}

/** The arguments of one node, by the names of its operator's schema. */
export class NodeArguments {
  constructor(
    readonly lowerer: Lowerer,
    readonly node: ProgramNode,
    readonly graph: ProgramGraph,
  ) {}

  /** For messages: the module, its class, the line of the user's code. */
  get place(): string {
    return placeOf(this.node)
  }

  /** An error about this node, with its place. */
  error(what: string, details: { expected?: string; got?: string; fix?: string } = {}): ConvertError {
    return new ConvertError('CONVERT_OPERATOR', `${this.node.target}: ${what}`, { ...details, where: this.place })
  }

  argument(name: string): Argument | undefined {
    const found = this.node.inputs.get(name)
    return found?.kind === 'none' ? undefined : found
  }

  has(name: string): boolean {
    return this.argument(name) !== undefined
  }

  protected wrong(name: string, expected: string): ConvertError {
    return new ConvertError('CONVERT_MALFORMED', `${this.node.target}: the argument ${name} has the wrong form`, {
      expected, got: this.argument(name)?.kind ?? 'nothing', where: this.place,
    })
  }

  protected found<T>(name: string, value: T | undefined, expected: string): T {
    if (value === undefined) throw this.wrong(name, expected)
    return value
  }

  cell(name: string): Cell {
    const argument = this.argument(name)
    if (argument?.kind !== 'tensor') throw this.wrong(name, 'a tensor')
    return this.lowerer.cell(argument.name)
  }

  tensor(name: string): Value {
    return this.cell(name).value
  }

  optional(name: string): Value | undefined {
    return this.argument(name)?.kind === 'tensor' ? this.tensor(name) : undefined
  }

  /** A list of tensors, in which some may be left out. */
  optionals(name: string): (Value | undefined)[] {
    const argument = this.argument(name)
    if (argument?.kind !== 'tensors') throw this.wrong(name, 'a list of tensors')
    return argument.names.map((one) => (one === undefined ? undefined : this.lowerer.cell(one).value))
  }

  tensors(name: string): Value[] {
    return this.optionals(name).map((value) => this.found(name, value, 'a list of tensors'))
  }

  /** How PyTorch lays out and types a tensor argument. */
  meta(name: string): TensorMeta {
    const argument = this.argument(name)
    const found = argument?.kind === 'tensor' ? this.graph.tensors.get(argument.name) : undefined
    return this.found(name, found, 'a tensor that the file describes')
  }

  int(name: string, otherwise?: number): number {
    const argument = this.argument(name)
    if (argument === undefined && otherwise !== undefined) return otherwise
    if (argument?.kind === 'int') return argument.value
    if (argument?.kind === 'symInt') {
      const { dim } = this.lowerer.size(argument.name)
      if (typeof dim === 'number') return dim
    }
    throw this.wrong(name, 'a whole number known when converting')
  }

  ints(name: string, otherwise?: readonly number[]): number[] {
    const argument = this.argument(name)
    if (argument === undefined && otherwise !== undefined) return [...otherwise]
    if (argument?.kind === 'int') return [argument.value]
    return this.sizes(name).map(({ dim }) => this.found(name, typeof dim === 'number' ? dim : undefined, 'whole numbers known when converting'))
  }

  floats(name: string): number[] | undefined {
    const argument = this.argument(name)
    if (argument === undefined) return undefined
    if (argument.kind !== 'floats' && argument.kind !== 'ints') throw this.wrong(name, 'a list of numbers')
    return argument.values.map((value) => this.found(name, typeof value === 'number' ? value : undefined, 'numbers known when converting'))
  }

  float(name: string, otherwise?: number): number {
    const argument = this.argument(name)
    if (argument === undefined && otherwise !== undefined) return otherwise
    if (argument?.kind === 'int' || argument?.kind === 'float') return argument.value
    if (argument?.kind === 'bool') return Number(argument.value)
    throw this.wrong(name, 'a number known when converting')
  }

  bool(name: string, otherwise = false): boolean {
    const argument = this.argument(name)
    if (argument === undefined) return otherwise
    if (argument.kind === 'bool') return argument.value
    throw this.wrong(name, 'true or false')
  }

  text(name: string, otherwise?: string): string {
    const argument = this.argument(name)
    if (argument === undefined && otherwise !== undefined) return otherwise
    if (argument?.kind !== 'string') throw this.wrong(name, 'text')
    return argument.value
  }

  size(name: string | number): SizeValue {
    const argument = typeof name === 'number' ? this.node.positional[name] : this.argument(name)
    if (argument?.kind === 'int') return this.fixed(argument.value)
    if (argument?.kind === 'symInt') return this.lowerer.size(argument.name)
    throw this.wrong(String(name), 'a size')
  }

  sizes(name: string): SizeValue[] {
    const argument = this.argument(name)
    if (argument?.kind === 'int' || argument?.kind === 'symInt') return [this.size(name)]
    if (argument?.kind !== 'ints') throw this.wrong(name, 'a list of sizes')
    return argument.values.map((value) => (typeof value === 'number' ? this.fixed(value) : this.lowerer.size(value)))
  }

  fixed(size: number): SizeValue {
    return { dim: size, vector: () => this.vector([size]) }
  }

  /** An int64 tensor of these whole numbers. */
  vector(values: readonly number[]): Value {
    return this.lowerer.constant(values, 'int64', [values.length])
  }
}

/** `layer1.0.conv1 (Conv2d), line 8 of model.py`. */
export function placeOf({ module, className, line, name }: ProgramNode): string {
  const kind = className.split('.').at(-1) ?? ''
  const where = module === '' ? `the outermost module, node ${name}` : `${module}${kind === '' ? '' : ` (${kind})`}`
  return line === '' ? where : `${where}, ${line}`
}
