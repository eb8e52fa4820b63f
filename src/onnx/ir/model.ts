// A model: the main graph, the operator sets it needs, its functions, and what its maker wrote about it.
import { displaySymbol, type Displayable, type MimeBundle } from '../../core'
import { OnnxError } from '../errors'
import { tableBundle, textTable } from '../show'
import type { Attribute } from './attributes'
import { modelTable } from './display'
import type { Graph } from './graph'
import type { Node } from './node'
import type { UnknownFields } from './types'

/** The IR version that new models get: of ONNX 1.16, read by every current runtime. */
export const DEFAULT_IR_VERSION = 10
/** The operator set that new models get. */
export const DEFAULT_OPSET = 21

/** What a model is made from, besides its graph. */
export interface ModelOptions {
  /** Version by domain; `{ '': 21 }` when left out. */
  readonly opsets?: Readonly<Record<string, number>> | ReadonlyMap<string, number>
  readonly irVersion?: number
  readonly functions?: readonly FunctionDefinition[]
  readonly producerName?: string
  readonly producerVersion?: string
  readonly domain?: string
  readonly modelVersion?: number | bigint
  readonly docString?: string
  readonly metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>
}

/** An operator that the model defines itself, by a graph over other operators. */
export class FunctionDefinition {
  overload = ''
  docString?: string
  metadata?: Map<string, string>
  unknown?: UnknownFields
  /** Names of attributes that a call must give. */
  requiredAttributes: string[] = []
  /** Attributes that a call may give, with their defaults. */
  readonly defaults: Map<string, Attribute> = new Map()

  constructor(
    readonly domain: string,
    readonly name: string,
    /** Its inputs and outputs are the function's. */
    readonly body: Graph,
    /** Operator set versions by domain, for the body. */
    readonly opsets: Map<string, number> = new Map(),
  ) {}
}

export class Model implements Displayable {
  irVersion: number
  /** Versions of operator sets by domain; '' is ONNX's own. */
  readonly opsets: Map<string, number>
  readonly functions: FunctionDefinition[]
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: number | bigint
  docString?: string
  readonly metadata: Map<string, string>
  unknown?: UnknownFields

  constructor(
    public graph: Graph,
    options: ModelOptions = {},
  ) {
    const entries = <T>(from: ReadonlyMap<string, T> | Readonly<Record<string, T>> | undefined) =>
      from instanceof Map ? (from as ReadonlyMap<string, T>) : Object.entries((from ?? {}) as Record<string, T>)
    this.opsets = new Map(options.opsets === undefined ? [['', DEFAULT_OPSET]] : entries(options.opsets))
    this.irVersion = options.irVersion ?? DEFAULT_IR_VERSION
    this.functions = [...(options.functions ?? [])]
    this.metadata = new Map(entries(options.metadata))
    if (options.producerName !== undefined) this.producerName = options.producerName
    if (options.producerVersion !== undefined) this.producerVersion = options.producerVersion
    if (options.domain !== undefined) this.domain = options.domain
    if (options.modelVersion !== undefined) this.modelVersion = options.modelVersion
    if (options.docString !== undefined) this.docString = options.docString
  }

  /**
   * The version of ONNX's own operator set.
   *
   * @throws OnnxError `ONNX_SCHEMA` when the model states none
   */
  get opset(): number {
    const version = this.opsets.get('') ?? this.opsets.get('ai.onnx')
    if (version === undefined) throw new OnnxError('ONNX_SCHEMA', 'The model states no version of the standard operator set')
    return version
  }

  /** The function that a node calls, if the model defines one for it. */
  functionOf(node: Pick<Node, 'domain' | 'opType' | 'overload'>): FunctionDefinition | undefined {
    return this.functions.find((f) => f.name === node.opType && sameDomain(f.domain, node.domain) && f.overload === node.overload)
  }

  toString(): string {
    return textTable(modelTable(this))
  }

  [displaySymbol](): MimeBundle {
    return tableBundle(modelTable(this))
  }
}

/** Whether two names of a domain mean the same one; `ai.onnx` is another name of ''. */
export function sameDomain(a: string, b: string): boolean {
  return a === b || ((a === '' || a === 'ai.onnx') && (b === '' || b === 'ai.onnx'))
}
