// Makes a large graph small enough to read: repeats become one box with a count, then chains do, then stretches.
// Every step joins a stretch of the topological order or the two ends of a lone edge, so the result has no cycle.
import type { NodeLike } from './parts'
import type { Box, Edge, Parts } from './parts'

/** The longest block that is looked for; transformer layers have 30 to 60 nodes, and it bounds the work. */
const MAX_PERIOD = 120

interface Repeat { readonly start: number, readonly period: number, readonly times: number }

/** Folds boxes until at most `limit` are left. Inputs and outputs stay. */
export function collapse(parts: Parts, limit: number): Parts {
  let now = parts
  while (now.boxes.length > limit) {
    const repeat = bestRepeat(now.boxes)
    if (repeat === undefined) break
    const { start, period, times } = repeat
    const block = now.boxes.slice(start, start + period).map((box) => box.title)
    now = join(now, (i) => (i >= start && i < start + period * times ? start : i), () => `${times} × (${sequence(block)})`)
  }
  if (now.boxes.length > limit) now = foldChains(now)
  if (now.boxes.length > limit) now = foldStretches(now, limit)
  return now
}

const sequence = (titles: readonly string[]): string =>
  titles.length > 4 ? `${titles.slice(0, 3).join(', ')}, … ${titles.length - 3} more` : titles.join(', ')

/** What must be equal for two boxes to be a repeat: the operation, not its sizes. */
const sameKind = (a: Box | undefined, b: Box | undefined): boolean =>
  a?.kind === 'node' && b?.kind === 'node' && a.title === b.title

/** The repeat of neighbouring blocks that saves most boxes; of equals, the one with the shortest block. */
function bestRepeat(boxes: readonly Box[]): Repeat | undefined {
  let best: Repeat | undefined
  let saved = 1
  for (let period = 1; period <= Math.min(MAX_PERIOD, boxes.length >> 1); period++) {
    let run = 0
    for (let i = 0; i + period <= boxes.length; i++) {
      if (i + period < boxes.length && sameKind(boxes[i], boxes[i + period])) {
        run++
        continue
      }
      const times = Math.floor(run / period) + 1
      if (times > 1 && times * period - 1 > saved) {
        saved = times * period - 1
        best = { start: i - run, period, times }
      }
      run = 0
    }
  }
  return best
}

/** Joins each box to the next while the edge between them is the only one out of the first and into the second. */
function foldChains(parts: Parts): Parts {
  const out = new Map<number, Set<number>>()
  const into = new Map<number, Set<number>>()
  const add = (map: Map<number, Set<number>>, key: number, value: number): void => {
    const set = map.get(key)
    if (set) set.add(value)
    else map.set(key, new Set([value]))
  }
  for (const { from, to } of parts.edges) {
    add(out, from, to)
    add(into, to, from)
  }
  const head = parts.boxes.map((_, i) => i)
  parts.boxes.forEach((box, i) => {
    const [before] = into.get(i) ?? []
    if (before === undefined || into.get(i)?.size !== 1 || out.get(before)?.size !== 1) return
    if (isInner(box) && isInner(parts.boxes[before])) head[i] = head[before] ?? before
  })
  return join(parts, (i) => head[i] ?? i, (boxes) => sequence(boxes.map((box) => box.title)))
}

/** Cuts what is left into stretches of equal length. */
function foldStretches(parts: Parts, limit: number): Parts {
  const inner = parts.boxes.map((box, i) => (isInner(box) ? i : -1)).filter((i) => i >= 0)
  const room = Math.max(1, limit - (parts.boxes.length - inner.length))
  const length = Math.ceil(inner.length / room)
  const head = new Map(inner.map((box, i) => [box, inner[Math.floor(i / length) * length] ?? box]))
  return join(parts, (i) => head.get(i) ?? i, (boxes) => sequence([...new Set(boxes.map((box) => box.title))]))
}

const isInner = (box: Box | undefined): boolean => box?.kind === 'node' || box?.kind === 'group'

/** Boxes with the same head become one; edges inside it disappear, equal edges become one. */
function join(parts: Parts, headOf: (index: number) => number, title: (boxes: readonly Box[]) => string): Parts {
  const members = new Map<number, number[]>()
  parts.boxes.forEach((_, i) => {
    const list = members.get(headOf(i))
    if (list) list.push(i)
    else members.set(headOf(i), [i])
  })
  // A group stands where its last member stood: all that it reads comes before, and nothing before reads what it makes.
  const order = topological(parts, members, headOf)
  const index = new Map(order.map((head, i) => [head, i]))
  const boxes = order.map((head): Box => {
    const joined = (members.get(head) ?? []).flatMap((i) => parts.boxes[i] ?? [])
    const [first] = joined
    if (first !== undefined && joined.length === 1) return first
    const nodes = joined.flatMap((box) => box.nodes)
    return { kind: 'group', title: title(joined), lines: [`${nodes.length} nodes`], tooltip: counts(nodes), family: 'other', nodes }
  })
  const edges = new Map<string, Edge>()
  for (const edge of parts.edges) {
    const from = index.get(headOf(edge.from)) ?? 0
    const to = index.get(headOf(edge.to)) ?? 0
    const key = `${from} ${to} ${edge.label}`
    if (from !== to && !edges.has(key)) edges.set(key, { ...edge, from, to })
  }
  return { boxes, edges: [...edges.values()] }
}

/** Heads in an order in which every edge leads forward (A. B. Kahn, 1962); of several next ones, the earliest. */
function topological(parts: Parts, members: ReadonlyMap<number, readonly number[]>, headOf: (index: number) => number): number[] {
  const waiting = new Map([...members.keys()].map((head) => [head, new Set<number>()]))
  const after = new Map<number, Set<number>>()
  for (const { from, to } of parts.edges) {
    const a = headOf(from), b = headOf(to)
    if (a === b) continue
    waiting.get(b)?.add(a)
    const next = after.get(a) ?? new Set<number>()
    after.set(a, next.add(b))
  }
  const order: number[] = []
  const ready = [...waiting].filter(([, before]) => before.size === 0).map(([head]) => head).sort((a, b) => a - b)
  for (let head = ready.shift(); head !== undefined; head = ready.shift()) {
    order.push(head)
    for (const next of after.get(head) ?? []) {
      const before = waiting.get(next)
      before?.delete(head)
      if (before?.size === 0) {
        const place = ready.findIndex((other) => other > next)
        ready.splice(place < 0 ? ready.length : place, 0, next)
      }
    }
  }
  return order
}

/** `12 Conv, 11 Relu, 5 Add` */
export function counts(nodes: readonly NodeLike[]): string {
  const byType = new Map<string, number>()
  for (const node of nodes) byType.set(node.opType, (byType.get(node.opType) ?? 0) + 1)
  return [...byType].sort((a, b) => b[1] - a[1]).map(([type, n]) => `${n} ${type}`).join(', ')
}
