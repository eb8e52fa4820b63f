// The kernel as Jupyter sees it: answers requests, keeps the order of cells, and passes on what the worker says.
import { ExecutionQueue } from './abort-window'
import { COMM_INFO, closeComm } from './comm-info'
import { fromUtf16, toUtf16 } from './cursor'
import type { ErrorReply } from './error-reply'
import type { ExecuteRequest, Frame } from './protocol'
import { TSLAB_VERSION, TYPESCRIPT_VERSION } from './seams'
import { Server, type Channel } from './server'
import { StdinQuestions } from './stdin'
import { StreamBuffer } from './stream-buffer'
import { PROTOCOL_VERSION, type ConnectionInfo, type Content, type Message } from './wire'
import { WorkerProcess } from './worker-process'

/** `kernel_info_reply`. JupyterLab highlights by `mimetype` and `codemirror_mode`. */
export const KERNEL_INFO: Content = {
  status: 'ok',
  protocol_version: PROTOCOL_VERSION,
  implementation: 'whetstone',
  implementation_version: TSLAB_VERSION,
  banner: `TypeScript ${TYPESCRIPT_VERSION} (Whetstone, on tslab ${TSLAB_VERSION})`,
  language_info: {
    name: 'typescript', version: TYPESCRIPT_VERSION, mimetype: 'text/typescript', file_extension: '.ts',
    pygments_lexer: 'typescript', nbconvert_exporter: 'script',
    codemirror_mode: { name: 'javascript', mode: 'typescript', typescript: true },
  },
  help_links: [{ text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' }],
}

/** A cell that has had so many interrupts in at least this time cannot be stopped but with its process. */
const STUBBORN = { interrupts: 4, milliseconds: 2_000 }

type Done = Extract<Frame, { type: 'done' }>

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const count = (value: unknown): number => (typeof value === 'number' ? value : 0)

export class Front {
  private readonly server: Server
  private readonly worker: WorkerProcess
  private readonly queue = new ExecutionQueue()
  private readonly stdin: StdinQuestions
  private readonly stream: StreamBuffer
  /** The execution that output belongs to: the running one, or the last. */
  private parent: Message | undefined
  private executions = 0
  private lastId = 0
  private running: { readonly id: number; readonly interrupts: number[]; readonly finish: (done: Done) => void } | undefined
  private readonly questions = new Map<number, (content: Record<string, unknown>) => void>()
  private leaving = false

  constructor(connection: ConnectionInfo) {
    this.worker = new WorkerProcess({
      text: (name, content) => this.stream.write(name, content),
      frame: (frame) => this.frame(frame),
      died: (how, started) => this.workerDied(how, started),
    })
    this.server = new Server(connection, (channel, message) => this.message(channel, message))
    this.stream = new StreamBuffer((name, content) => this.server.publish('stream', { name, text: content }, this.parent))
    this.stdin = new StdinQuestions(
      (to, content) => {
        this.stream.flush()
        this.server.reply('stdin', to, 'input_request', content)
      },
      (id, value) => this.worker.ask({ type: 'input', id, value }))
  }

  start(): Promise<void> {
    return this.server.start()
  }

  /** Interrupts the running cell, if there is one. */
  interrupt(): void {
    const { running } = this
    if (!running) return
    running.interrupts.push(Date.now())
    const since = Date.now() - (running.interrupts[0] ?? 0)
    if (running.interrupts.length >= STUBBORN.interrupts && since >= STUBBORN.milliseconds) {
      this.worker.abandon(`it did not react to ${running.interrupts.length} interrupts`)
    } else this.worker.interrupt(running.id)
  }

  /** Ends the kernel. */
  async stop(): Promise<void> {
    if (this.leaving) return
    this.leaving = true
    this.worker.stop()
    this.stream.flush()
    await this.server.close()
    process.exit(0)
  }

  /** Ends the worker at once: this process is about to end. */
  kill(): void {
    this.worker.stop()
  }

  private message(channel: Channel, message: Message): void {
    if (channel === 'stdin') {
      if (message.header.msg_type === 'input_reply') this.stdin.answer(message.content['value'])
      return
    }
    if (message.header.msg_type === 'execute_request') {
      this.enqueue(channel, message)
      return
    }
    this.server.publish('status', { execution_state: 'busy' }, message)
    void this.answer(channel, message).finally(() => {
      this.server.publish('status', { execution_state: 'idle' }, message)
      if (message.header.msg_type === 'shutdown_request') void this.stop()
    })
  }

  private async answer(channel: Channel, message: Message): Promise<void> {
    const { content } = message
    const type = message.header.msg_type
    const reply = (replyType: string, replyContent: Content): void => this.server.reply(channel, message, replyType, replyContent)
    switch (type) {
      case 'kernel_info_request': reply('kernel_info_reply', KERNEL_INFO); return
      case 'comm_info_request': reply(COMM_INFO.type, COMM_INFO.content); return
      case 'comm_open': {
        const close = closeComm(content)
        this.server.publish(close.type, close.content, message)
        return
      }
      case 'history_request': reply('history_reply', { status: 'ok', history: [] }); return
      case 'interrupt_request': this.interrupt(); reply('interrupt_reply', { status: 'ok' }); return
      case 'shutdown_request': reply('shutdown_reply', { status: 'ok', restart: content['restart'] === true }); return
      case 'complete_request': {
        const code = text(content['code'])
        const cursor = count(content['cursor_pos'])
        const found = await this.ask((id) => ({ type: 'complete', id, code, cursor: toUtf16(code, cursor) }))
        reply('complete_reply', {
          status: 'ok', matches: found['matches'] ?? [], metadata: {},
          cursor_start: 'start' in found ? fromUtf16(code, count(found['start'])) : cursor,
          cursor_end: 'end' in found ? fromUtf16(code, count(found['end'])) : cursor,
        })
        return
      }
      case 'inspect_request': {
        const code = text(content['code'])
        const found = await this.ask((id) => ({ type: 'inspect', id, code, cursor: toUtf16(code, count(content['cursor_pos'])) }))
        const description = found['text']
        reply('inspect_reply', {
          status: 'ok', found: description !== undefined, metadata: {},
          data: description === undefined ? {} : { 'text/plain': description },
        })
        return
      }
      case 'is_complete_request': {
        const found = await this.ask((id) => ({ type: 'isComplete', id, code: text(content['code']) }))
        reply('is_complete_reply', found['completed'] === false
          ? { status: 'incomplete', indent: found['indent'] ?? '' } : { status: 'complete' })
        return
      }
      default:
        // comm_msg, comm_close, debug_request and what the future brings: known not to be answered.
    }
  }

  private ask(request: (id: number) => Parameters<WorkerProcess['ask']>[0]): Promise<Record<string, unknown>> {
    const id = ++this.lastId
    return new Promise((resolve) => {
      this.questions.set(id, resolve)
      this.worker.ask(request(id))
    })
  }

  private enqueue(channel: Channel, message: Message): void {
    const finish = (content: Content): void => {
      this.server.reply(channel, message, 'execute_reply', content)
      this.server.publish('status', { execution_state: 'idle' }, message)
    }
    this.queue.push({
      run: async () => {
        this.server.publish('status', { execution_state: 'busy' }, message)
        const content = await this.execute(message)
        finish(content)
        return content['status'] === 'ok' || message.content['stop_on_error'] === false
      },
      abort: () => {
        this.server.publish('status', { execution_state: 'busy' }, message)
        finish({ status: 'aborted', execution_count: this.executions })
      },
    })
  }

  private async execute(message: Message): Promise<Content> {
    const { content } = message
    const silent = content['silent'] === true
    if (!silent && content['store_history'] !== false) this.executions++
    const number = this.executions
    this.stream.flush()
    this.parent = message
    const code = text(content['code'])
    if (!silent) this.server.publish('execute_input', { code, execution_count: number }, message)
    const cellId = message.metadata['cellId']
    const expressions = content['user_expressions']
    const request: ExecuteRequest = {
      type: 'execute', id: ++this.lastId, code, count: number, silent,
      allowStdin: content['allow_stdin'] === true,
      userExpressions: (typeof expressions === 'object' ? expressions ?? {} : {}) as Record<string, string>,
      ...(typeof cellId === 'string' ? { cellId } : {}),
    }
    const done = await new Promise<Done>((finish) => {
      this.running = { id: request.id, interrupts: [], finish }
      this.worker.ask(request)
    })
    this.running = undefined
    this.stdin.reset()
    this.stream.flush()
    if (done.error) {
      if (!silent) this.server.publish('error', { ...done.error }, message)
      return { status: 'error', execution_count: number, ...done.error, payload: [], user_expressions: {} }
    }
    if (done.result && !silent) this.server.publish('execute_result', { ...done.result, execution_count: number }, message)
    return { status: 'ok', execution_count: number, payload: [], user_expressions: done.userExpressions }
  }

  private frame(frame: Frame): void {
    switch (frame.type) {
      case 'ready': return
      case 'stderr': this.stream.write('stderr', frame.text); return
      case 'display':
        this.stream.flush()
        this.server.publish(frame.update ? 'update_display_data' : 'display_data',
          { ...frame.bundle, transient: frame.id === undefined ? {} : { display_id: frame.id } }, this.parent)
        return
      case 'clear':
        this.stream.flush()
        this.server.publish('clear_output', { wait: frame.wait }, this.parent)
        return
      case 'input':
        if (this.parent) this.stdin.ask(frame.id, this.parent, frame.prompt, frame.password)
        return
      case 'done':
        if (this.running?.id === frame.id) this.running.finish(frame)
        return
      case 'answer': {
        const resolve = this.questions.get(frame.id)
        this.questions.delete(frame.id)
        resolve?.(frame.content)
      }
    }
  }

  /** The worker is gone: the cell fails, its variables are lost, and a fresh worker takes the next cell. */
  private workerDied(how: string, started: boolean): void {
    if (this.leaving) return
    if (!started) {
      this.stream.flush()
      process.stderr.write(`The kernel's worker did not start (${how}).\n`)
      process.exit(1)
    }
    this.worker.restart()
    for (const [id, resolve] of this.questions) {
      this.questions.delete(id)
      resolve({})
    }
    const error: ErrorReply = {
      ename: 'KernelDied', evalue: `The process that runs the cells ended (${how}). A fresh one was started: variables are gone.`,
      traceback: [`The process that runs the cells ended (${how}).`, 'A fresh one was started. Variables are gone: run the cells again from the top.'],
    }
    const { running } = this
    if (running) running.finish({ type: 'done', id: running.id, error, userExpressions: {} })
    else this.stream.write('stderr', error.traceback.join('\n') + '\n')
  }
}
