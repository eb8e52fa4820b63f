// Messages on a pipe: four bytes of length, little-endian, then JSON. The reader trusts nobody.
import { WhetstoneError } from '../../core'

/** One message as bytes. */
export function frame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  const bytes = Buffer.allocUnsafe(4 + body.length)
  bytes.writeUInt32LE(body.length, 0)
  body.copy(bytes, 4)
  return bytes
}

/** Cuts a stream of bytes into messages. */
export class FrameReader {
  private chunks: Buffer[] = []
  private length = 0

  /** @param maxBytes of one message; a longer one is refused as soon as its length is read */
  constructor(private readonly maxBytes: number) {}

  /**
   * The messages that `chunk` completes.
   *
   * @throws WhetstoneError `FRAME_TOO_LONG` or `FRAME_NOT_JSON`
   */
  push(chunk: Buffer): unknown[] {
    this.chunks.push(chunk)
    this.length += chunk.length
    const messages: unknown[] = []
    for (;;) {
      const size = this.length < 4 ? undefined : this.head(4).readUInt32LE(0)
      if (size !== undefined && size > this.maxBytes) {
        throw new WhetstoneError('FRAME_TOO_LONG', 'A message is too long', { expected: `at most ${this.maxBytes} bytes`, got: `${size} bytes` })
      }
      if (size === undefined || this.length < 4 + size) return messages
      const bytes = this.head(4 + size)
      this.chunks = bytes.length > 4 + size ? [bytes.subarray(4 + size)] : this.chunks.slice(1)
      this.length -= 4 + size
      try {
        messages.push(JSON.parse(bytes.toString('utf8', 4, 4 + size)))
      } catch (cause) {
        throw new WhetstoneError('FRAME_NOT_JSON', 'A message is not JSON', { cause })
      }
    }
  }

  /** Bytes of a message that has begun and not ended. */
  get pending(): number {
    return this.length
  }

  /** The first chunk, joined with those after it until it has at least `count` bytes. */
  private head(count: number): Buffer {
    const [first] = this.chunks
    if (first && first.length >= count) return first
    const joined = Buffer.concat(this.chunks)
    this.chunks = [joined]
    return joined
  }
}
