// Fault 7, the catching half: everything that the worker, its native libraries and its child processes write, put back
// into one order. Text arrives on descriptors 1 and 2, frames on 3; a mark among the text says where a frame belongs.
import { StringDecoder } from 'node:string_decoder'
import type { Frame } from './protocol'

type Item = { readonly text: string } | { readonly mark: number }

/** Finds the marks in a stream of bytes. */
export class MarkReader {
  private readonly decoder = new StringDecoder('utf8')
  private readonly start: Buffer
  private rest: Buffer = Buffer.alloc(0)

  constructor(nonce: string) {
    this.start = Buffer.from(`\u001b]${nonce};`)
  }

  read(chunk: Buffer): Item[] {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk
    const items: Item[] = []
    const text = (from: number, to: number): void => {
      const decoded = this.decoder.write(bytes.subarray(from, to))
      if (decoded !== '') items.push({ text: decoded })
    }
    let at = 0
    for (;;) {
      const mark = bytes.indexOf(this.start, at)
      if (mark < 0) break
      const end = bytes.indexOf(7, mark)
      if (end < 0) {
        text(at, mark)
        this.rest = bytes.subarray(mark)
        return items
      }
      text(at, mark)
      items.push({ mark: Number(bytes.subarray(mark + this.start.length, end).toString()) })
      at = end + 1
    }
    // The last bytes may be the beginning of a mark.
    let kept = Math.min(this.start.length - 1, bytes.length - at)
    while (kept > 0 && !bytes.subarray(bytes.length - kept).equals(this.start.subarray(0, kept))) kept--
    text(at, bytes.length - kept)
    this.rest = bytes.subarray(bytes.length - kept)
    return items
  }
}

/** Cuts a stream of length-prefixed JSON into frames. */
export class FrameReader {
  private chunks: Buffer[] = []
  private size = 0

  read(chunk: Buffer): Frame[] {
    this.chunks.push(chunk)
    this.size += chunk.length
    const frames: Frame[] = []
    while (this.size >= 4) {
      if ((this.chunks[0]?.length ?? 0) < 4) this.chunks = [Buffer.concat(this.chunks)]
      const length = this.chunks[0]?.readUInt32LE(0) ?? 0
      if (this.size < length + 4) break
      const bytes = this.chunks.length === 1 ? this.chunks[0] ?? chunk : Buffer.concat(this.chunks)
      frames.push(JSON.parse(bytes.subarray(4, 4 + length).toString('utf8')) as Frame)
      const rest = bytes.subarray(4 + length)
      this.chunks = rest.length > 0 ? [rest] : []
      this.size = rest.length
    }
    return frames
  }
}

/** Milliseconds to wait for a mark that native code may have swallowed. */
const LOST = 1_000

/** Delivers text and frames in the order in which the worker made them. */
export class OrderedOutput {
  private readonly stdout: MarkReader
  private readonly stderr: MarkReader
  private readonly frameReader = new FrameReader()
  private readonly items: Item[] = []
  private readonly frames: Frame[] = []
  /** Frames delivered so far; the next has this sequence number plus one. */
  private delivered = 0
  private stderrMark = 0
  private timer: NodeJS.Timeout | undefined

  constructor(
    nonce: string,
    private readonly onText: (name: 'stdout' | 'stderr', text: string) => void,
    private readonly onFrame: (frame: Frame) => void,
  ) {
    this.stdout = new MarkReader(nonce)
    this.stderr = new MarkReader(nonce)
  }

  stdoutBytes(chunk: Buffer): void {
    this.items.push(...this.stdout.read(chunk))
    this.pump()
  }

  stderrBytes(chunk: Buffer): void {
    for (const item of this.stderr.read(chunk)) {
      if ('text' in item) this.onText('stderr', item.text)
      else this.stderrMark = item.mark
    }
    this.pump()
  }

  frameBytes(chunk: Buffer): void {
    this.frames.push(...this.frameReader.read(chunk))
    this.pump()
  }

  /** Delivers what is left, marks or not: the worker has ended. */
  flush(): void {
    clearTimeout(this.timer)
    for (const item of this.items.splice(0)) if ('text' in item) this.onText('stdout', item.text)
    for (const frame of this.frames.splice(0)) this.deliver(frame)
  }

  private deliver(frame: Frame): void {
    this.delivered++
    this.onFrame(frame)
  }

  private pump(): void {
    for (let item = this.items[0]; item; item = this.items[0]) {
      if ('text' in item) this.onText('stdout', item.text)
      else if (item.mark > this.delivered) {
        const frame = this.frames[0]
        if (!frame) break
        if (frame.type === 'done' && this.stderrMark < item.mark) break
        this.frames.shift()
        this.deliver(frame)
        // A mark before this one was swallowed: its frame has been delivered just now, this one's is next.
        if (item.mark > this.delivered) continue
      }
      this.items.shift()
    }
    clearTimeout(this.timer)
    if (this.frames.length > 0) this.timer = setTimeout(() => this.lost(), LOST)
  }

  /** A mark did not come: its frame is delivered without. */
  private lost(): void {
    const frame = this.frames.shift()
    if (frame) this.deliver(frame)
    this.pump()
  }
}
