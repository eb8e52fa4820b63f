// A zip archive written byte by byte, so that tests can make right and wrong ones. For tests only.
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipPart {
  readonly name: string
  readonly data: Uint8Array | string
  readonly deflate?: boolean
  /** Overrides of what the headers say. */
  readonly says?: { readonly size?: number; readonly compressedSize?: number; readonly crc32?: number; readonly method?: number; readonly flags?: number; readonly offset?: number }
  /** The data begins at a multiple of this, by an extra field in the local header, as PyTorch writes. */
  readonly align?: number
}

/** The bytes of an archive of these parts. */
export function writeZip(parts: readonly ZipPart[]): Uint8Array {
  const body: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const part of parts) {
    const data = Buffer.from(part.data)
    const packed = part.deflate === true ? deflateRawSync(data) : data
    const name = Buffer.from(part.name)
    const gap = part.align === undefined ? 0 : (part.align - ((at + 30 + name.length + 4) % part.align)) % part.align
    const extra = part.align === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x46, 0x42, gap & 255, gap >> 8]), Buffer.alloc(gap, 0x5a)])
    const says = { size: data.length, compressedSize: packed.length, crc32: crc32(data), method: part.deflate === true ? 8 : 0, flags: 0, offset: at, ...part.says }
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(says.flags, 2)
    common.writeUInt16LE(says.method, 4)
    common.writeUInt32LE(says.crc32 >>> 0, 10)
    common.writeUInt32LE(says.compressedSize, 14)
    common.writeUInt32LE(says.size, 18)
    common.writeUInt16LE(name.length, 22)
    const localLength = Buffer.alloc(2)
    localLength.writeUInt16LE(extra.length)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common.subarray(0, 24), localLength, name, extra, packed])
    const rest = Buffer.alloc(16)
    rest.writeUInt32LE(says.offset, 12)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common.subarray(0, 24), rest, name]))
    body.push(local)
    at += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(parts.length, 8)
  end.writeUInt16LE(parts.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(at, 16)
  return new Uint8Array(Buffer.concat([...body, central, end]))
}
