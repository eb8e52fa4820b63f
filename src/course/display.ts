// How the course shows itself in a notebook: HTML that is readable in light and dark, Markdown, and plain text.
import { Bundled, proseHtml as html } from '../core'
import type { CheckReport, CheckRow } from './run-checks'

/** The colours of the notebook where it has some; green and red of middle lightness, readable on white and on black. */
const COLOR = {
  pass: '#1f9d55', fail: '#d9534f', faint: 'var(--jp-ui-font-color2, #808080)', line: 'rgba(128, 128, 128, .35)', tint: 'rgba(128, 128, 128, .1)',
} as const

/** Points without needless digits: 10, 3.33. */
export function points(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** The result of `check`, shown as a list of the checks with what went wrong. */
export class CheckResult extends Bundled {
  /** The machine-readable form, for programs that run notebooks. */
  static readonly mime = 'application/vnd.whetstone.check+json'

  constructor(
    readonly report: CheckReport,
    readonly note: string = '',
  ) {
    super({ 'text/html': resultHtml(report, note), 'text/plain': resultText(report, note), [CheckResult.mime]: report })
  }

  get passed(): boolean {
    return this.report.passed
  }

  override toString(): string {
    return resultText(this.report, this.note)
  }
}

function resultText(report: CheckReport, note: string): string {
  const untouched = stubSentence(report)
  const lines = withoutRepetition(report.checks).flatMap((row) =>
    [`${row.passed ? '✓' : '✗'} ${row.name}`, ...(untouched ? [] : facts(row).map(([label, text]) => `    ${label.padEnd(8)} ${text}`))])
  return [`${report.title}: ${summary(report)}`, ...lines, ...(untouched ? [untouched] : []), ...(note ? [note] : [])].join('\n')
}

function resultHtml(report: CheckReport, note: string): string {
  const color = report.passed ? COLOR.pass : COLOR.fail
  const untouched = stubSentence(report)
  const rows = withoutRepetition(report.checks).map((row) => rowHtml(row, untouched !== undefined)).join('')
  return `<div style="border-left:4px solid ${color};padding:.2em 0 .2em .9em;max-width:60em">`
    + `<div style="margin-bottom:.3em"><b>${html(report.title)}</b> <span style="color:${color};font-weight:600">${html(summary(report))}</span></div>`
    + rows
    + (untouched ? `<div style="margin-top:.4em">${html(untouched)}</div>` : '')
    + (note ? `<div style="margin-top:.5em;color:${COLOR.faint}">${html(note)}</div>` : '')
    + '</div>'
}

/** One mistake often fails several checks: its sentence stands at the first. */
function withoutRepetition(rows: readonly CheckRow[]): CheckRow[] {
  const said = new Set<string>()
  return rows.map((row) => {
    if (row.mistake === undefined || !said.has(row.mistake)) {
      if (row.mistake !== undefined) said.add(row.mistake)
      return row
    }
    return { ...row, sentence: 'The same cause as above.' }
  })
}

/** The sentence that all checks share when nothing is written yet: said once, not with every check. */
function stubSentence(report: CheckReport): string | undefined {
  const [first, ...rest] = report.checks
  return first?.stub && rest.every((row) => row.stub) ? first.sentence : undefined
}

function summary(report: CheckReport): string {
  const count = report.checks.filter((row) => row.passed).length
  return report.passed
    ? `all ${report.checks.length} checks passed, ${points(report.points)} points`
    : `${count} of ${report.checks.length} checks passed, ${points(report.points)} of ${points(report.maxPoints)} points`
}

function facts(row: CheckRow): [string, string][] {
  const labelled: [string, string | undefined][] = [['called', row.called], ['got', row.got], ['expected', row.expected], ['→', row.sentence]]
  return row.passed ? [] : labelled.filter((fact): fact is [string, string] => fact[1] !== undefined)
}

function rowHtml(row: CheckRow, brief: boolean): string {
  const mark = row.passed ? `<span style="color:${COLOR.pass}">✓</span>` : `<span style="color:${COLOR.fail}">✗</span>`
  const head = `<div>${mark} ${html(row.name)} <span style="color:${COLOR.faint};font-size:90%">${points(row.points)}/${points(row.maxPoints)}</span></div>`
  const known = facts(row).filter(([label]) => label !== '→')
  if (row.passed || brief) return head
  const table = known.map(([label, text]) =>
    `<div style="color:${COLOR.faint}">${label}</div><code style="white-space:pre-wrap;overflow-wrap:anywhere;background:none">${html(text)}</code>`).join('')
  return head + `<div style="margin:.2em 0 .6em 1.3em;padding:.4em .7em;background:${COLOR.tint};border-radius:4px">`
    + (row.sentence ? `<div style="margin-bottom:.3em">${html(row.sentence)}</div>` : '')
    + `<div style="display:grid;grid-template-columns:max-content 1fr;gap:.1em .9em;font-size:92%">${table}</div></div>`
}

/** A page of Markdown, which reads as plain text too: hints, solutions, progress. */
export class Page extends Bundled {
  constructor(readonly markdown: string) {
    super({ 'text/markdown': markdown, 'text/plain': markdown })
  }

  override toString(): string {
    return this.markdown
  }
}

/** A fraction as blocks: ███░░░░░░░. Full only when everything is done, empty only when nothing is. */
export function bar(done: number, total: number, width = 10): string {
  const exact = total === 0 ? 0 : (done / total) * width
  const filled = done >= total && total > 0 ? width : done > 0 ? Math.min(width - 1, Math.max(1, Math.floor(exact))) : 0
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}
