// The tracker page: progress by lesson, days of work, scores over time, what is due. One HTML file that needs nothing else.
import { points } from '../display'
import { keptEvaluations, type Evaluation } from '../evaluation/evaluate'
import { readJournal, type JournalEntry } from '../journal'
import type { Project } from '../project'
import { escapeHtml, page } from '../../core'
import { statusOf, type Status } from './status'
import { duration } from './text'

const DAY_MS = 86_400_000
const WEEKS = 26

/** The page of a project's learner. */
export function trackerPage(project: Project, now: Date = new Date()): string {
  const status = statusOf(project, now)
  const journal = readJournal(project.journal)
  const evaluations = keptEvaluations(project, journal.flatMap((entry) => (entry.kind === 'evaluation' ? entry.file : [])))
  const { exercises, questions, next } = status
  return page('Progress', [
    '<h1>Progress</h1>', `<p class="faint">${escapeHtml(now.toUTCString())} · everything on this page stays on this machine</p>`,
    '<section class="scores">',
    tile('exercises passed', `${exercises.done}/${exercises.all}`), tile('points', `${points(exercises.points)}/${points(exercises.maxPoints)}`),
    tile('left in the course', duration(status.minutesLeft)), tile('questions practised', `${questions.practised}/${questions.all}`), tile('questions due', String(questions.due)),
    '</section>',
    ...(next ? [`<p><b>Next:</b> ${escapeHtml(next.title)} (${duration(next.minutes)}), <code>${escapeHtml(next.open)}</code>: ${escapeHtml(next.why)}</p>`] : []),
    '<h2>Lessons</h2>', lessonsTable(status), '<h2>Days of work</h2>', calendar(journal, now), '<h2>Scores over time</h2>', trend(evaluations),
    '<h2>What happened last</h2>', recent(journal),
    ...(status.problems.length === 0 ? [] : [`<h2>Left out, because it cannot be read</h2><pre>${escapeHtml(status.problems.join('\n'))}</pre>`]),
  ].join('\n'))
}

const tile = (name: string, value: string): string => `<figure><div style="font-size:1.6rem;font-weight:650;white-space:nowrap">${escapeHtml(value)}</div><figcaption>${name}</figcaption></figure>`

