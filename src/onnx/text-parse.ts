// Reads the text form that text-print.ts writes. The text is not trusted: every error names its line and column.
import { byteLength, DTYPES, elementCount, type DType } from '../core'
import { externalSource } from './codec/external'
import { OnnxError } from './errors'
import { narrow, type Attribute, type AttributeKind, type Int } from './ir/attributes'
import { Graph, type QuantizationAnnotation } from './ir/graph'
import { FunctionDefinition, Model } from './ir/model'
import { Node } from './ir/node'
import { SparseTensor, Tensor, type TensorExtras } from './ir/tensor'
import type { Dim, Type } from './ir/types'
import { Value } from './ir/value'
import { TEXT_HEADER } from './text-print'

/** Graphs inside graphs, and types inside types. */
const MAX_DEPTH = 100

/**
 * Reads a model from its text form.
 *
 * @param options.folder where external data lies
 * @throws OnnxError `ONNX_TEXT` with line and column, and the errors of tensors that are not whole
 */
export function parseModel(text: string, options: { readonly folder?: string } = {}): Model {
  return new Parser(text, options.folder).model()
}

interface Scope {
  readonly values: Map<string, Value>
  readonly outer: Scope | undefined
}

type Extras = Readonly<Record<string, unknown>>

interface Notes {
  docString?: string
  metadata?: Map<string, string>
  unknown?: Uint8Array
}

function takeNotes(extras: Extras, target: Notes): void {
  if (typeof extras['doc'] === 'string') target.docString = extras['doc']
  if (Array.isArray(extras['meta'])) target.metadata = new Map(extras['meta'] as [string, string][])
  if (typeof extras['unknown'] === 'string') target.unknown = Buffer.from(extras['unknown'], 'base64')
}

class Parser {
  private at = 0
  private depth = 0
  private readonly data = new Map<number, string>()

  private readonly text: string

  constructor(text: string, private readonly folder: string | undefined) {
    this.text = text
    // The numbers stand at the end; they are needed on the way.
    const start = text.lastIndexOf('\ndata\n')
    if (start < 0) return
    for (const line of text.slice(start + 6).split('\n')) {
      const match = /^#(\d+) (.*)$/.exec(line)
      if (match !== null) this.data.set(Number(match[1]), match[2] ?? '')
    }
    this.text = text.slice(0, start)
  }

  model(): Model {
    this.expect(TEXT_HEADER)
    this.expect('model')
    const header = this.extras()
    const functions: FunctionDefinition[] = []
    while (this.take('function')) functions.push(this.function())
    this.expect('graph')
    const graph = this.graph(undefined)
    if (!this.ended()) this.fail('the end of the text')
    const string = (key: string) => (typeof header[key] === 'string' ? header[key] : undefined)
    const model = new Model(graph, {
      irVersion: Number(header['ir']), opsets: new Map((header['opsets'] ?? []) as [string, number][]), functions,
      metadata: new Map((header['meta'] ?? []) as [string, string][]),
    })
    const version = string('version')
    if (version !== undefined) model.modelVersion = narrow(this.bigint(version))
    const [producer, producerVersion, domain, doc] = ['producer', 'producerVersion', 'domain', 'doc'].map(string)
    if (producer !== undefined) model.producerName = producer
    if (producerVersion !== undefined) model.producerVersion = producerVersion
    if (domain !== undefined) model.domain = domain
    if (doc !== undefined) model.docString = doc
    const unknown = string('unknown')
    if (unknown !== undefined) model.unknown = Buffer.from(unknown, 'base64')
    return model
  }

  private function(): FunctionDefinition {
    const [domain, name] = [this.string(), this.string()]
    const scope: Scope = { values: new Map(), outer: undefined }
    const defaults = this.attributes(scope)
    const extras = this.extras()
    this.expect('body')
    const f = new FunctionDefinition(domain, name, this.graph(undefined), new Map((extras['opsets'] ?? []) as [string, number][]))
    for (const [key, value] of defaults) f.defaults.set(key, value)
    f.requiredAttributes = (extras['attributes'] ?? []) as string[]
    if (typeof extras['overload'] === 'string') f.overload = extras['overload']
    takeNotes(extras, f)
    return f
  }

