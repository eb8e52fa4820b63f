// Messages of the iopub channel, collected into the outputs of a notebook cell (nbformat 4).
import type { Content, Message } from './wire'

export interface StreamOutput { output_type: 'stream'; name: 'stdout' | 'stderr'; text: string }
export interface DisplayOutput { output_type: 'display_data'; data: Record<string, unknown>; metadata: Record<string, unknown> }
export interface ResultOutput {
  output_type: 'execute_result'
  data: Record<string, unknown>
  metadata: Record<string, unknown>
  execution_count: number | null
}
export interface ErrorOutput { output_type: 'error'; ename: string; evalue: string; traceback: string[] }

/** One output of a code cell, as nbformat 4 stores it. */
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput

type Rich = DisplayOutput | ResultOutput

/** Displays by their id, over all cells of a kernel, so that a later cell can update an earlier one's output. */
export type DisplayIds = Map<string, Rich[]>

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Collects the outputs of one execution. */
export class OutputCollector {
  readonly outputs: Output[] = []
  private clearNext = false

  constructor(private readonly displays: DisplayIds) {}

  /** Applies one iopub message; answers the output that it added, changed or removed nothing for. */
  add(message: Message): Output | undefined {
    const content: Content = message.content
    switch (message.header.msg_type) {
      case 'stream': return this.stream(content)
      case 'display_data': return this.rich({
        output_type: 'display_data', data: record(content['data']), metadata: record(content['metadata']),
      }, content)
      case 'execute_result': return this.rich({
        output_type: 'execute_result', data: record(content['data']), metadata: record(content['metadata']),
        execution_count: typeof content['execution_count'] === 'number' ? content['execution_count'] : null,
      }, content)
      case 'update_display_data': return this.update(content)
      case 'error': return this.append({
        output_type: 'error', ename: text(content['ename']), evalue: text(content['evalue']),
        traceback: Array.isArray(content['traceback']) ? content['traceback'].map(String) : [],
      })
      case 'clear_output':
        if (content['wait'] === true) this.clearNext = true
        else this.outputs.length = 0
        return undefined
      default: return undefined
    }
  }

  private append<T extends Output>(output: T): T {
    if (this.clearNext) {
      this.outputs.length = 0
      this.clearNext = false
    }
    this.outputs.push(output)
    return output
  }

  private stream(content: Content): Output {
    const name = content['name'] === 'stderr' ? 'stderr' : 'stdout'
    const last = this.clearNext ? undefined : this.outputs.at(-1)
    if (last?.output_type === 'stream' && last.name === name) {
      last.text += text(content['text'])
      return last
    }
    return this.append({ output_type: 'stream', name, text: text(content['text']) })
  }

  private rich(output: Rich, content: Content): Output {
    const id = record(content['transient'])['display_id']
    if (typeof id === 'string') {
      const known = this.displays.get(id)
      if (known) known.push(output)
      else this.displays.set(id, [output])
    }
    return this.append(output)
  }

  private update(content: Content): Output | undefined {
    const known = this.displays.get(text(record(content['transient'])['display_id'])) ?? []
    for (const output of known) {
      output.data = record(content['data'])
      output.metadata = record(content['metadata'])
    }
    return known.at(-1)
  }
}
