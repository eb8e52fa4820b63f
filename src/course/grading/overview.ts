// The page that the instructor reads first: how the class did, where it failed and why, and what needs a person.
import { escapeHtml as escape, proseHtml as prose } from '../../core'
import { cents, type Gradebook, type GradebookRow } from './gradebook'
import { columnNames } from './exports'
import { page } from './page'

/** The overview of a class. `link` gives the address of a learner's page. */
export function overviewPage(book: Gradebook, link: (row: GradebookRow) => string): string {
  const present = book.rows.filter((row) => row.state === 'handed in')
  const missing = book.rows.length - present.length
  const late = present.filter((row) => row.late.days > 0).length
  const finals = present.map((row) => row.final)
  const facts = [
    `${present.length} handed in`, `${missing} missing`, `${late} late`, `median ${cents(quantile(finals, 0.5))} of ${book.maxPoints}`,
    ...(book.open > 0 ? [`${book.open} answers have no result yet`] : []),
  ]
  const body = `<h1>Class overview</h1>
<p class="faint">${facts.map(escape).join(' · ')} · sandbox: ${escape(book.sandbox)}</p>
${book.sandbox === 'none' ? '<p class="note"><b>These submissions ran without a sandbox.</b> Their code could read and change everything that the account of the grader can, solutions and this gradebook included.</p>' : ''}
<h2>Grades</h2>
${histogram(finals, book.maxPoints, 760, 'learners', `points of ${book.maxPoints}`)}
<h2>By exercise</h2>
<div class="grid">${book.columns.map((column) => exerciseCard(book, column.id, present)).join('')}</div>
${mistakes(book, present)}
${hardest(book, present)}
${attention(book, link)}
${similar(book, link)}
${table(book, link)}`
  return page('Class overview', body)
}

