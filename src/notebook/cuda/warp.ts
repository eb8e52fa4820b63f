// The access of one warp, drawn lane by lane: which sectors, or which banks, its lanes touch.
import type { AccessLike } from './parts'

const CELL = 15
const LEFT = 66
const ROW = 13

/** Fills that are told apart on a light page and on a dark one, under dark text. */
const COLOURS = ['#a9cdec', '#f6c6a0', '#a5dcc5', '#e2bcd6', '#f1dd8a', '#c7b8e8']

/** Lanes that are active, with the byte addresses they touch. */
export function lanesOf(access: AccessLike): { readonly lane: number, readonly address: number }[] {
  const lanes: { lane: number, address: number }[] = []
  for (let lane = 0; lane < 32; lane++) if ((access.sample.mask >>> lane) & 1) lanes.push({ lane, address: access.sample.addresses[lanes.length] ?? 0 })
  return lanes
}

const text = (x: number, y: number, content: string, more = ''): string => `<text x="${x}" y="${y}" font-size="10" fill="currentColor" ${more}>${content}</text>`
const box = (x: number, y: number, fill: string, title: string, label = ''): string =>
  `<g><title>${title}</title><rect x="${x}" y="${y}" width="${CELL - 1}" height="${ROW - 1}" rx="2" fill="${fill}" stroke="currentColor" stroke-opacity="0.3"/>`
  + (label === '' ? '' : `<text x="${x + CELL / 2 - 0.5}" y="${y + 9.5}" font-size="8" text-anchor="middle" fill="#222222">${label}</text>`) + '</g>'

const frame = (height: number, label: string, body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + 32 * CELL + 10}" height="${height}" role="img" aria-label="${label}" font-family="sans-serif">${body}</svg>`

/** Global memory: a box a lane with the number of its sector; lanes of one sector have one colour. */
function sectorsSvg(access: AccessLike): string {
  const lanes = lanesOf(access)
  const sectors = [...new Set(lanes.flatMap(({ address }) => [Math.floor(address / 32), Math.floor((address + access.sample.size - 1) / 32)]))].sort((a, b) => a - b)
  const first = sectors[0] ?? 0
  const cells = Array.from({ length: 32 }, (_, lane) => {
    const found = lanes.find((one) => one.lane === lane)
    if (found === undefined) return box(LEFT + lane * CELL, 18, 'none', `lane ${lane}: not active`)
    const sector = Math.floor(found.address / 32)
    return box(LEFT + lane * CELL, 18, COLOURS[sectors.indexOf(sector) % COLOURS.length] ?? '#dddddd', `lane ${lane}: byte ${found.address - first * 32}, sector ${sector - first}`, String(sector - first))
  })
  const span = (sectors.at(-1) ?? 0) - first + 1
  // The line of memory below: a mark for each sector that is moved, at its place.
  const width = 32 * CELL / Math.max(32, span)
  const marks = sectors.map((sector, i) => `<rect x="${(LEFT + (sector - first) * width).toFixed(1)}" y="${18 + 2 * ROW}" width="${Math.max(1, width - 1).toFixed(1)}" height="${ROW - 2}" fill="${COLOURS[i % COLOURS.length] ?? '#dddddd'}" stroke="currentColor" stroke-opacity="0.3"><title>sector ${sector - first}</title></rect>`)
  return frame(18 + 3 * ROW + 14, `${sectors.length} sectors`, [
    text(0, 10, `${sectors.length} sector${sectors.length === 1 ? '' : 's'} of 32 bytes for ${lanes.length} lanes, ${access.sample.size} bytes each`), text(0, 28, 'lane 0 to 31'),
    ...cells, text(0, 18 + 2 * ROW + 10, 'memory'), ...marks, text(LEFT, 18 + 3 * ROW + 10, `${span} sector${span === 1 ? '' : 's'} from first to last`),
  ].join(''))
}

/** Shared memory: a column a bank, the lanes stacked on the bank they need; a stack of different words is a conflict. */
function banksSvg(access: AccessLike): string {
  const lanes = lanesOf(access)
  const stacks: Map<number, number[]>[] = Array.from({ length: 32 }, () => new Map<number, number[]>())
  for (const { lane, address } of lanes) {
    for (let word = Math.floor(address / 4); word <= Math.floor((address + access.sample.size - 1) / 4); word++) {
      const bank = stacks[((word % 32) + 32) % 32]
      bank?.set(word, [...bank.get(word) ?? [], lane])
    }
  }
  const depth = Math.max(1, ...stacks.map((stack) => stack.size))
  const shown = Math.min(depth, 8)
  const cells = stacks.flatMap((stack, bank) => [...stack.values()].slice(0, shown).map((who, level) =>
    box(LEFT + bank * CELL, 18 + level * ROW, COLOURS[level % COLOURS.length] ?? '#dddddd', `bank ${bank}: lane${who.length === 1 ? '' : 's'} ${who.join(', ')}`, who.length === 1 ? String(who[0]) : `${who.length}×`)))
  return frame(18 + shown * ROW + 16, `${depth} words in one bank`, [
    text(0, 10, depth === 1 ? 'no bank is asked for two words' : `${depth} different words in one bank: one pass each`), text(0, 28, 'bank 0 to 31'), ...cells,
    ...(shown < depth ? [text(LEFT, 18 + shown * ROW + 10, `and ${depth - shown} more below`)] : []),
  ].join(''))
}

/** The most expensive request of a line as a picture. */
export function warpSvg(access: AccessLike): string {
  return access.space === 'global' ? sectorsSvg(access) : banksSvg(access)
}
