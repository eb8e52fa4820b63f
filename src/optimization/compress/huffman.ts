// Canonical Huffman codes (Huffman 1952; canonical form as in RFC 1951, section 3.2.2) over small alphabets.

/** Longest code: with 2^32 symbols counted, no Huffman code is longer than 47; lengths are limited to this by flattening counts. */
export const MAX_CODE_LENGTH = 30

/** Bits of the code of each symbol, 0 for symbols that do not occur. One symbol alone gets 1 bit. */
export function codeLengths(counts: readonly number[]): Uint8Array {
  let scaled = [...counts]
  for (;;) {
    const lengths = lengthsOf(scaled)
    if (lengths.every((length) => length <= MAX_CODE_LENGTH)) return lengths
    // Flatter counts give shorter longest codes; nothing real comes here.
    scaled = scaled.map((count) => (count > 0 ? Math.ceil(count / 2) : 0))
  }
}

interface Tree {
  readonly count: number
  readonly symbols: readonly number[]
}

function lengthsOf(counts: readonly number[]): Uint8Array {
  const lengths = new Uint8Array(counts.length)
  // Sorted by falling count; the two smallest are at the end.
  const trees = counts.flatMap((count, symbol): Tree[] => (count > 0 ? [{ count, symbols: [symbol] }] : []))
    .sort((a, b) => b.count - a.count || (b.symbols[0] ?? 0) - (a.symbols[0] ?? 0))
  const [only] = trees
  if (only && trees.length === 1) lengths[only.symbols[0] ?? 0] = 1
  for (;;) {
    const [b, a] = [trees.pop(), trees.pop()]
    if (!a || !b) break
    const joined: Tree = { count: a.count + b.count, symbols: [...a.symbols, ...b.symbols] }
    for (const symbol of joined.symbols) lengths[symbol] = (lengths[symbol] ?? 0) + 1
    let place = trees.length
    while (place > 0 && (trees[place - 1]?.count ?? 0) < joined.count) place--
    trees.splice(place, 0, joined)
  }
  return lengths
}

/** Codes in order of length, then symbol: the lengths alone say everything. */
function firstCodes(lengths: Uint8Array): { readonly counts: number[]; readonly symbols: number[] } {
  const counts = Array<number>(MAX_CODE_LENGTH + 1).fill(0)
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1
  const symbols = Array.from(lengths, (_, symbol) => symbol).filter((s) => (lengths[s] ?? 0) > 0)
    .sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b)
  return { counts, symbols }
}

/** Whether the lengths are those of a complete prefix code: Σ 2^−length = 1, or one symbol of one bit. */
export function isCompleteCode(lengths: Uint8Array): boolean {
  let sum = 0
  let used = 0
  for (const length of lengths) {
    if (length > MAX_CODE_LENGTH) return false
    if (length > 0) {
      sum += 2 ** -length
      used++
    }
  }
  return used === 0 || sum === 1 || (used === 1 && sum === 0.5)
}

/** Bits, the highest of a byte first. */
export class BitWriter {
  #bytes: number[] = []
  #held = 0
  #count = 0

  write(value: number, bits: number): void {
    for (let i = bits - 1; i >= 0; i--) {
      this.#held = (this.#held << 1) | (Math.floor(value / 2 ** i) & 1)
      if (++this.#count === 8) {
        this.#bytes.push(this.#held)
        this.#held = 0
        this.#count = 0
      }
    }
  }

  /** All bytes, the last one filled with zeros. */
  finish(): Uint8Array {
    if (this.#count > 0) this.#bytes.push(this.#held << (8 - this.#count))
    return Uint8Array.from(this.#bytes)
  }
}

/** The bits of symbols under the code of these lengths. */
export function encode(symbols: ArrayLike<number>, lengths: Uint8Array): Uint8Array {
  const { counts, symbols: order } = firstCodes(lengths)
  const codes = new Map<number, number>()
  let [code, at] = [0, 0]
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    code *= 2
    for (let i = 0; i < (counts[length] ?? 0); i++) codes.set(order[at++] ?? 0, code++)
  }
  const out = new BitWriter()
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0
    out.write(codes.get(symbol) ?? 0, lengths[symbol] ?? 0)
  }
  return out.finish()
}

/** `count` symbols from bits; undefined when the bits end early or hold no code. */
export function decode(bytes: Uint8Array, lengths: Uint8Array, count: number): Uint16Array | undefined {
  const { counts, symbols } = firstCodes(lengths)
  if (count > 8 * bytes.length) return undefined
  const out = new Uint16Array(count)
  let bit = 0
  for (let i = 0; i < count; i++) {
    let [code, first, index] = [0, 0, 0]
    let found = -1
    for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
      const byte = bytes[bit >> 3]
      if (byte === undefined) return undefined
      code = code * 2 + ((byte >> (7 - (bit & 7))) & 1)
      bit++
      const here = counts[length] ?? 0
      if (code - first < here) {
        found = symbols[index + code - first] ?? -1
        break
      }
      index += here
      first = (first + here) * 2
    }
    if (found < 0) return undefined
    out[i] = found
  }
  return out
}
