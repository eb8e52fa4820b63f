// A reader of pickles that builds data and runs nothing: of the opcodes only those that make plain values, and of classes
// only those on a list that the caller gives (Python, Lib/pickletools.py; protocols 2 to 5).
import { ConvertError } from '../errors'

/** A Python tuple; lists are arrays. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** An object that the caller's `reduce` made, or a global that it allowed. */
export class PickleObject {
  /** State that BUILD gave it. */
  state: PickleValue = null

  constructor(readonly kind: string, readonly value?: unknown) {}
}

export type PickleValue =
  | null | boolean | number | bigint | string | Uint8Array | PickleValue[] | Map<PickleValue, PickleValue> | Set<PickleValue> | PickleTuple | PickleObject

/** What a pickle may name and call. */
export interface PicklePolicy {
  /** The stand-in for `module.name`, or undefined when it is not allowed. */
  readonly global: (module: string, name: string) => PickleObject | undefined
  /** What calling an allowed global gives. */
  readonly call: (callee: PickleObject, args: readonly PickleValue[]) => PickleValue
  /** What a persistent id stands for. */
  readonly persistent?: (id: PickleValue) => PickleValue
}

/** Values on the stack and in the memo that are accepted: a state dict has some tens a tensor. */
const MAX_VALUES = 20_000_000
const MAX_STRING = 2 ** 26

const MARK = Symbol('mark')

interface Read {
  readonly value: PickleValue
  /** Position after the pickle. */
  readonly end: number
}

/**
 * Reads one pickle.
 *
 * @throws ConvertError `CONVERT_UNSAFE` for a class that is not allowed, `CONVERT_TRUNCATED`, `CONVERT_MALFORMED`, `CONVERT_LIMIT`
 */
export function readPickle(bytes: Uint8Array, policy: PicklePolicy, where: string, start = 0): Read {
  const machine = new Machine(bytes, policy, where, start)
  const value = machine.run()
  return { value, end: machine.at }
}

class Machine {
  private readonly view: DataView
  private stack: (PickleValue | typeof MARK)[] = []
  private readonly memo = new Map<number, PickleValue>()
  private steps = 0

