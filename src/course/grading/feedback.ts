// The page that a learner reads: every exercise with its checks, what was wrong, and where the points went. It is made from
// what records call `shown`, never from what they keep for the instructor.
import { escapeHtml as escape, proseHtml as prose } from '../../core'
import { cents, type Gradebook, type GradebookRow, type Grade } from './gradebook'
import { page } from './page'
import { incidentWords, type GradedCheck } from './records'

/** A learner's page. */
export function feedbackPage(row: GradebookRow, book: Gradebook): string {
  const share = row.maxPoints === 0 ? 0 : row.final / row.maxPoints
  const late = row.late.days === 0 ? '' : `<p class="part">${row.late.days} ${row.late.days === 1 ? 'day' : 'days'} late: ${row.points} points, of which ${Math.round(row.late.factor * 1000) / 10}% count.</p>`
  const body = `<h1>${escape(row.name)}</h1>
<p><span class="total">${row.final}</span> <span class="faint">of ${row.maxPoints} points</span></p>
<div class="bar"><i style="width:${(100 * Math.min(1, share)).toFixed(1)}%"></i></div>
${late}${row.state === 'missing' ? '<p class="bad">Nothing was handed in.</p>' : ''}
${overview(row, book)}
${row.state === 'missing' ? '' : row.grades.map((grade) => exercise(grade, book)).join('\n')}
<p class="faint">Checks that draw their own inputs draw new ones for every learner, so what they called is not shown here. In the notebook, <code>check()</code> shows it for inputs drawn there.</p>`
  return page(`Feedback for ${row.name}`, body)
}

const title = (book: Gradebook, id: string): string => book.columns.find((column) => column.id === id)?.title ?? id

const tone = ({ points, maxPoints }: { readonly points: number; readonly maxPoints: number }): string =>
  points >= maxPoints - 1e-9 ? 'good' : points > 0 ? 'part' : 'bad'

function overview(row: GradebookRow, book: Gradebook): string {
  if (row.state === 'missing') return ''
  const lines = row.grades.map((grade, i) => {
    const checks = grade.record?.checks ?? []
    const words = grade.state !== 'graded' ? grade.state : grade.record?.untouched ? 'not written yet' : `${checks.filter((check) => check.passed).length} of ${checks.length} checks`
    return `<tr><td><a href="#e${i + 1}">${escape(title(book, grade.exercise))}</a></td><td>${escape(words)}</td><td class="n ${tone(grade)}">${cents(grade.points)} / ${grade.maxPoints}</td></tr>`
  })
  return `<table><thead><tr><th>exercise</th><th></th><th class="n">points</th></tr></thead><tbody>${lines.join('')}</tbody></table>`
}

function exercise(grade: Grade, book: Gradebook): string {
  const number = book.columns.findIndex((column) => column.id === grade.exercise) + 1
  const head = `<div class="head"><h3>${escape(title(book, grade.exercise))}</h3><span class="${tone(grade)}">${cents(grade.points)} / ${grade.maxPoints}</span></div>`
  return `<section class="card" id="e${number}">${head}${bodyOf(grade)}</section>`
}

function bodyOf({ state, record }: Grade): string {
  if (state === 'not handed in') return '<p class="faint">The cell of this exercise is not in what you handed in. It is known by the mark in its metadata: start from the original notebook.</p>'
  if (state === 'several cells differ') return '<p class="bad">Several cells carry the mark of this exercise and differ, so none could be taken. Keep one, and ask your instructor.</p>'
  if (state !== 'graded' || !record) return '<p class="faint">This answer has no result yet. It is not a zero: your instructor knows.</p>'
  if (record.untouched) return '<p class="faint">The cell is as it was handed out.</p>'
  const incidents = incidentWords(record.incidents)
  const said = new Map<string, string | undefined>()
  return (incidents.length > 0 ? `<p class="note">While it ran, its process ${escape(incidents.join(', '))}.</p>` : '')
    + record.checks.map((check) => checkHtml(check, said)).join('')
}

/** One cause often fails several checks: its sentence stands at the first. */
function checkHtml(check: GradedCheck, said: Map<string, string | undefined>): string {
  const mark = check.passed ? '<span class="mark good">✓</span>' : '<span class="mark bad">✗</span>'
  const head = `${mark}${prose(check.name)} <span class="faint">${cents(check.points)}/${cents(check.maxPoints)}</span>`
  if (check.passed) return `<div class="check">${head}</div>`
  const { sentence, called, got, expected } = check.shown
  const again = sentence !== undefined && said.has(sentence)
  // Only another answer is news then.
  const repeated = again && said.get(sentence) === got
  if (sentence !== undefined) said.set(sentence, got)
  const rows: [string, string | undefined][] = [['called', called], ['got', got], ['expected', expected]]
  const facts = rows.flatMap(([label, text]) => (text === undefined || repeated ? [] : [`<span>${label}</span><pre>${escape(text)}</pre>`])).join('')
  return `<div class="check">${head}${sentence === undefined ? '' : `<div>${again ? '<span class="faint">The same as above.</span>' : prose(sentence)}</div>`}${facts === '' ? '' : `<div class="facts">${facts}</div>`}</div>`
}
