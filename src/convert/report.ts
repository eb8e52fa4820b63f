// What a conversion did: the report that comes with every converted model, as text, as a table in a notebook, and as JSON.
import { displaySymbol, type Displayable, type MimeBundle } from '../core'
import { formatCount, type Model } from '../onnx'
import type { OutputError } from './verify'

/** One operator of the source: how often it occurred, and what it became. */
export interface MappedOperator {
  readonly operator: string
  readonly count: number
  /** ONNX operators that it became, with how many of each. */
  readonly onnx: Readonly<Record<string, number>>
}

/** What the optimization room's `simplify`, when given, changed. */
export interface SimplifiedSummary {
  readonly before: number
  readonly after: number
  /** Changes by pass. */
  readonly changes: Readonly<Record<string, number>>
}

/** What a converter says besides the model. */
export interface ConversionFacts {
  /** `PyTorch torch.export archive`, `Keras .keras`, … */
  readonly format: string
  /** Version of the format and of the framework that wrote it, as far as the file says. */
  readonly version: string
  readonly operators: readonly MappedOperator[]
  /** Named axes: symbol → its range. */
  readonly symbols: Readonly<Record<string, { readonly min: number | null; readonly max: number | null }>>
  /** What a reader should know, in words: buffers that are no longer updated, and the like. */
  readonly notes: readonly string[]
}

export interface ConversionReportParts extends ConversionFacts {
  readonly source: string
  readonly opset: number
  readonly nodes: number
  /** Elements of the initializers that hold floating-point numbers. */
  readonly parameters: number
  readonly milliseconds: number
  readonly simplified: SimplifiedSummary | undefined
  /** Undefined when no samples and no way to run the model were given. */
  readonly errors: readonly OutputError[] | undefined
}

/** Elements of the floating-point initializers of a model's main graph. */
export function countParameters(model: Model): number {
  let count = 0
  for (const tensor of model.graph.initializers.values()) if (/float/.test(tensor.dtype)) count += tensor.size
  return count
}

/** What was converted, how, and how far the result is from its source. Shows itself as a table. */
export class ConversionReport implements Displayable {
  constructor(readonly parts: ConversionReportParts) {}

  get operators(): readonly MappedOperator[] {
    return this.parts.operators
  }

  get simplified(): SimplifiedSummary | undefined {
    return this.parts.simplified
  }

  get parameters(): number {
    return this.parts.parameters
  }

  get opset(): number {
    return this.parts.opset
  }

  get errors(): readonly OutputError[] | undefined {
    return this.parts.errors
  }

  get notes(): readonly string[] {
    return this.parts.notes
  }

  /** One sentence on the comparison with the source. */
  get verdict(): string {
    const { errors } = this.parts
    if (errors === undefined) return 'not verified: no sample inputs and outputs were given'
    const worst = errors.reduce((most, { relative }) => Math.max(most, relative), 0)
    return `verified: ${errors.length} output${errors.length === 1 ? '' : 's'}, largest relative error ${worst === 0 ? '0' : worst.toExponential(1)}`
  }

  private head(): string[] {
    const { format, version, source, opset, nodes, parameters, milliseconds, simplified, symbols, notes } = this.parts
    const axes = Object.entries(symbols).map(([name, { min, max }]) => `${name} ∈ [${min ?? 0}, ${max ?? '∞'}]`)
    const passes = Object.entries(simplified?.changes ?? {}).map(([pass, count]) => `${pass} ${count}`)
    return [
      `${source}: ${format}, ${version}`,
      `${nodes} nodes, opset ${opset}, ${formatCount(parameters)} parameters, converted in ${milliseconds.toFixed(0)} ms`,
      ...(axes.length === 0 ? [] : [`dynamic axes: ${axes.join(', ')}`]),
      ...(simplified === undefined ? [] : [`simplified: ${simplified.before} → ${simplified.after} nodes${passes.length === 0 ? '' : ` (${passes.join(', ')})`}`]),
      this.verdict,
      ...(this.parts.errors ?? []).map((error) =>
        `  ${error.output}: largest ${error.largest.toExponential(1)}, relative ${error.relative.toExponential(1)}`),
      ...notes.map((note) => `note: ${note}`),
    ]
  }

  private rows(): string[][] {
    return this.parts.operators.map(({ operator, count, onnx }) => [
      operator, String(count), Object.entries(onnx).map(([name, times]) => (times === 1 ? name : `${times} ${name}`)).join(', ') || '–',
    ])
  }

  toString(): string {
    const rows = [['operator', 'uses', 'became'], ...this.rows()]
    const width = Math.max(...rows.map(([name]) => name?.length ?? 0))
    return [...this.head(), ...rows.map(([name, count, became]) => `${(name ?? '').padEnd(width)}  ${(count ?? '').padStart(5)}  ${became ?? ''}`)].join('\n')
  }

  /** Plain data, for programs. */
  toJSON(): ConversionReportParts {
    return this.parts
  }

  [displaySymbol](): MimeBundle {
    const cells = (row: readonly string[]): string => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
    return {
      'text/plain': this.toString(),
      'text/html': `<p>${this.head().map(escape).join('<br>')}</p><table><thead><tr><th>operator</th><th>uses</th><th>became</th></tr></thead>`
        + `<tbody>${this.rows().map(cells).join('')}</tbody></table>`,
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character)
}
