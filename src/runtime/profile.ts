// ONNX Runtime's own profile: the JSON trace that a session with `profilePrefix` writes, read into runs and nodes, summed by
// operator, and measured in one call. Not for kernels inside a GPU: ONNX Runtime sees only when it started them.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { messageOf } from '../core'
import { RuntimeError } from './errors'
import { Session, type SessionOptions, type Tensors } from './session'

/** One execution of one node. Times in milliseconds. */
export interface ProfiledNode {
  /** As ONNX Runtime names it after its own optimization: fused nodes have names that the model does not have. */
  readonly name: string
  readonly operator: string
  readonly provider: string
  /** Which run, from 0. */
  readonly run: number
  /** Since the beginning of the run. */
  readonly start: number
  readonly duration: number
  /** `duration` without the nodes that ran inside it: those of an If, Loop or Scan. */
  readonly self: number
  /** 0 for a node of the main graph, 1 for one inside it, and so on. */
  readonly depth: number
  /** Type and shape of each input and output, as `float [1, 3, 48, 320]`. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly outputBytes: number
  /** Bytes of its constant inputs. */
  readonly parameterBytes: number
}

/** One call of `run`. Times in milliseconds. */
export interface ProfiledRun {
  /** Since the session was begun. */
  readonly start: number
  readonly duration: number
  /** Time in no node: feeding, fetching, deciding what comes next, and the profiler itself. */
  readonly overhead: number
}

/** What a trace says. */
export interface Profile {
  /** Milliseconds of reading the file, and of optimizing the graph and preparing its kernels. */
  readonly load: number
  readonly initialize: number
  readonly runs: readonly ProfiledRun[]
  readonly nodes: readonly ProfiledNode[]
}

/** A line of the summary. Times are for one run: the mean over the runs that were counted. */
export interface ProfileRow {
  readonly what: string
  /** Executions in a run. */
  readonly calls: number
  readonly milliseconds: number
  /** Of the time of all nodes. */
  readonly share: number
}

/** Larger traces are refused: they are read at once, and a thousand runs of a thousand nodes are about this much. */
const LARGEST_BYTES = 2 ** 30

interface Event {
  readonly cat: string
  readonly name: string
  readonly ts: number
  readonly dur: number
  readonly args: Readonly<Record<string, unknown>>
}

const bad = (what: string, got: string): RuntimeError => new RuntimeError('RUNTIME_PROFILE', what, {
  expected: "the JSON trace of ONNX Runtime's profiler, from a session with profilePrefix", got, fix: 'end it with session.endProfiling() before it is read',
})

/** The events of a trace. A trace whose process died lacks its end: whole events are kept. */
function eventsOf(text: string): Event[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch (cause) {
    const cut = text.lastIndexOf('},')
    try {
      list = JSON.parse(`${text.slice(0, cut + 1)}]`)
    } catch {
      throw bad('The profile is not JSON', messageOf(cause))
    }
  }
  if (!Array.isArray(list)) throw bad('The profile is not a list of events', typeof list)
  return list.flatMap((one: unknown): Event[] => {
    if (typeof one !== 'object' || one === null) throw bad('An event of the profile is no object', String(one))
    const { cat, name, ts, dur, args } = one as Record<string, unknown>
    // Other tools' events (marks, counters) may have been added; those without a duration are no work.
    if (dur === undefined || typeof cat !== 'string' || typeof name !== 'string') return []
    if (typeof ts !== 'number' || typeof dur !== 'number' || !(dur >= 0) || !Number.isFinite(ts)) throw bad(`The event "${name}" has no time`, JSON.stringify({ ts, dur }))
    return [{ cat, name, ts, dur, args: typeof args === 'object' && args !== null ? args as Record<string, unknown> : {} }]
  })
}

/** `[{"float":[1,2]}]` → `['float [1, 2]']` */
const shapesOf = (given: unknown): string[] => (Array.isArray(given) ? given : []).flatMap((one: unknown) =>
  (typeof one === 'object' && one !== null ? Object.entries(one) : []).map(([type, shape]) => `${type} [${Array.isArray(shape) ? shape.join(', ') : ''}]`))

const wordOf = (given: unknown): string => (typeof given === 'string' ? given : '')

/**
 * Reads a trace of ONNX Runtime.
 *
 * @param source the path of the file, or its text
 * @throws RuntimeError `RUNTIME_PROFILE` when it is no such trace
 */
