// Hashes of content, for checksums and cache keys.
import { createHash } from 'node:crypto'

/** SHA-256 of bytes or UTF-8 text, as 64 hexadecimal digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
