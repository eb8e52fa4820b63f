// Layered drawing of a directed acyclic graph (K. Sugiyama, S. Tagawa, M. Toda, 1981): layers by longest path, order
// in a layer by barycentres, positions by least squares under minimal distances.

/** What is laid out: sizes of boxes, and edges that lead from lower to higher index. */
export interface LayoutInput {
  readonly sizes: readonly { readonly width: number, readonly height: number }[]
  readonly edges: readonly { readonly from: number, readonly to: number }[]
}

/** Where everything is: centres of boxes, and the points that each edge passes. */
export interface LayoutResult {
  readonly width: number
  readonly height: number
  readonly boxes: readonly { readonly x: number, readonly y: number, readonly layer: number }[]
  readonly edges: readonly (readonly { readonly x: number, readonly y: number }[])[]
}

const GAP_X = 28
const GAP_Y = 46
/** Width of an edge that passes a layer. */
const LANE = 14
const SWEEPS = 12

interface Item { readonly width: number, readonly height: number, readonly layer: number, x: number, readonly up: number[], readonly down: number[] }

/** Positions for boxes and edges, from top to bottom. */
export function layered({ sizes, edges }: LayoutInput): LayoutResult {
  const layerOf = layersOf(sizes.length, edges)
  const items: Item[] = sizes.map(({ width, height }, i) => ({ width, height, layer: layerOf[i] ?? 0, x: 0, up: [], down: [] }))
  // An edge over several layers gets a place in each of them, so that it bends around boxes instead of crossing them.
  const routes = edges.map(({ from, to }) => {
    const route = [from]
    for (let layer = (layerOf[from] ?? 0) + 1; layer < (layerOf[to] ?? 0); layer++) {
      route.push(items.length)
      items.push({ width: LANE, height: 0, layer, x: 0, up: [], down: [] })
    }
    route.push(to)
    for (let i = 0; i + 1 < route.length; i++) {
      const a = route[i] ?? 0, b = route[i + 1] ?? 0
      items[a]?.down.push(b)
      items[b]?.up.push(a)
    }
    return route
  })
  const count = items.reduce((most, item) => Math.max(most, item.layer + 1), 0)
  const layers: number[][] = Array.from({ length: count }, () => [])
  items.forEach((item, i) => layers[item.layer]?.push(i))
  const ordered = order(items, layers)
  place(items, ordered)

  const tops: number[] = []
  let y = GAP_Y / 2
  for (const layer of ordered) {
    const height = layer.reduce((most, i) => Math.max(most, items[i]?.height ?? 0), 0)
    tops.push(y + height / 2)
    y += height + GAP_Y
  }
  const left = items.reduce((least, item) => Math.min(least, item.x - item.width / 2), Infinity)
  const right = items.reduce((most, item) => Math.max(most, item.x + item.width / 2), -Infinity)
  const shift = GAP_X / 2 - (items.length > 0 ? left : 0)
  const at = (i: number): { x: number, y: number } => ({ x: (items[i]?.x ?? 0) + shift, y: tops[items[i]?.layer ?? 0] ?? 0 })
  return {
    width: (items.length > 0 ? right - left : 0) + GAP_X,
    height: y,
    boxes: sizes.map((_, i) => ({ ...at(i), layer: layerOf[i] ?? 0 })),
    edges: routes.map((route) => route.map(at)),
  }
}

/** Longest path from a source; then sources move down to just above what reads them first. */
function layersOf(count: number, edges: LayoutInput['edges']): number[] {
  const layer = new Array<number>(count).fill(0)
  const into = new Array<number>(count).fill(0)
  for (const { from, to } of [...edges].sort((a, b) => a.from - b.from)) {
    layer[to] = Math.max(layer[to] ?? 0, (layer[from] ?? 0) + 1)
    into[to] = (into[to] ?? 0) + 1
  }
  const nearest = new Map<number, number>()
  for (const { from, to } of edges) nearest.set(from, Math.min(nearest.get(from) ?? Infinity, layer[to] ?? 0))
  return layer.map((own, i) => (into[i] === 0 && nearest.has(i) ? Math.max(own, (nearest.get(i) ?? 1) - 1) : own))
}