export function readProfile(source: string): Profile {
  const isText = source.trimStart().startsWith('[')
  let text = source
  if (!isText) {
    try {
      const { size } = statSync(source)
      if (size > LARGEST_BYTES) throw bad('The profile is too large', `${size} bytes, more than ${LARGEST_BYTES}`)
      text = readFileSync(source, 'utf8')
    } catch (cause) {
      throw cause instanceof RuntimeError ? cause : bad('The profile cannot be read', messageOf(cause))
    }
  }
  const events = eventsOf(text)
  const session = (match: RegExp): number => events.filter((e) => e.cat === 'Session' && match.test(e.name)).reduce((sum, e) => sum + e.dur, 0) / 1000
  const runs = events.filter((e) => e.cat === 'Session' && e.name === 'model_run').sort((a, b) => a.ts - b.ts)
  // Before 1.17 a node had events for waiting before and after its kernel too.
  const kernels = events.filter((e) => e.cat === 'Node' && e.name.endsWith('_kernel_time')).sort((a, b) => a.ts - b.ts || b.dur - a.dur)
  const nodes: { -readonly [K in keyof ProfiledNode]: ProfiledNode[K] }[] = []
  const inside = runs.map(() => 0)
  let open: { readonly end: number; readonly index: number }[] = []
  let at = 0
  for (const e of kernels) {
    while (at + 1 < runs.length && e.ts >= (runs[at + 1]?.ts ?? Infinity)) at++
    const run = runs[at]
    open = open.filter((each) => e.ts < each.end)
    const parent = nodes[open.at(-1)?.index ?? -1]
    const duration = e.dur / 1000
    if (parent) parent.self = Math.max(0, parent.self - duration)
    else inside[at] = (inside[at] ?? 0) + duration
    open.push({ end: e.ts + e.dur, index: nodes.length })
    nodes.push({
      name: e.name.slice(0, -'_kernel_time'.length), operator: wordOf(e.args['op_name']), provider: wordOf(e.args['provider']),
      run: at, start: (e.ts - (run?.ts ?? 0)) / 1000, duration, self: duration, depth: open.length - 1,
      inputs: shapesOf(e.args['input_type_shape']), outputs: shapesOf(e.args['output_type_shape']),
      outputBytes: Number(e.args['output_size'] ?? 0), parameterBytes: Number(e.args['parameter_size'] ?? 0),
    })
  }
  return {
    load: session(/^model_loading/), initialize: session(/^session_initialization$/), nodes,
    runs: runs.map((r, i) => ({ start: r.ts / 1000, duration: r.dur / 1000, overhead: Math.max(0, r.dur / 1000 - (inside[i] ?? 0)) })),
  }
}

/**
 * Where the time goes: `self` summed by operator, node or provider, the largest first.
 *
 * @param options.skip runs at the start that are not counted; default 1, because a first run allocates memory
 */
export function profileTable(
  profile: Profile, options: { readonly by?: 'operator' | 'name' | 'provider'; readonly skip?: number } = {},
): ProfileRow[] {
  const { by = 'operator', skip = 1 } = options
  const counted = profile.runs.length - skip
  if (counted < 1) {
    throw new RuntimeError('RUNTIME_PROFILE', 'No run is left to count', { expected: `more than ${skip} runs`, got: `${profile.runs.length} runs`, fix: 'profile more runs, or set skip' })
  }
  const rows = new Map<string, { calls: number; self: number }>()
  let total = 0
  for (const node of profile.nodes) {
    if (node.run < skip) continue
    const row = rows.get(node[by]) ?? { calls: 0, self: 0 }
    row.calls++
    row.self += node.self
    total += node.self
    rows.set(node[by], row)
  }
  return [...rows].map(([what, { calls, self }]) => ({ what, calls: calls / counted, milliseconds: self / counted, share: total === 0 ? 0 : self / total }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}

/** Runs a model with the profiler on, reads the trace and removes it. Profiling slows small nodes: compare shares, not totals. */
export function profileModel(model: Uint8Array | string, inputs: Tensors, options: Omit<SessionOptions, 'profilePrefix'> & { readonly runs?: number } = {}): Profile {
  const { runs = 10, ...session } = options
  const folder = mkdtempSync(path.join(tmpdir(), 'profile-'))
  try {
    const profiled = Session.create(model, { ...session, profilePrefix: path.join(folder, 'trace') })
    try {
      for (let i = 0; i < runs; i++) profiled.runSync(inputs)
      profiled.endProfiling()
    } finally {
      profiled.dispose()
    }
    const [file] = readdirSync(folder)
    if (file === undefined) throw bad('The profiler wrote no file', folder)
    return readProfile(path.join(folder, file))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
