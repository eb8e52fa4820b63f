// JSON as Jupyter writes it, byte for byte: keys sorted, one space of indent, text not escaped to ASCII.

/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject { readonly [key: string]: Json }

/** Whether a value is an object, not a list and not null. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Order of code points, as Python sorts keys; JavaScript's own order differs beyond U+FFFF and for keys like numbers. */
const byCodePoint = (a: string, b: string): number => {
  const left = Array.from(a), right = Array.from(b)
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** The text of a value, keys sorted; `indent` spaces a level, or everything on one line. */
export function writeJson(value: Json, indent?: number, level = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  const items = Array.isArray(value)
    ? (value as readonly Json[]).map((item) => writeJson(item, indent, level + 1))
    : Object.entries(value).sort(([a], [b]) => byCodePoint(a, b))
      .map(([key, item]) => `${JSON.stringify(key)}: ${writeJson(item, indent, level + 1)}`)
  if (items.length === 0) return `${open ?? ''}${close ?? ''}`
  if (indent === undefined) return `${open ?? ''}${items.join(', ')}${close ?? ''}`
  const space = (depth: number): string => '\n' + ' '.repeat(indent * depth)
  return `${open ?? ''}${space(level + 1)}${items.join(`,${space(level + 1)}`)}${space(level)}${close ?? ''}`
}

/** Whether two values are the same JSON. */
export function sameJson(a: Json, b: Json): boolean {
  return writeJson(a) === writeJson(b)
}