function lessonsTable({ lessons }: Status): string {
  if (lessons.length === 0) return '<p>No lesson is installed yet.</p>'
  const rows = lessons.map(({ title, track, done, all, minutes }) =>
    `<tr><td>${escapeHtml(title)}<br><span class="faint">${escapeHtml(track)}, ${duration(minutes)}</span></td>`
    + `<td><svg viewBox="0 0 200 14" width="200" height="14" role="img" aria-label="${done} of ${all}"><rect width="200" height="14" rx="4" class="none" opacity=".35"/>${done > 0 ? `<rect width="${(200 * done) / Math.max(1, all)}" height="14" rx="4" class="pass"/>` : ''}</svg></td>`
    + `<td class="number">${done} of ${all}</td></tr>`)
  return `<table><thead><tr><th>lesson</th><th>exercises</th><th class="number">passed</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

/** Half a year as columns of weeks: the darker, the more happened that day. */
function calendar(journal: readonly JournalEntry[], now: Date): string {
  const perDay = new Map<string, number>()
  for (const entry of journal) {
    if (entry.kind === 'evaluation') continue
    const day = entry.time.slice(0, 10)
    perDay.set(day, (perDay.get(day) ?? 0) + 1)
  }
  const today = Date.parse(now.toISOString().slice(0, 10))
  const monday = today - ((new Date(today).getUTCDay() + 6) % 7) * DAY_MS
  const cells: string[] = []
  const months: string[] = []
  for (let week = 0; week < WEEKS; week++) {
    const start = monday - (WEEKS - 1 - week) * 7 * DAY_MS
    const first = new Date(start)
    if (first.getUTCDate() <= 7) months.push(`<text x="${30 + week * 18}" y="12" class="small">${first.toLocaleString('en', { month: 'short', timeZone: 'UTC' })}</text>`)
    for (let day = 0; day < 7; day++) {
      const date = start + day * DAY_MS
      if (date > today) continue
      const key = new Date(date).toISOString().slice(0, 10)
      const count = perDay.get(key) ?? 0
      cells.push(`<rect x="${30 + week * 18}" y="${20 + day * 18}" width="15" height="15" rx="3" class="${count > 0 ? 'accent' : 'none'}" opacity="${count === 0 ? 0.25 : Math.min(1, 0.35 + count / 15)}"><title>${key}: ${count} ${count === 1 ? 'event' : 'events'}</title></rect>`)
    }
  }
  const names = ['Mon', '', 'Wed', '', 'Fri', '', ''].map((name, i) => `<text x="0" y="${32 + i * 18}" class="small">${name}</text>`).join('')
  return `<svg class="calendar" viewBox="0 0 ${40 + WEEKS * 18} 150" role="img" aria-label="days of work">${months.join('')}${names}${cells.join('')}</svg>`
}

const LINES = ['completion', 'quality', 'understanding', 'consistency'] as const
const COLORS = ['var(--accent)', 'var(--pass)', '#c98a1b', '#9a5fb8'] as const

function trend(all: readonly Evaluation[]): string {
  const scope = all.at(-1)?.scope
  const evaluations = all.filter((evaluation) => evaluation.scope === scope)
  if (evaluations.length === 0) return '<p>No evaluation yet: <code>npm run evaluate</code></p>'
  const [left, top, width, height] = [40, 12, 640, 190]
  const x = (i: number): number => left + (evaluations.length === 1 ? width / 2 : (i * width) / (evaluations.length - 1))
  const y = (value: number): number => top + height * (1 - value / 100)
  const grid = [0, 25, 50, 75, 100].map((value) => `<line x1="${left}" x2="${left + width}" y1="${y(value)}" y2="${y(value)}" stroke="var(--line)"/><text x="${left - 6}" y="${y(value) + 4}" text-anchor="end" class="small">${value}</text>`).join('')
  const lines = LINES.map((name, k) => {
    const known = evaluations.flatMap((evaluation, i) => {
      const value = evaluation.scores.find((score) => score.name === name)?.value
      return typeof value === 'number' ? [{ at: x(i), value }] : []
    })
    const path = known.map(({ at, value }, i) => `${i === 0 ? 'M' : 'L'}${at.toFixed(1)} ${y(value).toFixed(1)}`).join('')
    return `<path d="${path}" fill="none" stroke="${COLORS[k]}" stroke-width="2"/>${known.map(({ at, value }) => `<circle cx="${at.toFixed(1)}" cy="${y(value).toFixed(1)}" r="3.5" fill="${COLORS[k]}"><title>${name} ${value}</title></circle>`).join('')}`
      + `<rect x="${left + width + 20}" y="${top + 6 + k * 24}" width="12" height="12" rx="2" fill="${COLORS[k]}"/><text x="${left + width + 38}" y="${top + 17 + k * 24}" class="small">${name} ${known.at(-1)?.value ?? '–'}</text>`
  })
  const dates = evaluations.flatMap((evaluation, i) => (i === 0 || i === evaluations.length - 1 ? [`<text x="${x(i)}" y="${top + height + 20}" text-anchor="middle" class="small">${evaluation.at.slice(0, 10)}</text>`] : []))
  return `<p class="faint">${escapeHtml(scope ?? '')}, score of 100 by evaluation</p><svg class="chart" viewBox="0 0 870 235" role="img" aria-label="scores over time">${grid}${lines.join('')}${[...new Set(dates)].join('')}</svg>`
}

function recent(journal: readonly JournalEntry[]): string {
  const last = journal.slice(-12).reverse()
  if (last.length === 0) return '<p>Nothing yet. <code>npm start</code> opens the course.</p>'
  return `<table><tbody>${last.map((entry) => `<tr><td class="faint">${escapeHtml(entry.time.slice(0, 16).replace('T', ' '))}</td><td>${escapeHtml(told(entry))}</td></tr>`).join('')}</tbody></table>`
}

function told(entry: JournalEntry): string {
  switch (entry.kind) {
    case 'check': return `${entry.exercise}: ${entry.passed} of ${entry.total} checks passed`
    case 'hint': return `${entry.exercise}: hint ${entry.level}`
    case 'solution': return `${entry.exercise}: solution ${entry.afterPass ? 'read after the pass' : 'opened'}`
    case 'reset': return `${entry.exercise}: started over`
    case 'interview': return `interview: ${entry.question.split('/').at(-1) ?? ''}${entry.probe === undefined ? '' : `, calculation ${entry.probe ? 'right' : 'wrong'}`}`
    case 'measurement': return `measured: ${entry.name} ${Number(entry.value.toPrecision(3))}`
    case 'evaluation': return `evaluation of ${entry.scope}`
  }
}
