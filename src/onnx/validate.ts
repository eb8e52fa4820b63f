// The validator: every way in which a model breaks the rules of ONNX, each with its rule, place and operator. It changes
// nothing and finds all problems, not the first. Rules follow the ONNX IR specification and onnx.checker.
import { OnnxError } from './errors'
import { inferShapes } from './infer/infer'
import { cloneModel } from './ir/clone'
import type { Graph } from './ir/graph'
import { sameDomain, type FunctionDefinition, type Model } from './ir/model'
import type { Node } from './ir/node'
import { topologicalOrder } from './ir/sort'
import type { Value } from './ir/value'
import { checkNode, type SchemaProblem } from './schema/check'
import { isKnownDomain, schemaOf } from './schema/schema'

/** The newest IR version that this library was written against. */
export const NEWEST_IR_VERSION = 14

/** What a model can break. */
export type Rule =
  | 'ir-version' | 'opset-missing' | 'opset-unknown' | 'graph-name' | 'value-name' | 'value-type' | 'single-assignment'
  | 'undefined-value' | 'node-order' | 'cycle' | 'initializer-input' | 'unknown-operator' | 'unknown-domain'
  | 'attribute-reference' | 'function-duplicate' | 'function-recursive' | 'sparse-tensor' | 'inference' | SchemaProblem['rule']

/** One broken rule. */
export interface ModelProblem {
  readonly rule: Rule
  readonly what: string
  /** Name of the graph or function. */
  readonly graph: string
  readonly node?: string
  readonly operator?: string
  readonly expected?: string
  readonly got?: string
}

/** What to check. */
export interface ValidateOptions {
  /** Also infer types and shapes and report contradictions. Default true. */
  readonly inference?: boolean
}

/** Every broken rule of a model; none when it is valid. */
export function validateModel(model: Model, options: ValidateOptions = {}): ModelProblem[] {
  const validator = new Validator(model)
  validator.model()
  const { problems } = validator
  // Inference needs a graph in order; without one its answers would be noise.
  if (options.inference !== false && !problems.some(({ rule }) => rule === 'cycle' || rule === 'undefined-value')) {
    for (const problem of inferShapes(cloneModel(model)).problems) {
      problems.push({
        rule: 'inference', what: problem.what, graph: model.graph.name,
        ...(problem.details.where === undefined ? {} : { node: problem.details.where }),
        ...(problem.details.expected === undefined ? {} : { expected: problem.details.expected }),
        ...(problem.details.got === undefined ? {} : { got: problem.details.got }),
      })
    }
  }
  return problems
}

/**
 * Throws when a model is not valid.
 *
 * @throws OnnxError `ONNX_INVALID` that lists the first problems
 */
export function assertValid(model: Model, options: ValidateOptions = {}): void {
  const problems = validateModel(model, options)
  if (problems.length === 0) return
  const shown = problems.slice(0, 10).map(formatProblem)
  const more = problems.length > shown.length ? `\n    … and ${problems.length - shown.length} more` : ''
  throw new OnnxError('ONNX_INVALID', `The model breaks ${problems.length} rule${problems.length === 1 ? '' : 's'} of ONNX`, {
    got: '\n    ' + shown.join('\n    ') + more,
  })
}

/** One line: rule, place, what is wrong, what was expected and what came. */
export function formatProblem(problem: ModelProblem): string {
  const { rule, what, graph, node, expected, got } = problem
  const place = node === undefined ? `graph "${graph}"` : `graph "${graph}", ${node}`
  return `[${rule}] ${place}: ${what}${expected === undefined ? '' : `; expected ${expected}`}${got === undefined ? '' : `; got ${got}`}`
}

interface Scope {
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes that nodes may refer to: those of the function around them. */
  readonly attributes: ReadonlySet<string> | undefined
}

class Validator {
  readonly problems: ModelProblem[] = []

  constructor(private readonly subject: Model) {}

