// The converter judged by PyTorch's own database of operators: sweep.py exports its samples, pytorch-child.ts converts each,
// runs it in ONNX Runtime and compares. What comes out is counted by operator; docs/convert.md holds the last run.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { WhetstoneError } from '../../core'
import { pythonWith } from '../peers'
import { pytorchExclusions } from './pytorch-exclusions'

/** A line of sweep.py's journal. */
export interface Exported {
  readonly case: string
  readonly operator: string
  readonly dtype: string
  /** The archive, where there is one. */
  readonly file?: string
  /** Why there is none. */
  readonly skipped?: string
  readonly why?: string
  readonly begin?: string
  readonly complete?: boolean
  readonly torch?: string
}

/**
 * What became of a sample. `refused`: a typed error of the converter. All but `equal` and `refused` are faults of ours:
 * other numbers, types or shapes, another error, a model that does not run, one that ends the process.
 */
export type Outcome = 'equal' | 'refused' | 'differs' | 'error' | 'does not run' | 'crash'

export interface Judged {
  readonly case: string
  readonly operator: string
  readonly dtype: string
  readonly outcome: Outcome
  readonly code?: string
  readonly detail?: string
  /** Operators without a mapping. */
  readonly missing?: readonly string[]
}

/** Counts of one operator's samples. */
export interface OperatorCounts {
  readonly operator: string
  readonly equal: number
  readonly faults: number
  readonly refused: number
  readonly skipped: number
  /** The first thing that went wrong, or why nothing was compared. */
  readonly note: string
}

export interface PytorchSweep {
  readonly torch: string
  readonly operators: readonly OperatorCounts[]
  readonly cases: Readonly<Record<Outcome | 'skipped', number>>
  /** Samples that could not be tried, by reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** Operators without a mapping → database entries that use them. */
  readonly missing: Readonly<Record<string, readonly string[]>>
  readonly faults: readonly Judged[]
  /** Faults that are on the list of exclusions, and entries of the list that nothing needs. */
  readonly excluded: readonly Judged[]
  readonly stale: readonly string[]
  readonly refusals: readonly Judged[]
}

export interface SweepOptions {
  readonly root: string
  readonly stateFolder: string
  /** Of each operator's floating point samples; half as many of other types. */
  readonly samples: number
  /** Element types of the samples: `float32`, `float16`, `int64`, `bool`. Default all but float16. */
  readonly dtypes?: readonly string[]
  /** Version of the operator set to convert to. Default 21. */
  readonly opset?: number
  /** Only these entries of the database. */
  readonly operators: readonly string[]
  /** Whether archives of an earlier run are made again. */
  readonly fresh: boolean
  readonly note: (line: string) => void
}

const KNOWN_DTYPES = ['float32', 'float16', 'int64', 'bool']
const DTYPES = ['float32', 'int64', 'bool']

/** Processes of PyTorch side by side. */
const SHARDS = 2
/** Times that a process which ended is started again; each time it goes on behind what ended it. */
const RESTARTS = 40

function lines<T>(file: string): T[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((text) => JSON.parse(text) as T) : []
}

function ended(command: string, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => spawn(command, args, { stdio: 'ignore' }).on('error', reject).on('exit', resolve))
}

async function insist(what: string, command: string, args: readonly string[]): Promise<void> {
  for (let i = 0; i <= RESTARTS; i++) if (await ended(command, args) === 0) return
  throw new WhetstoneError('CONFORMANCE_CRASH', `${what} ended too often before its result`, {
    got: `${RESTARTS + 1} starts`, fix: `run it by hand to see why: ${[command, ...args].join(' ')}`,
  })
}

/**
 * Exports, converts and compares.
 *
 * @throws WhetstoneError `CONFORMANCE_PYTHON` where there is no PyTorch and no earlier run, `CONFORMANCE_CRASH`
 */
export async function sweepPytorch(options: SweepOptions): Promise<PytorchSweep> {
  if (!Number.isInteger(options.samples) || options.samples < 1) {
    throw new WhetstoneError('CONFORMANCE_SAMPLES', 'The number of samples is no whole number above zero', { got: String(options.samples), fix: '--samples 6' })
  }
  const { dtypes = DTYPES, opset = 21 } = options
  const unknown = dtypes.filter((name) => !KNOWN_DTYPES.includes(name))
  if (unknown.length > 0 || dtypes.length === 0) {
    throw new WhetstoneError('CONFORMANCE_DTYPE', 'The sweep has no samples of this type', { expected: KNOWN_DTYPES.join(', '), got: unknown.join(', ') || 'none' })
  }
  const usual = dtypes.join() === DTYPES.join()
  const whole = path.join(options.stateFolder, 'cache', `pytorch-operators-${options.samples}${usual ? '' : `-${dtypes.join('-')}`}`)
  const journalsOf = (place: string): string[] => Array.from({ length: SHARDS }, (_, i) => path.join(place, `${i}.jsonl`))
  const complete = (file: string): boolean => lines<Exported>(file).at(-1)?.complete === true
  // A part of the database is taken from a run over all of it, or exported for itself, so that it is never taken for the whole.
  const part = options.operators.length > 0 && (options.fresh || !journalsOf(whole).every(complete))
  const folder = part ? `${whole}-part` : whole
  if (options.fresh || part) rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const journals = journalsOf(folder)
  if (!journals.every(complete)) {
    const python = pythonWith('torch')
    if (python === undefined) {
      throw new WhetstoneError('CONFORMANCE_PYTHON', 'PyTorch is not installed', {
        fix: 'set WHETSTONE_PYTHON to a Python that has torch and safetensors',
      })
    }
    const script = path.join(options.root, 'src', 'cli', 'convert', 'sweep.py')
    options.note('PyTorch exports the samples of its database (minutes)')
    await Promise.all(journals.map((file, i) => complete(file) ? Promise.resolve()
      : insist('The export', python, [script, folder, String(i), String(SHARDS), String(options.samples), dtypes.join(), ...options.operators])))
  }
  const results = path.join(folder, 'results.jsonl')
  rmSync(results, { force: true })
  options.note('the samples are converted, run and compared')
  await insist('The comparison', process.execPath, [path.join(__dirname, 'pytorch-child.js'), String(opset), folder, results, ...journals])
  const judged = lines<Judged>(results).filter((entry) => 'outcome' in entry)
  return summarize(journals.flatMap((file) => lines<Exported>(file)), judged, options.operators, usual && opset === 21)
}

