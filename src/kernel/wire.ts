// Jupyter's wire format, version 5.3: signed multipart messages over ZeroMQ
// (jupyter-client documentation, "Messaging in Jupyter", "The wire protocol"). Used by the kernel and by the client.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { KernelError } from './errors'

/** What the connection file holds. */
export interface ConnectionInfo {
  readonly transport: string
  readonly ip: string
  readonly shell_port: number
  readonly iopub_port: number
  readonly stdin_port: number
  readonly control_port: number
  readonly hb_port: number
  readonly key: string
  readonly signature_scheme: string
  readonly kernel_name?: string
}

export interface Header {
  readonly msg_id: string
  readonly msg_type: string
  readonly session: string
  readonly username: string
  readonly date: string
  readonly version: string
}

export type Content = Readonly<Record<string, unknown>>

export interface Message {
  /** ZeroMQ's routing prefix; a reply goes to the same identities. */
  readonly identities: readonly Buffer[]
  readonly header: Header
  /** The header of the request that this message belongs to; empty for none. */
  readonly parent: Partial<Header>
  readonly metadata: Content
  readonly content: Content
}

const DELIMITER = Buffer.from('<IDS|MSG>')

/** The protocol version that both sides speak. */
export const PROTOCOL_VERSION = '5.3'

export function newHeader(type: string, session: string, username = 'whetstone'): Header {
  return {
    msg_id: randomUUID(), msg_type: type, session, username,
    date: new Date().toISOString(), version: PROTOCOL_VERSION,
  }
}

function sign(key: string, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return Buffer.from(hmac.digest('hex'))
}

/** The frames of a message; an empty key means unsigned, as Jupyter defines it. */
export function encode(message: Message, key: string): Buffer[] {
  const parts = [message.header, message.parent, message.metadata, message.content]
    .map((part) => Buffer.from(JSON.stringify(part)))
  return [...message.identities, DELIMITER, key === '' ? Buffer.alloc(0) : sign(key, parts), ...parts]
}

function object(part: Buffer | undefined, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(part?.toString('utf8') ?? '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // reported below, with the part's name
  }
  throw new KernelError('KERNEL_PROTOCOL', `A message arrived whose ${name} is not a JSON object`)
}

/**
 * Parses and verifies frames.
 *
 * @throws KernelError `KERNEL_PROTOCOL` for frames that are not a Jupyter message, `KERNEL_SIGNATURE` for a wrong HMAC
 */
export function decode(frames: readonly Buffer[], key: string): Message {
  const at = frames.findIndex((frame) => frame.equals(DELIMITER))
  if (at < 0 || frames.length < at + 6) {
    throw new KernelError('KERNEL_PROTOCOL', 'A message arrived without <IDS|MSG> and its four parts')
  }
  const parts = frames.slice(at + 2, at + 6)
  if (key !== '') {
    const want = sign(key, parts)
    const got = frames[at + 1]
    if (!got || got.length !== want.length || !timingSafeEqual(got, want)) {
      throw new KernelError('KERNEL_SIGNATURE', 'A message arrived whose signature does not match the connection key')
    }
  }
  const header = object(parts[0], 'header')
  if (typeof header['msg_id'] !== 'string' || typeof header['msg_type'] !== 'string') {
    throw new KernelError('KERNEL_PROTOCOL', 'A message arrived whose header lacks msg_id or msg_type')
  }
  return {
    identities: frames.slice(0, at),
    header: header as unknown as Header,
    parent: object(parts[1], 'parent header'),
    metadata: object(parts[2], 'metadata'),
    content: object(parts[3], 'content'),
  }
}
