// Text as it is shown: escaped for HTML, numbers at a readable precision, columns aligned in a terminal.

export { escapeHtml } from '../core'

/** A number with `precision` significant digits: 1234 stays 1,234; 0.000123 is 1.23e-4. */
export function formatNumber(value: number, precision = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString('en-US')
  if (size < 1e-3 || size >= 1e15) return value.toExponential(Math.max(0, precision - 1)).replace(/\.?0+e/, 'e')
  const decimals = Math.max(0, precision - 1 - Math.floor(Math.log10(size)))
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(decimals, 20) })
}

/** Bytes in the unit that people read: 1,536 → 1.5 KiB. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${formatNumber(bytes / 1024 ** power, 3)} ${units[power] ?? 'bytes'}`
}

/** Seconds as `8.1 s`, `2 min 05 s` or `1 h 03 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (n: number): string => String(n).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`
}

/** Columns of a terminal that a text takes: wide East Asian characters two, combining marks none. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (/\p{Mark}|\p{Cf}/u.test(character)) continue
    width += /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
      .test(character) ? 2 : 1
  }
  return width
}

/** Pads to `width` columns, on the left for numbers. */
export function pad(text: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return right ? space + text : text + space
}

/** One line without control characters, so that no cell can move the cursor of a terminal; cut at `width` columns. */
export function oneLine(text: string, width = 60): string {
   
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
  if (textWidth(clean) <= width) return clean
  let out = ''
  for (const character of clean) {
    if (textWidth(out + character) > width - 1) break
    out += character
  }
  return out + '…'
}

/** A curve in one line of block characters, at most `width` of them; gaps where there is no number. */
export function sparkline(values: ArrayLike<number>, width = 40): string {
  const cells = Math.min(width, values.length)
  const means = Array.from({ length: cells }, (_, cell) => {
    const from = Math.floor((cell * values.length) / cells)
    const to = Math.max(from + 1, Math.floor(((cell + 1) * values.length) / cells))
    let sum = 0
    for (let i = from; i < to; i++) sum += values[i] ?? NaN
    return sum / (to - from)
  })
  const finite = means.filter((value) => Number.isFinite(value))
  const low = Math.min(...finite)
  const high = Math.max(...finite)
  return means.map((value) => {
    if (!Number.isFinite(value)) return ' '
    return '▁▂▃▄▅▆▇█'[high > low ? Math.round(((value - low) / (high - low)) * 7) : 3] ?? ' '
  }).join('')
}
