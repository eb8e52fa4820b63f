// What docs/optimization-guide.md shows of `npm run bench -- techniques`: a figure and a table for each model, from the record
// that is committed in docs/measurements.
import { WhetstoneError } from '../../core'
import type { Row } from '../../benchmarks'
import { panels, type Dot, type Panel } from './panels'

/** What a suite left: `.whetstone/bench/techniques.json`, or its committed copy. */
export interface BenchRecord {
  readonly suite: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string }
  readonly rows: readonly Row[]
}

/** Files by name, and the text between the marks of the guide. */
export interface GuideParts {
  readonly figures: ReadonlyMap<string, string>
  readonly tables: string
}

const REFERENCE = 'float32'
const OFF = "float32, the runtime's optimizer off"

/** Models of the record, in the order in which they were measured. */
function modelsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.case.split(':')[0] ?? ''))]
}

interface Line {
  readonly technique: string
  readonly accuracy?: number
  readonly size?: number
  readonly one?: Row
  readonly many?: Row
  readonly missing?: string
}

function linesOf(rows: readonly Row[], model: string): Line[] {
  const own = rows.filter((row) => row.case.startsWith(`${model}:`))
  const find = (what: string, contestant: string): Row | undefined => own.find((row) => row.case === `${model}: ${what}` && row.contestant === contestant)
  return [...new Set(own.map((row) => row.contestant))].sort((a, b) => (a === REFERENCE ? -1 : b === REFERENCE ? 1 : 0)).map((technique) => {
    const accuracy = find('accuracy', technique), size = find('size', technique)?.median
    const one = find('1 at once, 1 thread', technique), many = find('32 at once, 1 thread', technique)
    return {
      technique, ...(accuracy?.median !== undefined && { accuracy: accuracy.median }), ...(size !== undefined && { size }), ...(one && { one }), ...(many && { many }),
      ...(accuracy?.missing !== undefined && { missing: accuracy.missing }),
    }
  })
}

const dots = (lines: readonly Line[], of: (line: Line) => Omit<Dot, 'row'> | undefined): Dot[] => lines.flatMap((line) => {
  const dot = of(line)
  return dot ? [{ row: line.technique, ...dot }] : []
})
const timeOf = (row: Row | undefined): Omit<Dot, 'row'> | undefined => (row?.ratio === undefined ? undefined : { value: row.ratio, ...(row.interval && { interval: row.interval }) })

function figureOf(model: string, lines: readonly Line[], { machine }: BenchRecord): string {
  const reference = lines.find((line) => line.technique === REFERENCE)
  const shown = lines.filter((line) => line.technique !== REFERENCE && line.missing === undefined)
  const time: Panel = {
    title: 'time ÷ float32 (ratio), lower is faster', log: true, reference: 1,
    series: { 'one sample': dots(shown, (line) => timeOf(line.one)), '32 samples': dots(shown, (line) => timeOf(line.many)) },
  }
  const size: Panel = { title: 'file ÷ float32 (ratio)', log: true, reference: 1, series: { size: dots(shown, (line) => (line.size === undefined || reference?.size === undefined ? undefined : { value: line.size / reference.size })) } }
  const lost: Panel = { title: 'accuracy lost (points)', reference: 0, series: { lost: dots(shown, (line) => (line.accuracy === undefined || reference?.accuracy === undefined ? undefined : { value: reference.accuracy - line.accuracy })) } }
  return panels({
    title: `${model}: what each technique changed`,
    subtitle: `Against float32 with the runtime's optimizer on, one thread; dots with 95% intervals. ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}.`,
    rows: shown.map((line) => line.technique), panels: [time, size, lost],
  })
}

const round = (value: number, digits = 3): string => String(Number(value.toPrecision(digits)))
const timeText = (row: Row | undefined): string => (row?.ratio === undefined ? '' : `${round(row.ratio)} [${(row.interval ?? []).map((each) => round(each, 2)).join(', ')}]`)

function tableOf(model: string, lines: readonly Line[]): string {
  const reference = lines.find((line) => line.technique === REFERENCE)
  const rows = lines.map((line) => {
    if (line.missing !== undefined) return `| ${line.technique} | not possible: ${line.missing.replaceAll('|', '/')} | | | |`
    const lost = line.accuracy === undefined || reference?.accuracy === undefined ? '' : line.technique === REFERENCE ? `${line.accuracy.toFixed(2)}%` : (reference.accuracy - line.accuracy).toFixed(2)
    const size = line.technique === OFF ? reference?.size : line.size
    return `| ${line.technique} | ${line.technique === OFF ? '0' : lost} | ${size === undefined ? '' : `${round(size)} kB`} | ${line.technique === REFERENCE ? `${round(line.one?.median ?? NaN)} ms` : timeText(line.one)} | ${line.technique === REFERENCE ? `${round(line.many?.median ?? NaN)} ms` : timeText(line.many)} |`
  })
  return [`| ${model} | points lost | file | time of one ÷ float32 | time of 32 ÷ float32 |`, '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

/**
 * The figures and tables of a record.
 *
 * @throws WhetstoneError `GUIDE_RECORD` when it is not one of the suite `techniques`
 */
export function guideParts(record: BenchRecord): GuideParts {
  if (record.suite !== 'techniques' || record.rows.length === 0) {
    throw new WhetstoneError('GUIDE_RECORD', 'The guide is made from another benchmark', { expected: 'techniques, with rows', got: `${record.suite}, ${record.rows.length} rows`, fix: 'npm run bench -- techniques' })
  }
  const figures = new Map<string, string>()
  const sections = modelsOf(record.rows).map((model) => {
    const lines = linesOf(record.rows, model)
    figures.set(`techniques-${model}.svg`, figureOf(model, lines, record))
    return `![${model}: time, size and accuracy of each technique against float32](images/techniques-${model}.svg)\n\n${tableOf(model, lines)}`
  })
  return { figures, tables: sections.join('\n\n') }
}

const BEGIN = '<!-- measured: begin -->', END = '<!-- measured: end -->'

/** The guide with the tables of the record in their place. */
export function withTables(page: string, tables: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new WhetstoneError('GUIDE_MARKS', 'The guide has no place for its tables', { expected: `${BEGIN} … ${END}`, where: 'docs/optimization-guide.md' })
  return `${page.slice(0, begin + BEGIN.length)}\n${tables}\n${page.slice(end)}`
}