  constructor(private readonly bytes: Uint8Array, private readonly policy: PicklePolicy, private readonly where: string, public at: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  run(): PickleValue {
    for (;;) {
      if (++this.steps > MAX_VALUES) throw new ConvertError('CONVERT_LIMIT', 'The pickle is longer than accepted', { where: this.where })
      const code = this.take(1)
      if (this.view.getUint8(code) === 0x2e) return this.pop()
      this.step(this.view.getUint8(code))
    }
  }

  private malformed(got: string): ConvertError {
    return new ConvertError('CONVERT_MALFORMED', 'The pickle contradicts itself', { got: `${got} at byte ${this.at}`, where: this.where, fix: 'save the file again with torch.save' })
  }

  /** Moves on by `length` bytes and gives where they begin. */
  private take(length: number): number {
    const from = this.at
    if (length < 0 || from + length > this.bytes.byteLength) {
      throw new ConvertError('CONVERT_TRUNCATED', 'The pickle ends in the middle', { expected: `${length} bytes more`, got: `${this.bytes.byteLength - from}`, where: this.where, fix: 'download or save the file again' })
    }
    this.at += length
    return from
  }

  private text(length: number): string {
    return Buffer.from(this.raw(length)).toString('utf8')
  }

  private raw(length: number): Uint8Array {
    if (length > MAX_STRING) throw new ConvertError('CONVERT_LIMIT', 'The pickle holds a text longer than accepted', { got: String(length), where: this.where })
    const from = this.take(length)
    return this.bytes.subarray(from, from + length)
  }

  private line(): string {
    const end = this.bytes.indexOf(10, this.at)
    if (end < 0 || end - this.at > 10_000) throw this.malformed('a line without end')
    const text = this.text(end - this.at)
    this.take(1)
    return text
  }

  private wide(): number {
    const value = this.view.getBigUint64(this.take(8), true)
    if (value > BigInt(this.bytes.byteLength)) throw this.malformed(`a length of ${value}`)
    return Number(value)
  }

  private push(value: PickleValue): void {
    this.stack.push(value)
  }

  private pop(): PickleValue {
    const value = this.stack.pop()
    if (value === undefined || value === MARK) throw this.malformed('an empty stack')
    return value
  }

  private top(): PickleValue {
    const value = this.stack.at(-1)
    if (value === undefined || value === MARK) throw this.malformed('an empty stack')
    return value
  }

  private toMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK)
    if (mark < 0) throw this.malformed('no mark')
    const items = this.stack.slice(mark + 1) as PickleValue[]
    this.stack.length = mark
    return items
  }

  private remember(key: number, value: PickleValue): void {
    this.memo.set(key, value)
  }

  private recall(key: number): void {
    const value = this.memo.get(key)
    if (value === undefined) throw this.malformed(`memo ${key} is empty`)
    this.push(value)
  }

  private step(code: number): void {
    switch (code) {
      case 0x80: this.protocol(); return
      case 0x95: this.take(8); return // FRAME
      case 0x28: this.stack.push(MARK); return
      case 0x30: this.stack.pop(); return
      case 0x31: this.toMark(); return
      case 0x32: this.push(this.top()); return
      case 0x4e: this.push(null); return
      case 0x88: this.push(true); return
      case 0x89: this.push(false); return
      case 0x4a: this.push(this.view.getInt32(this.take(4), true)); return
      case 0x4b: this.push(this.view.getUint8(this.take(1))); return
      case 0x4d: this.push(this.view.getUint16(this.take(2), true)); return
      case 0x8a: this.push(this.long(this.view.getUint8(this.take(1)))); return
      case 0x8b: this.push(this.long(this.view.getInt32(this.take(4), true))); return
      case 0x47: this.push(this.view.getFloat64(this.take(8), false)); return
      case 0x58: this.push(this.text(this.view.getUint32(this.take(4), true))); return
      case 0x8c: this.push(this.text(this.view.getUint8(this.take(1)))); return
      case 0x8d: this.push(this.text(this.wide())); return
      case 0x55: this.push(Buffer.from(this.raw(this.view.getUint8(this.take(1)))).toString('latin1')); return
      case 0x54: this.push(Buffer.from(this.raw(this.view.getInt32(this.take(4), true))).toString('latin1')); return
      case 0x43: this.push(this.raw(this.view.getUint8(this.take(1)))); return
      case 0x42: this.push(this.raw(this.view.getUint32(this.take(4), true))); return
      case 0x8e: this.push(this.raw(this.wide())); return
      case 0x5d: this.push([]); return
      case 0x7d: this.push(new Map()); return
      case 0x8f: this.push(new Set()); return
      case 0x29: this.push(new PickleTuple([])); return
      default: this.structure(code)
    }
  }

  private structure(code: number): void {
    switch (code) {
      case 0x85: this.push(new PickleTuple([this.pop()])); return
      case 0x86: this.tuple(2); return
      case 0x87: this.tuple(3); return
      case 0x74: this.push(new PickleTuple(this.toMark())); return
      case 0x6c: this.push(this.toMark()); return
      case 0x64: this.push(this.dict(new Map(), this.toMark())); return
      case 0x91: this.push(new Set(this.toMark())); return // FROZENSET
      case 0x61: this.append([this.pop()]); return
      case 0x65: this.append(this.toMark()); return
      case 0x73: {
        const value = this.pop()
        const key = this.pop()
        this.assign([key, value])
        return
      }
      case 0x75: this.assign(this.toMark()); return
      case 0x90: this.addItems(this.toMark()); return
      case 0x71: this.remember(this.view.getUint8(this.take(1)), this.top()); return
      case 0x72: this.remember(this.view.getUint32(this.take(4), true), this.top()); return
      case 0x94: this.remember(this.memo.size, this.top()); return
      case 0x68: this.recall(this.view.getUint8(this.take(1))); return
      case 0x6a: this.recall(this.view.getUint32(this.take(4), true)); return
      default: this.object(code)
    }
  }

  private object(code: number): void {
    switch (code) {
      case 0x63: {
        const module = this.line()
        this.push(this.global(module, this.line()))
        return
      }
      case 0x93: {
        const [name, module] = [this.pop(), this.pop()]
        if (typeof module !== 'string' || typeof name !== 'string') throw this.malformed('a class without a name')
        this.push(this.global(module, name))
        return
      }
      case 0x52: case 0x81: {
        const args = this.pop()
        const callee = this.pop()
        if (!(args instanceof PickleTuple) || !(callee instanceof PickleObject)) throw this.malformed('a call of something that is no class')
        this.push(this.policy.call(callee, args.items))
        return
      }
      case 0x62: {
        const state = this.pop()
        const target = this.top()
        if (target instanceof PickleObject) target.state = state
        else if (!(target instanceof Map)) throw this.malformed('state for a plain value')
        return
      }
      case 0x51: {
        const id = this.pop()
        if (this.policy.persistent === undefined) throw this.malformed('a persistent id')
        this.push(this.policy.persistent(id))
        return
      }
      default:
        throw new ConvertError(KNOWN_UNUSED.has(code) ? 'CONVERT_UNSAFE' : 'CONVERT_MALFORMED', 'The pickle has an instruction that no state dict needs', {
          got: `0x${code.toString(16)} at byte ${this.at - 1}`, where: this.where, fix: 'save model.state_dict() with a current torch.save, or as safetensors',
        })
    }
  }

  private protocol(): void {
    const version = this.view.getUint8(this.take(1))
    if (version > 5) throw new ConvertError('CONVERT_VERSION', 'The pickle has a protocol that is not known', { expected: '2 to 5', got: String(version), where: this.where })
  }

  /** Little-endian two's complement. */
  private long(length: number): number | bigint {
    if (length > 64) throw this.malformed(`an integer of ${length} bytes`)
    let value = 0n
    const bytes = this.raw(length)
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0)
    if (length > 0) value = BigInt.asIntN(length * 8, value)
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
  }

  private tuple(count: number): void {
    const items = Array.from({ length: count }, () => this.pop()).reverse()
    this.push(new PickleTuple(items))
  }

  private dict(into: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    if (items.length % 2 !== 0) throw this.malformed('a key without value')
    for (let i = 0; i < items.length; i += 2) into.set(items[i] ?? null, items[i + 1] ?? null)
    return into
  }

  private append(items: readonly PickleValue[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.malformed('append to something that is no list')
    for (const item of items) list.push(item)
  }

  private assign(items: readonly PickleValue[]): void {
    const target = this.top()
    if (!(target instanceof Map)) throw this.malformed('a key for something that is no dictionary')
    this.dict(target, items)
  }

  private addItems(items: readonly PickleValue[]): void {
    const target = this.top()
    if (!(target instanceof Set)) throw this.malformed('an element for something that is no set')
    for (const item of items) target.add(item)
  }

  private global(module: string, name: string): PickleObject {
    const found = this.policy.global(module, name)
    if (found !== undefined) return found
    throw new ConvertError('CONVERT_UNSAFE', 'The pickle names a class that is not on the list of harmless ones', {
      expected: 'tensors, storages, dictionaries, lists, numbers and text', got: `${module}.${name}`.slice(0, 200), where: this.where,
      fix: 'a pickle can run any code when Python loads it, so nothing of it is run here. If you trust the file, load it in PyTorch and save only the weights: torch.save(model.state_dict(), "weights.pt")',
    })
  }
}

/** Opcodes of pickle that build instances by name or extension: INST, OBJ, EXT1 to 4, NEWOBJ_EX, PERSID, out-of-band buffers. */
const KNOWN_UNUSED: ReadonlySet<number> = new Set([0x69, 0x6f, 0x82, 0x83, 0x84, 0x92, 0x50, 0x97, 0x98])