  model(): void {
    const { subject } = this
    const { graph } = subject
    if (subject.irVersion < 1 || subject.irVersion > NEWEST_IR_VERSION) {
      this.report('ir-version', graph.name, 'The IR version is not one that exists', { expected: `1 to ${NEWEST_IR_VERSION}`, got: String(subject.irVersion) })
    }
    if (subject.irVersion >= 3 && subject.opsets.size === 0) {
      this.report('opset-missing', graph.name, 'The model states no operator set')
    }
    const keys = new Set<string>()
    for (const f of subject.functions) {
      const key = `${f.domain}.${f.name}:${f.overload}`
      if (keys.has(key)) this.report('function-duplicate', f.name, 'A function is defined twice', { got: key })
      keys.add(key)
    }
    this.recursion()
    this.graph(graph, { opsets: subject.opsets, attributes: undefined }, new Set())
    for (const f of subject.functions) this.function(f)
  }

  private function(f: FunctionDefinition): void {
    const attributes = new Set([...f.requiredAttributes, ...f.defaults.keys()])
    for (const domain of f.opsets.keys()) {
      if (this.subject.opsets.size > 0 && !this.importsDomain(this.subject.opsets, domain) && isKnownDomain(domain)) {
        this.report('opset-missing', f.name, 'A function needs an operator set that the model does not state', { got: JSON.stringify(domain) })
      }
    }
    this.nodes(f.body, { opsets: f.opsets, attributes }, new Set(f.body.inputs), f.name)
  }

  /** @param outer values of the graphs around that are defined before this graph */
  private graph(graph: Graph, scope: Scope, outer: ReadonlySet<Value>): void {
    const isMain = graph.parent === undefined
    if (graph.name === '') this.report('graph-name', graph.name, 'The graph has no name')
    const names = new Map<string, Value>()
    const define = (value: Value, role: string) => {
      if (value.name === '') this.report('value-name', graph.name, `An ${role} has no name`)
      const other = names.get(value.name)
      if (other !== undefined && other !== value) {
        this.report('single-assignment', graph.name, `The name ${value.name} is given to two values`, { got: role })
      }
      names.set(value.name, value)
    }
    for (const value of graph.inputs) {
      define(value, 'input')
      if (isMain && value.declaredType === undefined) this.report('value-type', graph.name, `The input ${value.name} has no type`)
    }
    for (const value of [...graph.initializers.keys(), ...graph.sparseInitializers.keys()]) {
      define(value, 'initializer')
      if (this.subject.irVersion < 4 && !graph.hasInput(value) && isMain) {
        this.report('initializer-input', graph.name, `The initializer ${value.name} is no input, which IR versions before 4 require`)
      }
    }
    for (const [value, sparse] of graph.sparseInitializers) {
      const count = sparse.values.size
      const [rows, columns] = sparse.indices.shape
      const fits = sparse.values.shape.length === 1 && sparse.indices.dtype === 'int64' && rows === count
        && (columns === undefined ? sparse.indices.shape.length === 1 : columns === sparse.shape.length)
      if (!fits) this.report('sparse-tensor', graph.name, `The sparse tensor ${value.name} has indices that do not fit its values`)
    }
    for (const node of graph.nodes) for (const output of node.outputs) if (output.name !== '') define(output, 'output of a node')
    const defined = new Set<Value>([...outer, ...graph.inputs, ...graph.initializers.keys(), ...graph.sparseInitializers.keys()])
    this.nodes(graph, scope, defined, graph.name)
  }

  /** @param defined grows with the outputs of the nodes, in order */
  private nodes(graph: Graph, scope: Scope, defined: Set<Value>, name: string): void {
    const own = new Set<Value>()
    for (const node of graph.nodes) for (const output of node.outputs) own.add(output)
    let unordered = false
    for (const node of graph.nodes) {
      for (const input of node.inputs) {
        if (input === undefined || defined.has(input)) continue
        if (own.has(input)) {
          unordered = true
          this.report('node-order', name, `The value ${input.name} is read before the node that makes it`, {}, node)
        } else this.report('undefined-value', name, `Nothing defines the value ${input.name}`, {}, node)
        defined.add(input) // Reported once is enough.
      }
      this.node(node, scope, name, defined)
      for (const output of node.outputs) if (output.name !== '') defined.add(output)
    }
    if (unordered) this.cycles(graph, name)
    for (const output of graph.outputs) {
      if (!defined.has(output)) this.report('undefined-value', name, `Nothing defines the output ${output.name}`)
    }
  }

