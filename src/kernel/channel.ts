// The worker's way out: text and frames, written synchronously, so that nothing is lost when code blocks or the process
// dies. Text goes to descriptor 1, where native libraries and child processes write too; a frame goes to descriptor 3,
// with a mark in descriptor 1 that says where among the text it belongs. The front is always reading.
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { FD, marker, type Frame } from './protocol'

const pause = new Int32Array(new SharedArrayBuffer(4))

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      // Somebody made the descriptor non-blocking, and it is full: wait for the front.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

function writeText(text: string | Uint8Array): void {
  if (typeof text !== 'string') {
    writeAll(1, text)
    return
  }
  // Short text in one call, without a copy; what did not fit follows.
  let written = 0
  try {
    written = writeSync(1, text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  const length = Buffer.byteLength(text)
  if (written < length) writeAll(1, Buffer.from(text).subarray(written))
}

/** Sends text and frames to the front. */
export class Channel {
  private sequence = 0

  constructor(private readonly nonce: string) {}

  text(name: 'stdout' | 'stderr', text: string | Uint8Array): void {
    if (name === 'stdout') writeText(text)
    else this.send({ type: 'stderr', text: typeof text === 'string' ? text : Buffer.from(text).toString() })
  }

  send(frame: Frame): void {
    const json = Buffer.from(JSON.stringify(frame))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(json.length)
    this.sequence++
    writeAll(FD.frames, Buffer.concat([length, json]))
    const mark = Buffer.from(marker(this.nonce, this.sequence))
    writeAll(1, mark)
    // At the end of a cell descriptor 2 is awaited as well: native libraries complain there.
    if (frame.type === 'done') writeAll(2, mark)
  }
}

/** Puts the channel in the place of `process.stdout` and `process.stderr`, before anything has used them. */
export function replaceStandardStreams(channel: Channel): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string | Uint8Array, encoding, callback) => {
        const plain = typeof chunk !== 'string' || encoding === 'utf8' || (encoding as string) === 'buffer'
        channel.text(name, plain ? chunk : Buffer.from(chunk, encoding))
        callback()
      },
    })
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    // The common case without the bookkeeping of streams.
    stream.write = ((chunk: unknown, ...rest: unknown[]): boolean => {
      if (typeof chunk !== 'string' || rest.length > 0 && typeof rest[0] !== 'function') return write(chunk, ...rest)
      channel.text(name, chunk)
      const [done] = rest
      if (typeof done === 'function') process.nextTick(done)
      return true
    }) as typeof stream.write
    // The same stream for ever: code that ends it must not silence the notebook.
    Object.assign(stream, { fd: name === 'stdout' ? 1 : 2, end: () => stream, destroy: () => stream, _type: 'pipe' })
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream })
  }
}
