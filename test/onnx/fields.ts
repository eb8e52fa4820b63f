// A protobuf message as plain data, by a reader of its own that knows nothing of the library: for comparing what two model
// files say. Equal are: a field that is missing and one that holds its default, packed and unpacked numbers, and the order
// of fields of different numbers. Which fields hold messages is found out by trying, as text and messages look alike.

type Field = readonly [number: number, value: string]

/** The fields of a message in order of number, nested messages spelled out. */
export function messageFields(bytes: Uint8Array): Field[] {
  return read(bytes, 0) ?? []
}

function read(bytes: Uint8Array, depth: number): Field[] | undefined {
  const fields: [number, string][] = []
  let at = 0
  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag === undefined || tag >> 3n === 0n || tag > 0xffffffffn) return undefined
    const number = Number(tag >> 3n)
    const wire = Number(tag & 7n)
    if (wire === 0) {
      const value = varint()
      if (value === undefined) return undefined
      fields.push([number, String(value)])
    } else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4
      if (at + size > bytes.length) return undefined
      fields.push([number, Buffer.from(bytes.subarray(at, at + size)).toString('hex')])
      at += size
    } else if (wire === 2) {
      const length = Number(varint() ?? -1)
      if (length < 0 || at + length > bytes.length) return undefined
      const payload = bytes.subarray(at, at + length)
      at += length
      if (length === 0) continue
      const inner = depth > 60 ? undefined : read(payload, depth + 1)
      fields.push([number, inner === undefined ? Buffer.from(payload).toString('hex') : JSON.stringify(inner)])
    } else return undefined
  }
  // Lists keep their order; value_info (13 of a graph) is a set.
  return fields.sort((a, b) => a[0] - b[0] || (a[0] === 13 ? (a[1] < b[1] ? -1 : 1) : 0))
}