/** Sorts each layer by the mean position of its neighbours, down and up, and keeps the order with fewest crossings. */
function order(items: readonly Item[], layers: readonly (readonly number[])[]): number[][] {
  let current = layers.map((layer) => [...layer])
  let best = current
  let fewest = crossings(items, current)
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const down = sweep % 2 === 0
    const position = positions(current)
    const next = current.map((layer) => [...layer])
    const indices = next.map((_, l) => l)
    for (const l of down ? indices : indices.reverse()) {
      const layer = next[l] ?? []
      const mean = new Map(layer.map((i, own) => {
        const neighbours = (down ? items[i]?.up : items[i]?.down) ?? []
        const sum = neighbours.reduce((total, j) => total + (position.get(j) ?? 0), 0)
        return [i, neighbours.length > 0 ? sum / neighbours.length : own]
      }))
      layer.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0))
      layer.forEach((i, at) => position.set(i, at))
    }
    current = next
    const crossed = crossings(items, current)
    if (crossed < fewest) {
      fewest = crossed
      best = current
    }
  }
  return best
}

const positions = (layers: readonly (readonly number[])[]): Map<number, number> =>
  new Map(layers.flatMap((layer) => layer.map((i, at) => [i, at] as const)))

/** Pairs of edges between neighbouring layers that cross: inversions of the lower ends, counted while inserting. */
export function crossings(items: readonly { readonly down: readonly number[] }[], layers: readonly (readonly number[])[]): number {
  const position = positions(layers)
  let total = 0
  for (const layer of layers) {
    const ends = layer.flatMap((i) => (items[i]?.down ?? []).map((j) => position.get(j) ?? 0).sort((a, b) => a - b))
    const sorted: number[] = []
    for (const end of ends) {
      let low = 0, high = sorted.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((sorted[middle] ?? 0) <= end) low = middle + 1
        else high = middle
      }
      total += sorted.length - low
      sorted.splice(low, 0, end)
    }
  }
  return total
}

/** Moves every item towards the mean of its neighbours, as far as the distances in its layer allow. */
function place(items: readonly Item[], layers: readonly (readonly number[])[]): void {
  for (const layer of layers) {
    let x = 0
    for (const i of layer) {
      const item = items[i]
      if (!item) continue
      item.x = x + item.width / 2
      x += item.width + GAP_X
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const indices = layers.map((_, l) => l)
    for (const l of sweep % 2 === 0 ? indices : indices.reverse()) {
      const layer = (layers[l] ?? []).flatMap((i) => items[i] ?? [])
      const wanted = layer.map((item) => {
        const neighbours = sweep % 2 === 0 && item.up.length > 0 ? item.up : item.down.length > 0 ? item.down : item.up
        return neighbours.length === 0 ? item.x : neighbours.reduce((sum, j) => sum + (items[j]?.x ?? 0), 0) / neighbours.length
      })
      const offsets: number[] = []
      layer.forEach((item, i) => {
        const before = layer[i - 1]
        offsets.push(before ? (offsets[i - 1] ?? 0) + (before.width + item.width) / 2 + GAP_X : 0)
      })
      isotonic(wanted.map((x, i) => x - (offsets[i] ?? 0))).forEach((x, i) => {
        const item = layer[i]
        if (item) item.x = x + (offsets[i] ?? 0)
      })
    }
  }
}

/** The non-decreasing sequence with least squared distance to `values` (pool adjacent violators). */
export function isotonic(values: readonly number[]): number[] {
  const blocks: { sum: number, count: number }[] = []
  for (const value of values) {
    let block = { sum: value, count: 1 }
    for (let last = blocks.at(-1); last && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
      block = { sum: last.sum + block.sum, count: last.count + block.count }
      blocks.pop()
    }
    blocks.push(block)
  }
  return blocks.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count))
}
