// What was done to a model, as a table in a notebook and as text in a terminal.
import { displaySymbol, type Displayable, type MimeBundle } from '../core'
import type { Graph, Model } from '../onnx'
import { constantOf, isConstantNode } from './constants'
import type { Change } from './pass'
import type { Difference } from './verify'

/** A method named by a symbol cannot be declared in an exported class (isolatedDeclarations), so it is inherited. */
export const Shown: new (bundle: () => MimeBundle) => Displayable = class implements Displayable {
  readonly #bundle: () => MimeBundle

  constructor(bundle: () => MimeBundle) {
    this.#bundle = bundle
  }

  [displaySymbol](): MimeBundle {
    return this.#bundle()
  }
}

/** How often each operator occurs, graphs inside nodes included. */
export function countOperators(model: Model): Map<string, number> {
  const counts = new Map<string, number>()
  for (const node of model.graph.allNodes()) {
    const name = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Bytes of the initializers and of the tensors of Constant nodes, graphs inside nodes included. */
export function weightBytes(model: Model): number {
  const of = (graph: Graph): number => [...graph.initializers.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0)
  let total = of(model.graph)
  for (const node of model.graph.allNodes()) {
    for (const graph of node.subgraphs) total += of(graph)
    if (isConstantNode(node)) total += constantOf(node.outputs[0])?.byteLength ?? 0
  }
  return total
}

/** A model's size in nodes and bytes at one moment. */
export interface Size {
  readonly nodes: number
  readonly bytes: number
  readonly operators: ReadonlyMap<string, number>
}

export function sizeOf(model: Model): Size {
  const operators = countOperators(model)
  return { operators, nodes: [...operators.values()].reduce((sum, count) => sum + count, 0), bytes: weightBytes(model) }
}

/** What `simplify` did. Shows itself as a table of operators before and after, and what each pass changed. */
export class SimplifyReport extends Shown {
  constructor(
    readonly before: Size,
    readonly after: Size,
    readonly changes: readonly Change[],
    /** How often the passes were applied, one after the other, until nothing changed. */
    readonly rounds: number,
    /** False when passes still changed the model in the last round that was allowed. */
    readonly converged: boolean,
    /** How far each output is from the source's; undefined when there was no run function to ask. */
    readonly differences: readonly Difference[] | undefined,
  ) {
    super(() => ({ 'text/plain': this.toString(), 'text/html': this.html() }))
  }

  /** Number of changes by pass, in the order in which the passes first changed something. */
  get changesByPass(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { pass } of this.changes) counts.set(pass, (counts.get(pass) ?? 0) + 1)
    return counts
  }

  /** One sentence on the proof. */
  get verdict(): string {
    if (this.differences === undefined) return 'not verified: no run function was given'
    const largest = this.differences.reduce((most, one) => Math.max(most, one.largest), 0)
    return largest === 0 ? 'verified: outputs are equal' : `verified: outputs differ by at most ${largest.toPrecision(2)}`
  }

  private summary(): string {
    const rounds = `${this.rounds} round${this.rounds === 1 ? '' : 's'}${this.converged ? '' : ', not finished'}`
    return `${this.before.nodes} → ${this.after.nodes} nodes, ${this.before.bytes} → ${this.after.bytes} bytes of weights, ${rounds}; ${this.verdict}`
  }

  private rows(): { operator: string; before: number; after: number }[] {
    const names = [...new Set([...this.before.operators.keys(), ...this.after.operators.keys()])].sort()
    return names.map((operator) => ({ operator, before: this.before.operators.get(operator) ?? 0, after: this.after.operators.get(operator) ?? 0 }))
  }

  override toString(): string {
    const rows = this.rows()
    const width = Math.max(8, ...rows.map(({ operator }) => operator.length))
    const lines = [this.summary(), `${'operator'.padEnd(width)}  before   after`]
    for (const { operator, before, after } of rows) lines.push(`${operator.padEnd(width)}  ${String(before).padStart(6)}  ${String(after).padStart(6)}`)
    for (const [pass, count] of this.changesByPass) lines.push(`${pass}: ${count} change${count === 1 ? '' : 's'}`)
    return lines.join('\n')
  }

  private html(): string {
    const cell = (text: string | number): string => `<td>${escape(String(text))}</td>`
    const operators = this.rows().map(({ operator, before, after }) =>
      `<tr>${cell(operator)}${cell(before)}<td>${before === after ? after : `<b>${after}</b>`}</td></tr>`)
    const passes = [...this.changesByPass].map(([pass, count]) => {
      const mine = this.changes.filter((change) => change.pass === pass)
      const shown = mine.slice(0, MOST_SHOWN).map(({ what, at }) => `<li>${escape(what)} <small>at ${escape(at)}</small></li>`)
      const more = mine.length > MOST_SHOWN ? `<li>… ${mine.length - MOST_SHOWN} more</li>` : ''
      return `<details><summary>${escape(pass)}: ${count}</summary><ul>${shown.join('')}${more}</ul></details>`
    })
    return `<p>${escape(this.summary())}</p><table><thead><tr><th>operator</th><th>before</th><th>after</th></tr></thead>`
      + `<tbody>${operators.join('')}</tbody></table>${passes.join('')}`
  }
}

/** Changes listed for a pass; the rest is counted. */
const MOST_SHOWN = 50

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character)
}
