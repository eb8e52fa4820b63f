// The table of operators of one framework: how each becomes ONNX. One mechanism for all frameworks; built-in entries and
// those that a user registers are the same thing.
import { ConvertError, MissingOperatorsError, type MissingOperator } from './errors'

/** How one operator of another framework becomes ONNX. `C` is what the framework's converter knows of a node. */
export interface Lowering<C> {
  /** The ONNX operators it is made of, for the documentation; none where it vanishes. */
  readonly makes: readonly string[]
  /** What is not carried over, in words; shown in the documentation. */
  readonly limits?: string
  /** Adds nodes to the graph, and gives the operator's outputs their values. */
  readonly lower: (context: C) => void
}

/** Lowerings by the framework's name of the operator. */
export class OperatorTable<C> {
  private readonly custom = new Map<string, Lowering<C>>()

  constructor(
    /** As messages call it: `PyTorch`, `TensorFlow`. */
    readonly framework: string,
    private readonly builtin: ReadonlyMap<string, Lowering<C>>,
    /** What to do instead of an operator, by its name: for the report of missing operators. */
    private readonly advice: (operator: string) => string,
    /** A lowering made from another one: of another overload, or of the form that writes in place. */
    private readonly derive: (operator: string, get: (name: string) => Lowering<C> | undefined) => Lowering<C> | undefined = () => undefined,
  ) {}

  /** The lowering of an operator; a registered one comes before a built-in one. */
  get(operator: string): Lowering<C> | undefined {
    const exact = (name: string): Lowering<C> | undefined => this.custom.get(name) ?? this.builtin.get(name)
    return exact(operator) ?? this.derive(operator, exact)
  }

  /** Names of the built-in operators, sorted. */
  get names(): string[] {
    return [...this.builtin.keys()].sort()
  }

  /**
   * Adds a lowering, or replaces one: for operators of your own, and to map a known one otherwise.
   *
   * @returns a function that takes it back
   * @throws ConvertError `CONVERT_OPTION` when the name is empty
   */
  registerLowering(operator: string, lowering: Lowering<C> | Lowering<C>['lower']): () => void {
    if (operator === '') throw new ConvertError('CONVERT_OPTION', 'A lowering needs the name of its operator', { expected: `a ${this.framework} operator` })
    const made = typeof lowering === 'function' ? { makes: [], lower: lowering } : lowering
    this.custom.set(operator, made)
    return () => {
      if (this.custom.get(operator) === made) this.custom.delete(operator)
    }
  }

  /**
   * Throws when any of the uses has no lowering, naming every such operator with all its places.
   *
   * @throws MissingOperatorsError
   */
  requireAll(uses: Iterable<{ readonly operator: string; readonly place: string }>): void {
    const missing = new Map<string, Set<string>>()
    for (const { operator, place } of uses) {
      if (this.get(operator) !== undefined) continue
      const places = missing.get(operator) ?? new Set()
      missing.set(operator, places.add(place))
    }
    if (missing.size === 0) return
    throw new MissingOperatorsError(this.framework, [...missing].map(([operator, places]): MissingOperator =>
      ({ operator, places: [...places], instead: this.advice(operator) })))
  }

  /** The table as Markdown, one row for each group of operators with the same base name. */
  page(): string {
    const cell = (text: string): string => text.replaceAll('|', '\\|')
    const rows = this.names.map((name) => {
      const { makes, limits } = this.builtin.get(name) ?? { makes: [] }
      return `| \`${name}\` | ${makes.length === 0 ? '–' : cell(makes.join(', '))} | ${cell(limits ?? '')} |`
    })
    return [`| ${this.framework} | ONNX | not carried over |`, '| --- | --- | --- |', ...rows, ''].join('\n')
  }
}
