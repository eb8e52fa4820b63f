// Several partial gradebooks, each made by one shard, become one.
import { existsSync, readFileSync } from 'node:fs'
import { GradingError } from './errors'
import { makeGradebook, type Gradebook, type Roll, type RosterEntry } from './gradebook'
import type { LatePolicy } from './late'
import { Ledger, readLedger, stateOf } from './records'
import { writeResults } from './run'
import { replaceState } from './state'

/** What a merge is to do. */
export interface MergeOptions {
  /** Folders that shards wrote. */
  readonly parts: readonly string[]
  readonly out: string
  readonly roster?: readonly RosterEntry[]
  readonly late?: LatePolicy
  readonly assignment?: string
  /** Merge although a shard is not there. */
  readonly partial?: boolean
}

/**
 * The gradebook of all shards, written to `out`.
 *
 * @throws GradingError `GRADE_MERGE` when a folder is no result of grading, shards graded different exercises, a shard is
 * missing or there twice
 */
export function mergeGradebooks(options: MergeOptions): Gradebook {
  const rolls = options.parts.map((part) => ({ part, roll: readRoll(part) }))
  const [first] = rolls
  if (!first) throw new GradingError('GRADE_MERGE', 'There is nothing to merge', { expected: 'folders that `whetstone grade --shard i/n` wrote' })
  for (const { part, roll } of rolls) {
    if (JSON.stringify(roll.columns) === JSON.stringify(first.roll.columns) && roll.sandbox === first.roll.sandbox) continue
    throw new GradingError('GRADE_MERGE', 'The parts were graded differently', {
      expected: `the exercises, their versions and the sandbox of ${first.part}`, where: part, fix: 'grade all shards with the same course and options',
    })
  }
  checkShards(rolls, options.partial ?? false)
  const seen = new Map<string, string>()
  for (const { part, roll } of rolls) {
    for (const { learner } of roll.learners) {
      const other = seen.get(learner)
      if (other !== undefined) throw new GradingError('GRADE_MERGE', 'A learner is in two parts', { got: learner, where: `${other} and ${part}`, fix: 'merge each shard once' })
      seen.set(learner, part)
    }
  }
  const { columns, sandbox } = first.roll
  const roll: Roll = { columns, sandbox, learners: rolls.flatMap((each) => each.roll.learners).sort((a, b) => (a.learner < b.learner ? -1 : 1)) }
  const ledger = new Ledger(options.out)
  try {
    for (const { part } of rolls) {
      for (const [answer, record] of readLedger(stateOf(part).ledger)) if (ledger.records.get(answer)?.key !== record.key) ledger.add(record)
    }
    replaceState(stateOf(options.out).roll, roll)
    const book = makeGradebook(roll, ledger.records, options.roster, options.late)
    writeResults(options.out, book, options.assignment)
    return book
  } finally {
    ledger.close()
  }
}

function readRoll(part: string): Roll {
  const file = stateOf(part).roll
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Roll
  throw new GradingError('GRADE_MERGE', 'This folder holds no results of grading', { expected: 'a folder that `whetstone grade --out` wrote, with its hidden folder .grading', where: part })
}

function checkShards(rolls: readonly { readonly part: string; readonly roll: Roll }[], partial: boolean): void {
  const shards = rolls.flatMap(({ roll }) => roll.shard ?? [])
  const [first] = shards
  if (!first || partial) return
  if (shards.length !== rolls.length || shards.some((shard) => shard.count !== first.count)) {
    throw new GradingError('GRADE_MERGE', 'The parts are not shards of one run', { got: rolls.map(({ part, roll }) => `${part}: ${roll.shard ? `${roll.shard.index}/${roll.shard.count}` : 'whole'}`).join(', ') })
  }
  const missing = Array.from({ length: first.count }, (_, i) => i + 1).filter((index) => !shards.some((shard) => shard.index === index))
  if (missing.length > 0) {
    throw new GradingError('GRADE_MERGE', 'A shard is missing', {
      expected: `shards 1 to ${first.count}`, got: `without ${missing.join(', ')}`, fix: 'grade it, or merge what is there with --partial',
    })
  }
}
