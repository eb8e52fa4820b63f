// Lines of text as images for text recognition: a stroke font of our own, drawn with anti-aliasing at random sizes, weights,
// slants, contrasts and noise, so that a recogniser reads most of it and not all.
import { random, type Random } from '../../core'

/** Strokes of a character on a grid of 4 × 6: points as pairs of digits, x to the right and y down. */
const GLYPHS: Readonly<Record<string, string>> = {
  1: '11 20 26|16 36', 2: '01 10 30 41 42 06 46', 3: '01 10 30 41 42 33 44 45 36 16 05|13 33', 4: '36 30 04 44', 5: '40 00 03 33 44 45 36 16 05',
  6: '41 30 10 01 05 16 36 45 44 33 13 04', 7: '00 40 16', 8: '13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33', 9: '42 33 13 02 01 10 30 41 45 36 16 05',
  A: '06 20 46|14 34', B: '00 06 36 45 44 33 03|33 42 41 30 00', C: '41 30 10 01 05 16 36 45', D: '00 06 26 44 42 20 00', E: '40 00 06 46|03 33',
  F: '40 00 06|03 33', G: '41 30 10 01 05 16 36 45 43 23', H: '00 06|40 46|03 43', J: '40 45 36 16 05', K: '00 06|40 03 46', L: '00 06 46',
  M: '06 00 23 40 46', N: '06 00 46 40', O: '10 30 41 45 36 16 05 01 10', P: '06 00 30 41 42 33 03', Q: '10 30 41 45 36 16 05 01 10|34 46',
  R: '06 00 30 41 42 33 03|23 46', S: '41 30 10 01 02 13 33 44 45 36 16 05', T: '00 40|20 26', U: '00 05 16 36 45 40', V: '00 26 40', W: '00 16 23 36 40',
  X: '00 46|40 06', Y: '00 23 40|23 26', Z: '00 40 06 46',
}

const WORDS: readonly string[] = [
  'MODEL', 'GRAPH', 'NUMBER', 'QUANTUM', 'LAYER', 'FAST', 'SMALL', 'TENSOR', 'KERNEL', 'MEMORY', 'SAMPLE', 'RANGE', 'BYTE', 'SCALE', 'CHANNEL', 'EDGE',
  'MACHINE', 'LEARN', 'WEST', 'STONE', 'SHARP', 'BLADE', 'JUMP', 'FOX', 'BROWN', 'OVER', 'DOG', 'ZEBRA', 'XYLEM', 'HAWK', 'COMPUTE', 'ROUND',
]

/** An image of one line and what it says. */
export interface Line {
  readonly text: string
  /** Grey, 0 (black) to 1 (white), [height, width]. */
  readonly pixels: Float32Array
}

/** Height that PP-OCR's recogniser takes, and the width that lines are drawn on. */
export const [HEIGHT, WIDTH] = [48, 320]

/** Draws lines; the same seed draws the same ones. */
export function textLines(count: number, seed: number): Line[] {
  const numbers = random(seed)
  return Array.from({ length: count }, () => draw(sentence(numbers), numbers))
}

function sentence(numbers: Random): string {
  const word = (): string => (numbers.int(4) === 0 ? String(11 + numbers.int(9) + 11 * numbers.int(8)).replace(/0/g, '7') : WORDS[numbers.int(WORDS.length)] ?? 'MODEL')
  const [first, second] = [word(), word()]
  return first.length + second.length > 11 ? first : `${first} ${second}`
}

function draw(text: string, numbers: Random): Line {
  const unit = 3.4 + numbers.next() * 1.6
  const advance = unit * 5.6
  const fit = Math.min(1, (WIDTH - 20) / (text.length * advance))
  const [ux, uy] = [unit * fit, unit]
  const slant = (numbers.next() - 0.5) * 0.35
  const half = 0.9 + numbers.next() * 1.3
  const [ink, paper] = [numbers.next() * 0.35, 0.65 + numbers.next() * 0.35]
  const noise = numbers.next() * 0.12
  const top = (HEIGHT - 6 * uy) / 2 + (numbers.next() - 0.5) * 4
  const cover = new Float32Array(WIDTH * HEIGHT)
  let x = 8 + numbers.next() * 4
  for (const letter of text) {
    for (const stroke of (GLYPHS[letter] ?? '').split('|')) {
      const points = stroke.split(' ').filter((pair) => pair.length === 2).map((pair) => {
        const [gx, gy] = [Number(pair[0]), Number(pair[1])]
        return [x + gx * ux + slant * (6 - gy) * uy + (numbers.next() - 0.5) * 0.5, top + gy * uy] as const
      })
      for (let i = 0; i + 1 < points.length; i++) line(cover, points[i] ?? [0, 0], points[i + 1] ?? [0, 0], half)
    }
    x += advance * fit * (letter === ' ' ? 0.7 : 1)
  }
  return { text, pixels: cover.map((share) => Math.min(1, Math.max(0, paper + (ink - paper) * share + noise * numbers.normal()))) }
}

/** A line with round ends: full inside `half` of it, falling to nothing over one pixel. */
function line(cover: Float32Array, [x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number], half: number): void {
  const [dx, dy] = [x1 - x0, y1 - y0]
  const length = dx * dx + dy * dy
  const bounds = (a: number, b: number, size: number): [number, number] => [Math.max(0, Math.floor(Math.min(a, b) - half - 1)), Math.min(size - 1, Math.ceil(Math.max(a, b) + half + 1))]
  const [left, right] = bounds(x0, x1, WIDTH)
  const [top, bottom] = bounds(y0, y1, HEIGHT)
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length))
      const share = Math.min(1, Math.max(0, half + 0.5 - Math.hypot(x - x0 - t * dx, y - y0 - t * dy)))
      const at = y * WIDTH + x
      if (share > (cover[at] ?? 0)) cover[at] = share
    }
  }
}

/** The input of the recogniser: [1, 3, 48, 320], (x − 0.5) / 0.5. */
export function recogniserInput({ pixels }: Line): Float32Array {
  const out = new Float32Array(3 * pixels.length)
  pixels.forEach((value, i) => { for (let c = 0; c < 3; c++) out[c * pixels.length + i] = (value - 0.5) / 0.5 })
  return out
}

/** Best path of connectionist temporal classification: the top class of each step, repeats joined, blanks (class 0) dropped. */
export function decode(probabilities: ArrayLike<number>, classes: number, keys: readonly string[]): string {
  let text = ''
  let before = 0
  for (let step = 0; step + classes <= probabilities.length; step += classes) {
    let top = 0
    for (let c = 1; c < classes; c++) if ((probabilities[step + c] ?? 0) > (probabilities[step + top] ?? 0)) top = c
    if (top !== before && top !== 0) text += keys[top - 1] ?? ' '
    before = top
  }
  return text
}

/** Levenshtein distance: insertions, deletions and replacements that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length] ?? 0
}