/**
 * Counts by operator from both journals.
 *
 * @param usual whether every exclusion is looked for: samples of other types, or another operator set, do not need all
 */
export function summarize(exported: readonly Exported[], judged: readonly Judged[], only: readonly string[] = [], usual = true): PytorchSweep {
  const wanted = (operator: string): boolean => only.length === 0 || only.some((name) => operator === name || operator.startsWith(`${name}.`))
  const tried = exported.filter((entry) => entry.begin === undefined && wanted(entry.operator))
  const own = judged.filter(({ operator }) => wanted(operator))
  const cases: Record<Outcome | 'skipped', number> = { equal: 0, refused: 0, differs: 0, error: 0, 'does not run': 0, crash: 0, skipped: 0 }
  const reasons: Record<string, number> = {}
  for (const { outcome } of own) cases[outcome]++
  const skipped = tried.filter((entry) => entry.skipped !== undefined)
  for (const entry of skipped) reasons[entry.skipped ?? ''] = (reasons[entry.skipped ?? ''] ?? 0) + 1
  cases.skipped = skipped.length
  const wrongs = own.filter(isFault)
  const excluding = ({ case: name }: Judged): boolean => pytorchExclusions.some(({ pattern }) => pattern.test(name))
  const [faults, excluded] = [wrongs.filter((entry) => !excluding(entry)), wrongs.filter(excluding)]
  const stale = only.length > 0 || !usual ? [] : pytorchExclusions.filter(({ pattern }) => !wrongs.some(({ case: name }) => pattern.test(name))).map(({ pattern }) => String(pattern))
  const refusals = own.filter(({ outcome }) => outcome === 'refused')
  const missing: Record<string, string[]> = {}
  for (const { missing: names, operator } of refusals) for (const name of names ?? []) {
    const uses = missing[name] ??= []
    if (!uses.includes(operator)) uses.push(operator)
  }
  const operators = [...new Set(tried.map(({ operator }) => operator))].sort().map((operator): OperatorCounts => {
    const of = <T extends { readonly operator: string }>(list: readonly T[]): T[] => list.filter((entry) => entry.operator === operator)
    const [wrong, refused, left] = [of(faults), of(refusals), of(skipped)]
    const first = wrong[0] ?? refused[0]
    const note = first === undefined ? '' : `${first.outcome === 'refused' ? '' : `${first.case} ${first.outcome}: `}${first.missing === undefined ? first.detail ?? '' : `no mapping: ${first.missing.join(', ')}`}`
    const equal = of(own).filter(({ outcome }) => outcome === 'equal').length
    return {
      operator, equal, faults: wrong.length, refused: refused.length, skipped: left.length,
      note: note !== '' || equal > 0 ? note : [...new Set(left.map((entry) => entry.skipped ?? ''))].join(', '),
    }
  })
  return { torch: exported.find((entry) => entry.torch !== undefined)?.torch ?? 'unknown', operators, cases, reasons, missing, faults, excluded, stale, refusals }
}

const isFault = ({ outcome }: Judged): boolean => outcome !== 'equal' && outcome !== 'refused'

/** The result as Markdown: counts, then what is refused and why, by operator. */
export function sweepPage(sweep: PytorchSweep): string {
  const { cases, operators } = sweep
  const all = operators.filter(({ equal, faults, refused }) => equal > 0 && faults === 0 && refused === 0)
  const some = operators.filter(({ equal, faults, refused }) => equal > 0 && (faults > 0 || refused > 0))
  const none = operators.filter(({ equal, faults, refused }) => equal === 0 && (faults > 0 || refused > 0))
  const untried = operators.filter(({ equal, faults, refused }) => equal + faults + refused === 0)
  const cell = (text: string): string => text.replaceAll('|', '/').replaceAll('\n', ' ')
  return [
    `PyTorch ${sweep.torch}: ${operators.length} entries of the database. ${cases.equal} samples are equal, ${cases.refused} are refused with a typed error, ${sweep.faults.length} are wrong, ${sweep.excluded.length} are excluded (\`src/cli/conformance/pytorch-exclusions.ts\` says why); ${cases.skipped} could not be tried (${Object.entries(sweep.reasons).sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${count} ${reason}`).join(', ')}).`,
    '', `- all samples equal (${all.length}): ${all.map(({ operator }) => `\`${operator}\``).join(' ')}`,
    `- not tried (${untried.length}): ${untried.map(({ operator }) => `\`${operator}\``).join(' ')}`,
    '', `Not all equal (${some.length}), or none (${none.length}):`, '',
    '| entry | equal | refused | wrong | first reason |', '| --- | --- | --- | --- | --- |',
    ...[...some, ...none].map(({ operator, equal, refused, faults: wrong, note }) => `| \`${operator}\` | ${equal} | ${refused} | ${wrong} | ${cell(note.split(' | ')[0] ?? '').slice(0, 120)} |`), '',
  ].join('\n')
}