  private graph(outer: Scope | undefined): Graph {
    if (++this.depth > MAX_DEPTH) this.fail(`at most ${MAX_DEPTH} graphs inside each other`)
    const graph = new Graph(this.string())
    const scope: Scope = { values: new Map(), outer }
    this.list('(', ')', () => graph.addInput(this.typed(this.value(scope, true))))
    this.expect('{')
    takeNotes(this.extras(), graph)
    // A node may read what a later one makes (in a graph that is out of order), so values are made on first sight.
    while (!this.take('return')) {
      if (this.take('init')) {
        const value = this.typed(this.value(scope, true))
        this.expect('=')
        graph.addInitializer(value, this.take('sparse') ? this.sparse(value.name) : this.tensor(value.name))
      } else if (this.take('info')) graph.strayInfo.push(this.typed(new Value(this.name())))
      else if (this.take('quantized')) graph.quantization.push(this.quantization(scope))
      else graph.append(this.node(scope))
    }
    const infos = new Map<number, Value>()
    const outputs: Value[] = []
    while (this.peek('%')) {
      const value = this.value(scope)
      if (this.take(':')) {
        const info = new Value(value.name, this.typeOrNone())
        takeNotes(this.extras(), info)
        infos.set(outputs.length, info)
      }
      outputs.push(value)
      if (!this.take(',')) break
    }
    this.expect('}')
    graph.setOutputs(outputs)
    if (infos.size > 0) graph.outputInfo = infos
    this.depth--
    return graph
  }

  private node(scope: Scope): Node {
    const outputs: Value[] = []
    while (!this.take('=')) {
      outputs.push(this.take('_') ? new Value('') : this.typed(this.value(scope, true)))
      if (!this.take(',') && !this.peek('=')) this.fail('"," or "="')
    }
    let [domain, opType] = ['', this.word()]
    if (this.take('.')) [domain, opType] = [opType, this.word()]
    const inputs: (Value | undefined)[] = []
    this.list('(', ')', () => inputs.push(this.take('_') ? undefined : this.value(scope)))
    const attributes = this.peek('{') ? this.attributes(scope) : new Map<string, Attribute>()
    const node = new Node(opType, inputs, outputs, { domain, name: this.peek('"') ? this.string() : '' })
    const extras = this.extras()
    if (typeof extras['overload'] === 'string') node.overload = extras['overload']
    takeNotes(extras, node)
    for (const [key, value] of attributes) node.setAttribute(key, value)
    return node
  }

  private quantization(scope: Scope): QuantizationAnnotation {
    const value = this.value(scope)
    const parameters = new Map<string, Value>()
    this.list('{', '}', () => {
      const key = this.string()
      this.expect(':')
      parameters.set(key, this.value(scope))
    })
    const notes: Notes = {}
    takeNotes(this.extras(), notes)
    return { value, parameters, ...(notes.unknown === undefined ? {} : { unknown: notes.unknown }) }
  }

  private attributes(scope: Scope): Map<string, Attribute> {
    const found = new Map<string, Attribute>()
    this.list('{', '}', () => {
      const name = this.word()
      this.expect(':')
      const value = this.attribute(scope)
      const extras = this.extras()
      const notes: Notes = {}
      takeNotes(extras, notes)
      found.set(name, {
        ...value, ...(notes.docString === undefined ? {} : { docString: notes.docString }), ...(notes.unknown === undefined ? {} : { unknown: notes.unknown }),
      })
    })
    return found
  }

  private attribute(scope: Scope): Attribute {
    if (this.take('&')) {
      const of = this.word() as AttributeKind
      return { kind: 'reference', name: this.word(), of }
    }
    const empty = /^\s*(ints|floats|strings|bytesList|tensors|sparses|types|graphs)\[\]/.exec(this.text.slice(this.at, this.at + 40))
    if (empty !== null) {
      this.at += empty[0].length
      return { kind: empty[1], value: [] } as unknown as Attribute
    }
    if (!this.peek('[')) return this.single(scope)
    const items: Attribute[] = []
    this.list('[', ']', () => items.push(this.single(scope)))
    const [first] = items
    const many = { int: 'ints', float: 'floats', string: 'strings', bytes: 'bytesList', tensor: 'tensors', sparse: 'sparses', type: 'types', graph: 'graphs' }
    const kind = many[first?.kind as keyof typeof many] as AttributeKind | undefined
    if (kind === undefined || items.some((item) => item.kind !== first?.kind)) this.fail('a list of one kind')
    return { kind, value: items.map((item) => (item as { value: unknown }).value) } as Attribute
  }

  private single(scope: Scope): Attribute {
    if (this.take('tensor', true)) return { kind: 'tensor', value: this.tensor('', true) }
    if (this.take('sparse', true)) return { kind: 'sparse', value: this.sparse('') }
    if (this.take('bytes', true)) return { kind: 'bytes', value: Buffer.from(this.string(), 'base64') }
    if (this.take('type', true)) return { kind: 'type', value: this.typeOrNone() ?? this.fail('a type') }
    if (this.take('graph', true)) return { kind: 'graph', value: this.graph(scope) }
    if (this.peek('"')) return { kind: 'string', value: this.string() }
    const text = this.match(/(-?(?:Infinity|NaN|[0-9.]+(?:e[+-]?\d+)?))(f?)/y, 'a value')
    const isFloat = text.endsWith('f')
    return isFloat ? { kind: 'float', value: Number(text.slice(0, -1)) } : { kind: 'int', value: this.int(text) }
  }

