// A figure of several panels with the same rows: a dot and its interval for each. As SVG text, so that it needs no browser and a
// change of a number is a readable difference in git.

/** One measured value, with its interval where there is one. */
export interface Dot {
  readonly row: string
  readonly value: number
  readonly interval?: readonly [number, number]
}

/** Values on one axis. */
export interface Panel {
  /** With its unit. */
  readonly title: string
  readonly log?: boolean
  /** Where a line stands: no change. */
  readonly reference: number
  /** By name of the series; each has a shape and a colour of its own. */
  readonly series: Readonly<Record<string, readonly Dot[]>>
}

export interface PanelsOptions {
  readonly title: string
  readonly subtitle: string
  readonly rows: readonly string[]
  readonly panels: readonly Panel[]
}

// Okabe and Ito's blue and vermilion, as in the notebooks.
const COLORS = ['#0072b2', '#d55e00', '#009e73'] as const
const [LEFT, WIDTH, GAP, TOP, ROW] = [300, 220, 56, 92, 24]

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
const at = (value: number): string => String(Math.round(value * 10) / 10)
const label = (value: number): string => String(Number(value.toPrecision(2)))

/** Round ticks that hold all values: 1, 2, 5 times powers of ten on a logarithmic axis, equal steps otherwise. */
export function ticksOf(values: readonly number[], log: boolean): number[] {
  const low = Math.min(...values), high = Math.max(...values)
  if (log) {
    const all = Array.from({ length: 13 }, (_, i) => i - 6).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power))
    const first = all.findLastIndex((tick) => tick <= low * 1.0001), last = all.findIndex((tick) => tick >= high * 0.9999)
    return all.slice(Math.max(0, first), last === -1 ? all.length : Math.max(last, first + 1) + 1)
  }
  const span = high - low || 1
  const power = 10 ** Math.floor(Math.log10(span / 3))
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => span / each <= 5) ?? span
  const first = Math.floor(low / step + 1e-9), last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

function marker(series: number, x: number, y: number): string {
  const color = COLORS[series % COLORS.length] ?? COLORS[0]
  return series === 0 ? `<circle cx="${at(x)}" cy="${at(y)}" r="5" fill="${color}"/>`
    : series === 1 ? `<rect x="${at(x - 4.5)}" y="${at(y - 4.5)}" width="9" height="9" fill="${color}"/>`
      : `<path d="M${at(x)} ${at(y - 6)}l6 10h-12z" fill="${color}"/>`
}

function panelText(panel: Panel, rows: readonly string[], left: number): string {
  const values = Object.values(panel.series).flat().flatMap((dot) => [dot.value, ...(dot.interval ?? [])]).filter((v) => Number.isFinite(v) && (!panel.log || v > 0))
  const ticks = ticksOf([...values, panel.reference], panel.log === true)
  const scale = (v: number): number => (panel.log ? Math.log(v) : v)
  const [low, high] = [scale(ticks[0] ?? 0), scale(ticks.at(-1) ?? 1)]
  const x = (v: number): number => left + (WIDTH * (scale(v) - low)) / (high - low)
  const bottom = TOP + rows.length * ROW
  const parts = [`<text x="${left + WIDTH / 2}" y="${TOP - 14}" text-anchor="middle" font-weight="600">${escape(panel.title)}</text>`]
  // Where labels would touch, every second or third tick has one; that of the reference always.
  const every = Math.ceil((ticks.length * 34) / WIDTH)
  const offset = Math.max(0, ticks.findIndex((tick) => Math.abs(tick - panel.reference) < 1e-9)) % every
  for (const [i, tick] of ticks.entries()) {
    parts.push(`<path d="M${at(x(tick))} ${TOP}V${bottom}" stroke="#ddd"/>`)
    if (i % every === offset) parts.push(`<text x="${at(x(tick))}" y="${bottom + 16}" text-anchor="middle" fill="#555">${label(tick)}</text>`)
  }
  parts.push(`<path d="M${at(x(panel.reference))} ${TOP}V${bottom}" stroke="#555" stroke-dasharray="4 3"/>`)
  const names = Object.keys(panel.series)
  for (const [s, name] of names.entries()) {
    for (const { row, value, interval } of panel.series[name] ?? []) {
      if (!Number.isFinite(value) || (panel.log === true && value <= 0)) continue
      // Several series of a row stand a little apart.
      const y = TOP + (rows.indexOf(row) + 0.5) * ROW + (names.length > 1 ? (s - (names.length - 1) / 2) * 9 : 0)
      if (interval) parts.push(`<path d="M${at(x(interval[0]))} ${at(y)}H${at(x(interval[1]))}" stroke="${COLORS[s % COLORS.length] ?? COLORS[0]}" stroke-width="2"/>`)
      parts.push(marker(s, x(value), y))
    }
  }
  if (names.length > 1) {
    for (const [s, name] of names.entries()) {
      parts.push(marker(s, left + 8 + s * 110, bottom + 34), `<text x="${left + 20 + s * 110}" y="${bottom + 38}">${escape(name)}</text>`)
    }
  }
  return parts.join('\n')
}

/** The figure. Rows without a value in a panel are empty there. */
export function panels({ title, subtitle, rows, panels: all }: PanelsOptions): string {
  const width = LEFT + all.length * (WIDTH + GAP), height = TOP + rows.length * ROW + 56
  const lines = rows.map((row, i) => `${i % 2 === 0 ? `<rect x="0" y="${TOP + i * ROW}" width="${width}" height="${ROW}" fill="#f6f6f6"/>\n` : ''}<text x="${LEFT - 14}" y="${TOP + (i + 0.5) * ROW + 4}" text-anchor="end">${escape(row)}</text>`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12.5" fill="#222" role="img" aria-label="${escape(title)}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="14" y="28" font-size="17" font-weight="600">${escape(title)}</text>`,
    `<text x="14" y="49" fill="#555">${escape(subtitle)}</text>`,
    ...lines, ...all.map((panel, i) => panelText(panel, rows, LEFT + i * (WIDTH + GAP))), '</svg>', '',
  ].join('\n')
}