/** The value below which a share of the sorted values lies, with linear interpolation. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0]
  return low + (high - low) * (at - Math.floor(at))
}

/** Counts of values from 0 to `most` in ten bins; the last holds the full score too. */
function histogram(values: readonly number[], most: number, width: number, y: string, x: string): string {
  const bins = Array.from({ length: 10 }, () => 0)
  for (const value of values) {
    const bin = Math.min(9, Math.floor((value / Math.max(most, 1e-9)) * 10))
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  const height = Math.max(130, Math.round(width * 0.28)), left = 36, bottom = 34, top = 16
  const tallest = Math.max(1, ...bins), step = (width - left - 8) / 10
  const bars = bins.map((count, i) => {
    const tall = ((height - bottom - top) * count) / tallest
    const at = left + i * step
    const label = count === 0 ? '' : `<text x="${(at + step / 2).toFixed(1)}" y="${(height - bottom - tall - 4).toFixed(1)}" text-anchor="middle">${count}</text>`
    return `<rect class="fill" x="${(at + 2).toFixed(1)}" y="${(height - bottom - tall).toFixed(1)}" width="${(step - 4).toFixed(1)}" height="${tall.toFixed(1)}" rx="2"/>${label}`
  })
  const ticks = [0, 5, 10].map((i) => `<text class="faint" x="${(left + i * step).toFixed(1)}" y="${height - bottom + 15}" text-anchor="${i === 0 ? 'start' : i === 10 ? 'end' : 'middle'}">${cents((most * i) / 10)}</text>`)
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><line x1="${left}" x2="${width - 8}" y1="${height - bottom}" y2="${height - bottom}"/>${bars.join('')}${ticks.join('')}<text class="faint" x="${left + (width - left) / 2}" y="${height - 3}" text-anchor="middle">${escape(x)}</text><text class="faint" transform="translate(12 ${(height - bottom) / 2 + top / 2}) rotate(-90)" text-anchor="middle">${escape(y)}</text></svg>`
}

function exerciseCard(book: Gradebook, id: string, rows: readonly GradebookRow[]): string {
  const column = book.columns.find((each) => each.id === id)
  const grades = rows.flatMap((row) => row.grades.find((grade) => grade.exercise === id) ?? [])
  const most = column?.maxPoints ?? 0
  const full = grades.filter((grade) => grade.points >= most - 1e-9).length, none = grades.filter((grade) => grade.points === 0).length
  const untouched = grades.filter((grade) => grade.record?.untouched || grade.state === 'not handed in').length
  const times = grades.flatMap((grade) => (grade.record && !grade.record.untouched && grade.state === 'graded' ? [grade.record.milliseconds / 1000] : []))
  const time = times.length === 0 ? '' : `, ${quantile(times, 0.5).toFixed(1)} s to grade (longest ${Math.max(...times).toFixed(1)} s)`
  return `<div class="card"><h3>${escape(column?.title ?? id)}</h3><p class="faint">${full} full, ${grades.length - full - none} in part, ${none} without points (${untouched} not tried)${time}</p>${histogram(grades.map((grade) => grade.points), most, 340, 'learners', `points of ${most}`)}</div>`
}

/** Bars of counts, largest first. */
function bars(items: readonly { readonly label: string; readonly count: number; readonly of: number; readonly more?: string }[]): string {
  const rows = items.map(({ label, count, of, more }) => {
    const share = of === 0 ? 0 : count / of
    return `<tr><td>${prose(label)}${more === undefined ? '' : `<br><span class="faint">${prose(more)}</span>`}</td><td class="n" style="white-space:nowrap">${count} of ${of}</td><td style="width:14rem"><svg viewBox="0 0 200 14" width="200" height="14" role="img"><rect class="rest" width="200" height="10" y="5" rx="3"/><rect class="part" width="${(200 * share).toFixed(1)}" height="10" y="5" rx="3"/></svg></td></tr>`
  })
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

function mistakes(book: Gradebook, rows: readonly GradebookRow[]): string {
  const names = columnNames(book)
  const found = new Map<string, { exercise: string; name: string; sentence: string; learners: Set<string> }>()
  for (const row of rows) {
    for (const { exercise, record } of row.grades) {
      for (const check of record?.checks ?? []) {
        if (check.mistake === undefined) continue
        const key = `${exercise}\n${check.mistake}`
        const one = found.get(key) ?? { exercise, name: check.mistake, sentence: (check.kept ?? check.shown).sentence ?? '', learners: new Set<string>() }
        one.learners.add(row.learner)
        found.set(key, one)
      }
    }
  }
  const list = [...found.values()].sort((a, b) => b.learners.size - a.learners.size || (a.name < b.name ? -1 : 1)).slice(0, 15)
  if (list.length === 0) return ''
  return `<h2>Most frequent mistakes</h2>${bars(list.map((each) => ({ label: `${names.get(each.exercise) ?? ''}: ${each.name}`, more: each.sentence, count: each.learners.size, of: rows.length })))}`
}

function hardest(book: Gradebook, rows: readonly GradebookRow[]): string {
  const names = columnNames(book)
  const found = new Map<string, { label: string; failed: number; tried: number }>()
  for (const row of rows) {
    for (const { exercise, record } of row.grades) {
      if (record?.state !== 'graded' || record.untouched) continue
      for (const check of record.checks) {
        const key = `${exercise}\n${check.name}`
        const one = found.get(key) ?? { label: `${names.get(exercise) ?? ''}: ${check.name}`, failed: 0, tried: 0 }
        one.tried++
        if (!check.passed) one.failed++
        found.set(key, one)
      }
    }
  }
  const list = [...found.values()].filter((each) => each.failed > 0).sort((a, b) => b.failed / b.tried - a.failed / a.tried || (a.label < b.label ? -1 : 1)).slice(0, 10)
  return list.length === 0 ? '' : `<h2>Hardest checks</h2><p class="faint">Of those who tried the exercise.</p>${bars(list.map((each) => ({ label: each.label, count: each.failed, of: each.tried })))}`
}

function attention(book: Gradebook, link: (row: GradebookRow) => string): string {
  const rows = book.rows.filter((row) => row.notes.length > 0)
  if (rows.length === 0) return ''
  const lines = rows.map((row) => `<tr><td style="overflow-wrap:anywhere"><a href="${escape(link(row))}">${escape(row.name)}</a></td><td>${row.notes.map((note) => `<div style="overflow-wrap:anywhere">${escape(note)}</div>`).join('')}</td></tr>`)
  return `<h2>To look at</h2><table><tbody>${lines.join('')}</tbody></table>`
}

function similar(book: Gradebook, link: (row: GradebookRow) => string): string {
  if (book.similar.length === 0) return '<h2>Similar submissions</h2><p class="faint">No two are more alike than the exercise makes them.</p>'
  const names = columnNames(book)
  const rowOf = (learner: string): string => {
    const row = book.rows.find((each) => each.learner === learner)
    return row ? `<a href="${escape(link(row))}">${escape(row.name)}</a>` : escape(learner)
  }
  const lines = book.similar.slice(0, 50).map(({ learners: [a, b], similarity, shared, exercises }) =>
    `<tr><td>${rowOf(a)}</td><td>${rowOf(b)}</td><td class="n">${Math.round(similarity * 100)}%</td><td class="n">${shared}</td><td>${escape(exercises.map((id) => names.get(id) ?? id).join(', '))}</td></tr>`)
  return `<h2>Similar submissions</h2><p class="faint">A reason to look, not a verdict. Names, comments and layout do not count, nor what the stub gave or many wrote.</p><table><thead><tr><th></th><th></th><th class="n">alike</th><th class="n">fingerprints</th><th>exercises</th></tr></thead><tbody>${lines.join('')}</tbody></table>`
}

function table(book: Gradebook, link: (row: GradebookRow) => string): string {
  const names = columnNames(book)
  const tone = (points: number, most: number): string => (points >= most - 1e-9 ? 'good' : points > 0 ? 'part' : 'bad')
  const lines = book.rows.map((row) => `<tr><td style="overflow-wrap:anywhere"><a href="${escape(link(row))}">${escape(row.name)}</a></td>${row.grades.map((grade) =>
    `<td class="n ${grade.record ? tone(grade.points, grade.maxPoints) : 'faint'}">${grade.state === 'graded' ? cents(grade.points) : grade.state === 'not handed in' ? '–' : grade.state === 'not graded yet' ? '…' : '?'}</td>`).join('')}<td class="n">${row.late.days > 0 ? `−${Math.round((1 - row.late.factor) * 100)}%` : ''}</td><td class="n"><b>${row.final}</b></td></tr>`)
  return `<h2>Everybody</h2><div style="overflow-x:auto"><table><thead><tr><th>learner</th>${book.columns.map((column) => `<th class="n">${escape((names.get(column.id) ?? '').replaceAll('_', ' '))}</th>`).join('')}<th class="n">late</th><th class="n">of ${book.maxPoints}</th></tr></thead><tbody>${lines.join('')}</tbody></table></div>`
}