  private node(node: Node, scope: Scope, graphName: string, defined: Set<Value>): void {
    const called = this.subject.functionOf(node)
    const version = scope.opsets.get(node.domain) ?? (sameDomain(node.domain, '') ? (scope.opsets.get('') ?? scope.opsets.get('ai.onnx')) : undefined)
    if (version === undefined && this.subject.irVersion >= 3) {
      this.report('unknown-domain', graphName, `No operator set is stated for the domain ${JSON.stringify(node.domain)}`, {}, node)
    }
    const schema = version === undefined || called !== undefined ? undefined : schemaOf(node.opType, version, node.domain)
    if (schema !== undefined) {
      for (const { rule, what, expected, got } of checkNode(node, schema)) this.report(rule, graphName, what, { expected, got }, node)
    } else if (version !== undefined && called === undefined && isKnownDomain(node.domain)) {
      const later = schemaOf(node.opType, 1_000_000, node.domain)
      this.report('unknown-operator', graphName, `${node.opType} is no operator of version ${version} of its set`, {
        expected: later === undefined ? undefined : `version ${later.since} or newer`,
      }, node)
    }
    if (called !== undefined) this.call(node, called, graphName)
    for (const [key, value] of node.attributes) {
      if (value.kind === 'reference' && !(scope.attributes?.has(value.name) ?? false)) {
        this.report('attribute-reference', graphName, `The attribute ${key} refers to ${value.name}, which the function around it does not have`, {}, node)
      }
    }
    if (node.attributes.size > 0) for (const inner of node.subgraphs) this.graph(inner, scope, defined)
  }

  private call(node: Node, f: FunctionDefinition, graphName: string): void {
    const { inputs, outputs } = f.body
    if (node.inputs.length > inputs.length || node.outputs.length > outputs.length) {
      this.report('arity', graphName, `The function ${f.name} is called with too many values`, {
        expected: `${inputs.length} inputs, ${outputs.length} outputs`, got: `${node.inputs.length}, ${node.outputs.length}`,
      }, node)
    }
    for (const required of f.requiredAttributes) {
      if (!node.attributes.has(required)) this.report('attribute-missing', graphName, `The attribute ${required} of function ${f.name} is missing`, {}, node)
    }
  }

  /** Functions must not call themselves, directly or through others. */
  private recursion(): void {
    const state = new Map<FunctionDefinition, 'open' | 'done'>()
    const visit = (f: FunctionDefinition): void => {
      state.set(f, 'open')
      for (const node of f.body.allNodes()) {
        const next = this.subject.functionOf(node)
        if (next === undefined) continue
        if (state.get(next) === 'open') this.report('function-recursive', f.name, `The function ${next.name} calls itself`, {}, node)
        else if (state.get(next) === undefined) visit(next)
      }
      state.set(f, 'done')
    }
    for (const f of this.subject.functions) if (!state.has(f)) visit(f)
  }

  private cycles(graph: Graph, name: string): void {
    try {
      topologicalOrder(graph)
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error
      this.report('cycle', name, error.what, { got: error.details.got })
    }
  }

  private importsDomain(opsets: ReadonlyMap<string, number>, domain: string): boolean {
    for (const key of opsets.keys()) if (sameDomain(key, domain)) return true
    return false
  }

  private report(rule: Rule, graph: string, what: string, more: { expected?: string | undefined; got?: string | undefined } = {}, node?: Node): void {
    this.problems.push({
      rule, what, graph,
      ...(node === undefined ? {} : { node: `node ${node.label}`, operator: node.opType }),
      ...(more.expected === undefined ? {} : { expected: more.expected }),
      ...(more.got === undefined ? {} : { got: more.got }),
    })
  }
}
