// The sockets of the front: receives Jupyter's messages, publishes, replies. What a request means is in front.ts.
import * as zmq from 'zeromq'
import { SendQueue } from './send-queue'
import { decode, encode, newHeader, type ConnectionInfo, type Content, type Message } from './wire'

export type Channel = 'shell' | 'control' | 'stdin'

/** Jupyter's five sockets, bound. */
export class Server {
  private readonly routers: Record<Channel, zmq.Router>
  private readonly publisher: zmq.Publisher
  private readonly heart: zmq.Reply
  private readonly queues: Record<Channel | 'iopub', SendQueue>
  private session = ''

  constructor(private readonly connection: ConnectionInfo, private readonly onMessage: (channel: Channel, message: Message) => void) {
    const unlimited = { linger: 1_000, sendHighWaterMark: 0 }
    const router = (): zmq.Router => new zmq.Router({ ...unlimited, receiveHighWaterMark: 0, handover: true })
    this.routers = { shell: router(), control: router(), stdin: router() }
    // Fault 1: with the default mark of 1,000 messages, output beyond it is dropped, `idle` included.
    this.publisher = new zmq.Publisher(unlimited)
    this.heart = new zmq.Reply({ linger: 0 })
    const failed = (error: unknown): void => { process.stderr.write(`A message could not be sent: ${String(error)}\n`) }
    const { shell, control, stdin } = this.routers
    this.queues = {
      shell: new SendQueue(shell, failed), control: new SendQueue(control, failed),
      stdin: new SendQueue(stdin, failed), iopub: new SendQueue(this.publisher, failed),
    }
  }

  /** Binds the sockets and listens. */
  async start(): Promise<void> {
    const { connection } = this
    const address = (port: number): string =>
      connection.transport === 'ipc' ? `ipc://${connection.ip}-${port}` : `${connection.transport}://${connection.ip}:${port}`
    await Promise.all([
      this.publisher.bind(address(connection.iopub_port)), this.routers.shell.bind(address(connection.shell_port)),
      this.routers.control.bind(address(connection.control_port)), this.routers.stdin.bind(address(connection.stdin_port)),
      this.heart.bind(address(connection.hb_port)),
    ])
    for (const channel of ['shell', 'control', 'stdin'] as const) void this.listen(channel)
    void this.beat()
  }

  private async listen(channel: Channel): Promise<void> {
    for await (const frames of this.routers[channel] as AsyncIterable<Buffer[]>) {
      try {
        const message = decode(frames, this.connection.key)
        this.session ||= message.header.session
        this.onMessage(channel, message)
      } catch (error) {
        // A message that is not Jupyter's, or whose signature is wrong, is not answered.
        process.stderr.write(`${String(error)}\n`)
      }
    }
  }

  private async beat(): Promise<void> {
    for await (const frames of this.heart as AsyncIterable<Buffer[]>) await this.heart.send(frames)
  }

  publish(type: string, content: Content, parent: Message | undefined, metadata: Content = {}): void {
    this.queues.iopub.push(encode({
      identities: [Buffer.from(`kernel.whetstone.${type}`)], header: newHeader(type, parent?.header.session ?? this.session),
      parent: parent?.header ?? {}, metadata, content,
    }, this.connection.key))
  }

  reply(channel: Channel, to: Message, type: string, content: Content): void {
    this.queues[channel].push(encode({
      identities: to.identities, header: newHeader(type, to.header.session), parent: to.header, metadata: {}, content,
    }, this.connection.key))
  }

  /** Sends what is queued and closes. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.queues).map((queue) => queue.drained()))
    for (const socket of [...Object.values(this.routers), this.publisher, this.heart]) socket.close()
  }
}
