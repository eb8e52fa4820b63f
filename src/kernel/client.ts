// A small Jupyter client: starts a kernel from a kernelspec's command and talks to it. Tests, `notebooks run` and the
// bench use it; it starts our kernel, plain tslab and ipykernel alike. Every wait has an end.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as zmq from 'zeromq'
import { KernelError } from './errors'
import { OutputCollector, type DisplayIds, type Output } from './outputs'
import { SendQueue } from './send-queue'
import { decode, encode, newHeader, type ConnectionInfo, type Content, type Message } from './wire'

export interface KernelLaunch {
  /** The kernelspec's command; `{connection_file}` is filled in. */
  readonly argv: readonly string[]
  /** The notebook's folder; the caller's working directory when absent. */
  readonly cwd?: string
  /** Added to the caller's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The kernelspec's `interrupt_mode`. Default: `message`. */
  readonly interruptMode?: 'message' | 'signal'
  /** Milliseconds to the first answer. Default: 60,000. */
  readonly startTimeout?: number
}

export interface ExecuteOptions {
  /** Milliseconds; default 300,000. After it the promise rejects with `KERNEL_TIMEOUT`; the kernel is left as it is. */
  readonly timeout?: number
  /** Called for each output as it arrives or grows. */
  readonly onOutput?: (output: Output, message: Message) => void
  /** Called for every iopub message of this request, `status` included. */
  readonly onMessage?: (message: Message) => void
  /** Whether the code may ask for input. Default: true when `answer` is given. */
  readonly allowStdin?: boolean
  readonly answer?: (prompt: string, password: boolean) => string | Promise<string>
  readonly silent?: boolean
  readonly storeHistory?: boolean
  /** Whether queued executions are dropped when this one fails. Default: true, as in Jupyter. */
  readonly stopOnError?: boolean
  readonly userExpressions?: Readonly<Record<string, string>>
  /** The cell's id, sent as JupyterLab does. */
  readonly cellId?: string
}

export interface Execution {
  readonly status: 'ok' | 'error' | 'aborted'
  /** nbformat 4 outputs, in order, consecutive stream text joined. */
  readonly outputs: Output[]
  readonly executionCount: number | null
  /** The content of `execute_reply`. */
  readonly reply: Content
  /** Every iopub message of this request. */
  readonly messages: readonly Message[]
}

type Channel = 'shell' | 'control'

interface Pending {
  readonly onIopub: (message: Message) => void
  readonly onReply: (message: Message) => void
  readonly onInput: ((message: Message) => void) | undefined
  readonly fail: (error: KernelError) => void
}

/** Five free ports of the loopback interface. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>(
    (resolve, reject) => {
      const server = createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server))
    })))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/**
 * Starts a kernel and waits until it answers and its outputs reach us.
 *
 * @throws KernelError `KERNEL_START` when the process ends or does not answer in time; the message ends with what the
 * process wrote
 */
export async function startKernel(launch: KernelLaunch): Promise<Kernel> {
  const folder = await mkdtemp(path.join(tmpdir(), 'whetstone-kernel-'))
  const [shell, iopub, stdin, control, hb] = await freePorts(5)
  const info: ConnectionInfo = {
    transport: 'tcp', ip: '127.0.0.1', signature_scheme: 'hmac-sha256', key: randomUUID(), kernel_name: 'whetstone',
    shell_port: shell ?? 0, iopub_port: iopub ?? 0, stdin_port: stdin ?? 0, control_port: control ?? 0, hb_port: hb ?? 0,
  }
  const file = path.join(folder, 'connection.json')
  await writeFile(file, JSON.stringify(info), { mode: 0o600 })
  const [command, ...args] = launch.argv.map((part) => part.replaceAll('{connection_file}', file))
  const child = spawn(command ?? '', args, {
    cwd: launch.cwd, env: { ...process.env, ...launch.env }, stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group, as Jupyter does it: an interrupt of ours must not reach it by the terminal.
    detached: process.platform !== 'win32',
  })
  const kernel = new Kernel(child, info, folder, launch.interruptMode ?? 'message')
  try {
    await kernel.ready(launch.startTimeout ?? 60_000)
  } catch (error) {
    await kernel.kill()
    throw error
  }
  return kernel
}