  private tensor(name: string, started = false): Tensor {
    if (!started) this.expect('tensor')
    const dtype = this.dtype()
    const shape = this.sizes()
    const build = this.numbers(dtype, shape)
    const own = this.extras()
    const extras: TensorExtras = { name: typeof own['name'] === 'string' ? own['name'] : name }
    takeNotes(own, extras)
    if (own['typed'] === true) extras.typedFields = true
    return build(extras)
  }

  private numbers(dtype: DType, shape: number[]): (extras: TensorExtras) => Tensor {
    if (this.take('external')) {
      const entries = new Map(this.json() as [string, string][])
      return (extras) => Tensor.ofSource(dtype, shape, externalSource(this.folder, entries, byteLength(dtype, elementCount(shape)), extras.name ?? ''), extras)
    }
    if (this.take('#')) {
      const number = Number(this.match(/\d+/y, 'a number of the data section'))
      const line = this.data.get(number) ?? this.fail(`a line #${number} in the data section`)
      if (dtype === 'string') return (extras) => Tensor.ofStrings((JSON.parse(line) as string[]).map((text) => Buffer.from(text, 'base64')), shape, extras)
      return (extras) => Tensor.ofBytes(dtype, shape, Buffer.from(line, 'base64'), extras)
    }
    if (this.take('…')) this.fail('numbers; this text was printed without weights, for reading only')
    if (dtype === 'string') {
      const strings: string[] = []
      this.list('[', ']', () => strings.push(this.string()))
      return (extras) => Tensor.ofStrings(strings.map((text) => Buffer.from(text, 'utf8')), shape, extras)
    }
    const values: (number | bigint)[] = []
    const whole = dtype === 'int64' || dtype === 'uint64'
    this.list('[', ']', () => {
      const text = this.match(/-?(?:Infinity|NaN|[0-9.]+(?:e[+-]?\d+)?)/y, 'a number')
      values.push(whole ? this.bigint(text) : Number(text))
    })
    return (extras) => Tensor.from(values, shape, dtype).withExtras(extras)
  }

  private sparse(name: string): SparseTensor {
    const shape = this.sizes()
    const sparse = new SparseTensor(this.tensor(name), this.tensor(''), shape)
    const notes: Notes = {}
    takeNotes(this.extras(), notes)
    if (notes.unknown !== undefined) sparse.unknown = notes.unknown
    return sparse
  }

  private typed(value: Value): Value {
    if (this.take(':')) value.declaredType = this.typeOrNone()
    takeNotes(this.extras(), value)
    return value
  }

