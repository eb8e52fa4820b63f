// A document as evidence: not its words, but the numbers in its table, each of which is measured again.
import { readFileSync } from 'node:fs'
import { CLAIM_TOLERANCE, type Measure } from './measures'
import { failed, passed, short, type Evidence } from './measurement'
import type { ProjectWork } from './project-work'

/** One number that a document states about one file of the project. */
export interface Claim {
  readonly model: string
  readonly metric: string
  readonly value: number
}

/** Rows of a document that are read; a longer one is not a report of a project. */
const MAX_CLAIMS = 200

/**
 * The claims in the tables of a Markdown text: rows of tables whose header has the columns `model`, `metric` and `value`.
 * Code marks around names, thousands separators and a unit after the number are understood.
 */
export function readClaims(text: string): Claim[] {
  const claims: Claim[] = []
  let columns: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    const cells = line.trim().startsWith('|') ? line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => cell.trim().replaceAll('`', '')) : undefined
    if (!cells) {
      columns = undefined
    } else if (!columns) {
      const header = cells.map((cell) => cell.toLowerCase())
      if (['model', 'metric', 'value'].every((name) => header.includes(name))) columns = header
    } else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) {
      const cell = (name: string): string => cells[columns?.indexOf(name) ?? -1] ?? ''
      const number = /^-?[\d,_ ]*\.?\d+(?:e-?\d+)?/i.exec(cell('value'))?.[0].replace(/[,_ ]/g, '')
      const share = /%\s*$/.test(cell('value')) ? 100 : 1
      if (number !== undefined && claims.length < MAX_CLAIMS) claims.push({ model: cell('model'), metric: cell('metric').toLowerCase(), value: Number(number) / share })
    }
  }
  return claims
}

/**
 * A document states, in a table `model | metric | value`, each of `metrics` for at least `models` models, and every number
 * agrees with what is measured now. Metrics: bytes, accuracy, milliseconds, speedup (over `reference`).
 */
export function claims(document: string, metrics: readonly string[], models: number, reference: string): Measure {
  return {
    needs: [document],
    measure: async (work) => {
      const found = readClaims(readFileSync(work.at(document), 'utf8'))
      const evidence: Evidence[] = [work.evidence(document, `${found.length} numbers in its tables`)]
      const lacking = metrics.find((metric) => new Set(found.filter((claim) => claim.metric === metric).map((claim) => claim.model)).size < models)
      if (lacking !== undefined) {
        return failed(`${document} states no ${lacking} for ${models} models in a table "model | metric | value"; its prose earns nothing`, evidence)
      }
      let right = 0
      let wrong: string | undefined
      for (const claim of found) {
        const measured = await measureAgain(work, claim, reference)
        const holds = measured !== undefined && agrees(claim, measured)
        if (holds) right++
        else wrong ??= `${document} says ${claim.metric} of ${claim.model} is ${short(claim.value)}; ${measured === undefined ? 'that cannot be measured' : `measured now: ${short(measured)}`}`
        evidence.push({ what: `${claim.metric} of ${claim.model}`, value: `stated ${short(claim.value)}, measured ${measured === undefined ? 'not' : short(measured)}` })
      }
      return wrong === undefined ? passed(`all ${found.length} numbers of ${document} are measured again and hold`, evidence) : failed(wrong, evidence, right / found.length)
    },
  }
}

function agrees({ metric, value }: Claim, measured: number): boolean {
  const tolerance = CLAIM_TOLERANCE[metric] ?? 0
  if (metric === 'accuracy') return Math.abs(value - measured) <= tolerance
  // A factor either way: twice as long is as far as half as long.
  return value > 0 && measured > 0 && Math.max(value / measured, measured / value) <= 1 + tolerance
}

async function measureAgain(work: ProjectWork, { model, metric }: Claim, reference: string): Promise<number | undefined> {
  if (!work.has(model) || !model.endsWith('.onnx')) return undefined
  if (metric === 'bytes') return work.evidence(model).file?.bytes
  if (metric === 'accuracy') {
    const { right, of } = await work.accuracy(model)
    return right / of
  }
  if (metric !== 'milliseconds' && metric !== 'speedup') return undefined
  if (!work.has(reference)) return undefined
  const { ratio, milliseconds } = await work.speedUp(reference, model)
  return metric === 'speedup' ? ratio : milliseconds[1]
}