/** A running kernel. */
export class Kernel {
  /** `kernel_info_reply`, once ready. */
  info: Content = {}
  /** Resolves when the process has ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  private readonly session = randomUUID()
  private readonly sockets: { shell: zmq.Dealer; control: zmq.Dealer; stdin: zmq.Dealer; iopub: zmq.Subscriber }
  private readonly queues: Record<Channel | 'stdin', SendQueue>
  private readonly pending = new Map<string, Pending>()
  private readonly displays: DisplayIds = new Map()
  private dead: KernelError | undefined
  private tail = ''

  /** Use `startKernel`. */
  constructor(
    private readonly child: ChildProcess,
    private readonly connection: ConnectionInfo,
    private readonly folder: string,
    private readonly interruptMode: 'message' | 'signal',
  ) {
    // The kernel answers stdin requests to the identity of the shell request: both sockets carry the same one.
    const options = { routingId: this.session, linger: 0, reconnectInterval: 20, sendHighWaterMark: 0, receiveHighWaterMark: 0 }
    this.sockets = {
      shell: new zmq.Dealer(options), control: new zmq.Dealer(options), stdin: new zmq.Dealer(options),
      iopub: new zmq.Subscriber({ linger: 0, reconnectInterval: 20, receiveHighWaterMark: 0 }),
    }
    const { shell, control, stdin, iopub } = this.sockets
    const fail = (error: unknown): void => this.die(new KernelError('KERNEL_DIED', `A message could not be sent: ${String(error)}`))
    this.queues = { shell: new SendQueue(shell, fail), control: new SendQueue(control, fail), stdin: new SendQueue(stdin, fail) }
    for (const [socket, port] of [
      [shell, connection.shell_port], [control, connection.control_port],
      [stdin, connection.stdin_port], [iopub, connection.iopub_port],
    ] as const) socket.connect(`${connection.transport}://${connection.ip}:${port}`)
    iopub.subscribe()
    void this.listen(shell, (message, pending) => pending.onReply(message))
    void this.listen(control, (message, pending) => pending.onReply(message))
    void this.listen(stdin, (message, pending) => pending.onInput?.(message))
    void this.listen(iopub, (message, pending) => pending.onIopub(message))

    const keep = (chunk: Buffer): void => { this.tail = (this.tail + chunk.toString('utf8')).slice(-8_000) }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.die(new KernelError('KERNEL_START', `The kernel's command could not be started: ${error.message}`, undefined, error))
        resolve({ code: null, signal: null })
      })
      child.once('exit', (code, signal) => {
        const how = signal ?? `code ${code ?? 'unknown'}`
        this.die(new KernelError('KERNEL_DIED', `The kernel's process ended (${how})${this.tail ? `:\n${this.tail.trimEnd()}` : ''}`))
        resolve({ code, signal })
      })
    })
  }

  /** The kernel's process. */
  get pid(): number | undefined {
    return this.child.pid
  }

  /** What the process itself wrote, past the protocol: its last 8,000 characters. */
  get processOutput(): string {
    return this.tail
  }

  /** Waits for the first answer. `startKernel` has called it. */
  async ready(timeout: number): Promise<void> {
    const end = Date.now() + timeout
    // The first messages may come before our subscription has reached the kernel, so ask until one is heard.
    for (let wait = 500; ; wait = Math.min(wait * 2, 5_000)) {
      const seen: Message[] = []
      const heard = (): boolean => seen.length > 0
      try {
        const reply = await this.request('shell', 'kernel_info_request', {}, {
          timeout: Math.max(1, Math.min(end - Date.now(), 20_000)), untilIdle: wait, onIopub: (message) => seen.push(message),
        })
        this.info = reply
        if (heard()) return
      } catch (error) {
        if (this.dead) throw new KernelError('KERNEL_START', `The kernel did not start. ${this.dead.message}`, undefined, error)
      }
      if (Date.now() >= end) {
        throw new KernelError('KERNEL_START',
          `The kernel did not answer within ${timeout} ms${this.tail ? `; it wrote:\n${this.tail.trimEnd()}` : ''}`)
      }
    }
  }

  /**
   * Sends a request and answers the content of its reply.
   *
   * @throws KernelError `KERNEL_TIMEOUT`, `KERNEL_DIED`
   */
  request(channel: Channel, type: string, content: Content, options: {
    readonly timeout?: number
    /** Also wait for `idle` on iopub: true, or for at most this many milliseconds after the reply. */
    readonly untilIdle?: boolean | number
    readonly onIopub?: (message: Message) => void
    readonly onInput?: (message: Message) => void
    readonly metadata?: Content
  } = {}): Promise<Content> {
    if (this.dead) return Promise.reject(this.dead)
    const header = newHeader(type, this.session)
    const timeout = options.timeout ?? 30_000
    return new Promise((resolve, reject) => {
      let reply: Content | undefined
      let idle = options.untilIdle === undefined || options.untilIdle === false
      let idleTimer: NodeJS.Timeout | undefined
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        clearTimeout(idleTimer)
        this.pending.delete(header.msg_id)
        settle()
      }
      const check = (): void => {
        const done = reply
        if (done !== undefined && idle) finish(() => resolve(done))
      }
      const timer = setTimeout(() => finish(() => reject(new KernelError('KERNEL_TIMEOUT',
        `No ${reply ? 'idle status' : 'reply'} to ${type} within ${timeout} ms`))), timeout)
      this.pending.set(header.msg_id, {
        onIopub: (message) => {
          options.onIopub?.(message)
          if (message.header.msg_type === 'status' && message.content['execution_state'] === 'idle') idle = true
          check()
        },
        onReply: (message) => {
          const wanted = type.replace(/_request$/, '_reply')
          if (message.header.msg_type !== wanted) {
            finish(() => reject(new KernelError('KERNEL_PROTOCOL', `${type} was answered by ${message.header.msg_type} instead of ${wanted}`)))
            return
          }
          reply = message.content
          if (typeof options.untilIdle === 'number') {
            idleTimer = setTimeout(() => { idle = true; check() }, options.untilIdle)
          }
          check()
        },
        onInput: options.onInput,
        fail: (error) => finish(() => reject(error)),
      })
      this.queues[channel].push(encode(
        { identities: [], header, parent: {}, metadata: options.metadata ?? {}, content }, this.connection.key))
    })
  }

  /** Runs code as a cell and collects its outputs. A cell that fails resolves, with `status: 'error'`. */
  async execute(code: string, options: ExecuteOptions = {}): Promise<Execution> {
    const collector = new OutputCollector(this.displays)
    const messages: Message[] = []
    const reply = await this.request('shell', 'execute_request', {
      code, silent: options.silent ?? false, store_history: options.storeHistory ?? !(options.silent ?? false),
      user_expressions: options.userExpressions ?? {},
      allow_stdin: options.allowStdin ?? options.answer !== undefined, stop_on_error: options.stopOnError ?? true,
    }, {
      timeout: options.timeout ?? 300_000, untilIdle: true,
      metadata: options.cellId === undefined ? {} : { cellId: options.cellId },
      onIopub: (message) => {
        messages.push(message)
        options.onMessage?.(message)
        const output = collector.add(message)
        if (output) options.onOutput?.(output, message)
      },
      onInput: (message) => void this.answer(message, options.answer),
    })
    const status = reply['status'] === 'ok' ? 'ok' : reply['status'] === 'error' ? 'error' : 'aborted'
    const count = reply['execution_count']
    return { status, outputs: collector.outputs, executionCount: typeof count === 'number' ? count : null, reply, messages }
  }

  private async answer(message: Message, answer: ExecuteOptions['answer']): Promise<void> {
    const { prompt } = message.content
    const value = answer ? await answer(typeof prompt === 'string' ? prompt : '', message.content['password'] === true) : ''
    this.queues.stdin.push(encode({
      identities: [], header: newHeader('input_reply', this.session), parent: message.header, metadata: {}, content: { value },
    }, this.connection.key))
  }

  /** @param cursor a position in `code`, in Unicode characters; default the end */
  complete(code: string, cursor: number = Array.from(code).length, timeout?: number): Promise<Content> {
    return this.request('shell', 'complete_request', { code, cursor_pos: cursor }, timeout === undefined ? {} : { timeout })
  }

  /** @param cursor a position in `code`, in Unicode characters */
  inspect(code: string, cursor: number, detail: 0 | 1 = 0): Promise<Content> {
    return this.request('shell', 'inspect_request', { code, cursor_pos: cursor, detail_level: detail })
  }

  isComplete(code: string): Promise<Content> {
    return this.request('shell', 'is_complete_request', { code })
  }

  kernelInfo(): Promise<Content> {
    return this.request('shell', 'kernel_info_request', {})
  }

  commInfo(): Promise<Content> {
    return this.request('shell', 'comm_info_request', {})
  }

  /** Interrupts the running cell, in the kernelspec's way. */
  async interrupt(): Promise<void> {
    if (this.interruptMode === 'message') await this.request('control', 'interrupt_request', {}, { timeout: 10_000 })
    else this.signal('SIGINT')
  }

  /** Sends a signal to the kernel and its children, as Jupyter does. */
  signal(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) return
    try {
      if (process.platform === 'win32') this.child.kill(signal)
      else process.kill(-this.child.pid, signal)
    } catch {
      // it has ended: nothing to signal
    }
  }

  /** Asks the kernel to end; ends it by force after `timeout` milliseconds. */
  async shutdown(timeout = 5_000): Promise<void> {
    if (!this.dead) {
      await this.request('control', 'shutdown_request', { restart: false }, { timeout }).catch(() => undefined)
      await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, timeout).unref())])
    }
    await this.kill()
  }

  /** Ends the kernel and its children at once. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
    for (const socket of Object.values(this.sockets)) if (!socket.closed) socket.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  private die(error: KernelError): void {
    this.dead ??= error
    for (const pending of [...this.pending.values()]) pending.fail(this.dead)
  }

  private async listen(socket: zmq.Dealer | zmq.Subscriber, deliver: (message: Message, pending: Pending) => void): Promise<void> {
    try {
      for await (const frames of socket as AsyncIterable<Buffer[]>) {
        // iopub carries a topic before the delimiter; decode keeps it with the identities.
        const message = decode(frames, this.connection.key)
        const pending = this.pending.get(message.parent.msg_id ?? '')
        if (pending) deliver(message, pending)
      }
    } catch (error) {
      if (!socket.closed) this.die(new KernelError('KERNEL_DIED', `The connection to the kernel broke: ${String(error)}`, undefined, error))
    }
  }
}