  private typeOrNone(): Type | undefined {
    if (this.take('_')) return undefined
    if (++this.depth > MAX_DEPTH) this.fail(`at most ${MAX_DEPTH} types inside each other`)
    const type = this.typeBody()
    this.depth--
    if (!/^ @\{"(denotation|axes|unknown)"/.test(this.text.slice(this.at, this.at + 20))) return type
    const extras = this.extras()
    const axes = extras['axes'] as (string | null)[] | undefined
    return {
      ...type,
      ...(typeof extras['denotation'] === 'string' ? { denotation: extras['denotation'] } : {}),
      ...(axes === undefined ? {} : { axisDenotations: axes.map((axis) => axis ?? undefined) }),
      ...(typeof extras['unknown'] === 'string' ? { unknown: Buffer.from(extras['unknown'], 'base64') } : {}),
    }
  }

  private typeBody(): Type {
    const word = this.take('?') ? '?' : this.word()
    if (word === 'untyped') return { kind: 'unknown' }
    if (word === 'sparse') {
      this.expect('(')
      const inner = this.typeBody()
      this.expect(')')
      return { ...inner, kind: 'sparse' }
    }
    if (word === 'sequence' || word === 'optional') {
      this.expect('(')
      const element = this.typeOrNone()
      this.expect(')')
      return { kind: word, ...(element === undefined ? {} : { element }) }
    }
    if (word === 'map') {
      this.expect('(')
      const key = this.take('?') ? undefined : this.dtype()
      this.expect(',')
      const value = this.typeOrNone()
      this.expect(')')
      return { kind: 'map', ...(key === undefined ? {} : { key }), ...(value === undefined ? {} : { value }) }
    }
    if (word === 'opaque') {
      this.expect('(')
      const part = () => (this.take('null') ? undefined : this.string())
      const domain = part()
      this.expect(',')
      const name = part()
      this.expect(')')
      return { kind: 'opaque', ...(domain === undefined ? {} : { domain }), ...(name === undefined ? {} : { name }) }
    }
    const dtype = word === '?' ? undefined : this.asDtype(word)
    const shape: Dim[] = []
    const shaped = this.text[this.at] === '['
    if (shaped) this.list('[', ']', () => shape.push(this.take('?') ? null : this.peekDigit() ? this.size() : this.word()))
    return { kind: 'tensor', ...(dtype === undefined ? {} : { dtype }), ...(shaped ? { shape } : {}) }
  }

  /** @param define whether this is where the value comes into being, in this graph */
  private value(scope: Scope, define = false): Value {
    const name = this.name()
    for (let at: Scope | undefined = scope; at !== undefined; at = define ? undefined : at.outer) {
      const found = at.values.get(name)
      if (found !== undefined && !(define && found.producer !== undefined)) return found
    }
    const made = new Value(name)
    if (!scope.values.has(name)) scope.values.set(name, made)
    return made
  }

  private name(): string {
    this.expect('%')
    return this.text[this.at] === '"' ? this.string() : this.match(/[\w./:-]+/y, 'a name').replace(/:$/, () => {
      this.at--
      return ''
    })
  }

  private dtype(): DType {
    return this.asDtype(this.word())
  }

  private asDtype(word: string): DType {
    if (!Object.hasOwn(DTYPES, word)) this.fail('an element type', word)
    return word as DType
  }

  private sizes(): number[] {
    const sizes: number[] = []
    this.list('[', ']', () => sizes.push(this.size()))
    return sizes
  }

  private size(): number {
    return Number(this.match(/-?\d+/y, 'a size'))
  }

  private int(text: string): Int {
    return narrow(this.bigint(text))
  }

  private bigint(text: string): bigint {
    return /^-?\d+$/.test(text) ? BigInt(text) : this.fail('a whole number', text)
  }

  /** A plain word, or a quoted one. */
  private word(): string {
    return this.peek('"') ? this.string() : this.match(/[A-Za-z_]\w*/y, 'a word')
  }

  private string(): string {
    const text = this.match(/"(?:[^"\\\n]|\\.)*"/y, 'a quoted text')
    try {
      return JSON.parse(text) as string
    } catch {
      return this.fail('a quoted text as JSON has it', text)
    }
  }

  private extras(): Extras {
    this.space()
    if (this.text[this.at] !== '@') return {}
    this.at++
    return this.json() as Extras
  }

  /** A JSON value that starts here: brackets are counted outside of quoted texts. */
  private json(): unknown {
    this.space()
    const start = this.at
    let open = 0
    for (const token of this.text.slice(start).matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
      if (token[0] === '{' || token[0] === '[') open++
      else if (token[0] === '}' || token[0] === ']') open--
      if (open > 0) continue
      this.at = start + token.index + token[0].length
      break
    }
    try {
      const value: unknown = JSON.parse(this.text.slice(start, this.at))
      if (typeof value === 'object' && value !== null) return value
    } catch { /* Reported below. */ }
    this.at = start
    return this.fail('JSON')
  }

  private list(open: string, close: string, item: () => void): void {
    this.expect(open)
    if (this.take(close)) return
    do item()
    while (this.take(','))
    this.expect(close)
  }

  private space(): void {
    // Every character up to the space is white.
    while (this.text.charCodeAt(this.at) <= 32) this.at++
  }

  private ended(): boolean {
    this.space()
    return this.at === this.text.length
  }

  private peek(symbol: string): boolean {
    this.space()
    return this.text.startsWith(symbol, this.at)
  }

  private peekDigit(): boolean {
    this.space()
    return /[-\d]/.test(this.text[this.at] ?? '')
  }

  /** Takes a symbol or keyword if it comes next; a keyword must end there, and before `:` it is a name. */
  private take(symbol: string, value = false): boolean {
    if (!this.peek(symbol)) return false
    const after = this.text[this.at + symbol.length] ?? ''
    if (/\w$/.test(symbol) && /\w/.test(after)) return false
    if (value && after !== ' ') return false
    this.at += symbol.length
    return true
  }

  private expect(symbol: string): void {
    if (!this.take(symbol)) this.fail(JSON.stringify(symbol))
  }

  /** @param pattern sticky */
  private match(pattern: RegExp, what: string): string {
    this.space()
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) return this.fail(what)
    this.at += found[0].length
    return found[0]
  }

  private fail(expected: string, got: string = this.text.slice(this.at, this.at + 30).split('\n')[0] ?? ''): never {
    const before = this.text.slice(0, this.at).split('\n')
    throw new OnnxError('ONNX_TEXT', 'The text is not a model in text form', {
      expected, got: got === '' ? 'the end of the text' : got, where: `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`,
    })
  }
}
