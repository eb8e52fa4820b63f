// Jupyter counts a cursor in Unicode characters, JavaScript in UTF-16 units; they differ after an emoji.

/** UTF-16 offset of the `cursor`th character; the end for one beyond it. */
export function toUtf16(text: string, cursor: number): number {
  let offset = 0
  for (let at = 0; at < cursor && offset < text.length; at++) offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1
  return offset
}

/** The number of characters before a UTF-16 offset. */
export function fromUtf16(text: string, offset: number): number {
  let count = 0
  for (let at = 0; at < offset && at < text.length; count++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
  return count
}
