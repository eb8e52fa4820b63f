// An evaluation as one HTML file that needs nothing else: scores, progress by track, every line with its evidence.
import type { Evaluation, EvaluationLine } from './evaluate'
import type { Evidence, Verdict } from './measurement'
import { shortBytes } from '../week/text'
import { escapeHtml, page } from '../../core'

const MARK: Readonly<Record<Verdict, readonly [string, string]>> = { 'passed': ['✓', 'pass'], 'failed': ['✗', 'fail'], 'not measured': ['–', 'none'] }
const KIND_NAMES: Readonly<Record<string, string>> = {
  'done-when': 'Definition of done', 'project': 'Deliverables and project steps', 'target': 'Target', 'milestone': 'Milestones', 'assessment': 'Assessment',
  'goal': 'Learning goals', 'hands-on': 'Hands-on', 'interview-question': 'Interview questions', 'stretch': 'Stretch goals', 'publish': 'To publish',
}

/** The page of an evaluation. */
export function evaluationPage(evaluation: Evaluation): string {
  const tracks = [...new Set(evaluation.lines.map((line) => line.track))]
  const body = [
    `<h1>Evaluation: ${escapeHtml(evaluation.scope)}</h1>`,
    `<p class="faint">${escapeHtml(new Date(evaluation.at).toUTCString())} · ${escapeHtml(evaluation.machine)}</p>`,
    `<p>${escapeHtml(countsOf(evaluation.lines))} Every verdict comes from a program that ran for this page; nothing passed because somebody wrote so.</p>`,
    `<section class="scores">${evaluation.scores.map((score) => ring(score.name, score.value, score.formula, score.worked)).join('')}</section>`,
    '<h2>By track</h2>', chart(evaluation.lines, tracks, (line) => line.track),
    '<h2>By kind of line</h2>', chart(evaluation.lines, [...new Set(evaluation.lines.map((line) => line.kind))], (line) => line.kind, (kind) => KIND_NAMES[kind] ?? kind),
    '<h2>How the scores are computed</h2>',
    `<table><thead><tr><th>score</th><th>formula</th><th>with these numbers</th><th class="number"></th></tr></thead><tbody>${evaluation.scores.map((score) =>
      `<tr><td>${score.name}</td><td>${escapeHtml(score.formula)}</td><td>${escapeHtml(score.worked)}</td><td class="number">${score.value ?? 'not measured'}</td></tr>`).join('')}</tbody></table>`,
    ...(evaluation.problems.length === 0 ? [] : [`<h2>Left out, because it cannot be read</h2><pre>${escapeHtml(evaluation.problems.join('\n'))}</pre>`]),
    '<h2>Every line and its evidence</h2>',
    '<p class="filters"><label><input type="checkbox" data-show="pass" checked> passed</label> <label><input type="checkbox" data-show="fail" checked> failed</label> <label><input type="checkbox" data-show="none" checked> not measured here</label></p>',
    ...tracks.map((track) => `<h3>${escapeHtml(track)}</h3>${tableOf(evaluation.lines.filter((line) => line.track === track))}`),
    FILTER,
  ]
  return page(`Evaluation: ${evaluation.scope}`, body.join('\n'))
}

const FILTER = `<script>for (const box of document.querySelectorAll('[data-show]')) box.addEventListener('change', () => {
  for (const row of document.querySelectorAll('tr.' + box.dataset.show)) row.hidden = !box.checked })</script>`

/** "3 of 40 lines passed, 12 failed, 25 are not measured here." */
export function countsOf(lines: readonly EvaluationLine[]): string {
  const count = (verdict: Verdict): number => lines.filter((line) => line.verdict === verdict).length
  return `${count('passed')} of ${lines.length} lines passed, ${count('failed')} failed, ${count('not measured')} are not measured here.`
}

function ring(name: string, value: number | null, formula: string, worked: string): string {
  const length = 2 * Math.PI * 42
  const part = ((value ?? 0) / 100) * length
  return `<figure title="${escapeHtml(`${formula}\n= ${worked}`)}"><svg viewBox="0 0 100 100" role="img" aria-label="${name} ${value ?? 'not measured'}">`
    + '<circle cx="50" cy="50" r="42" class="track"/>'
    + `<circle cx="50" cy="50" r="42" class="value" stroke-dasharray="${part.toFixed(1)} ${length.toFixed(1)}" transform="rotate(-90 50 50)"${value === null || value === 0 ? ' opacity="0"' : ''}/>`
    + `<text x="50" y="${value === null ? 53 : 57}" text-anchor="middle" class="${value === null ? 'nothing' : 'big'}">${value === null ? 'nothing yet' : Math.round(value)}</text></svg><figcaption>${name}</figcaption></figure>`
}

/** Stacked bars: passed, failed, not measured, one row a group. */
function chart(lines: readonly EvaluationLine[], groups: readonly string[], of: (line: EvaluationLine) => string, label: (group: string) => string = (group) => group): string {
  const [left, width, row] = [210, 560, 30]
  const rows = groups.map((group, i) => {
    const members = lines.filter((line) => of(line) === group)
    let x = left
    const parts = (Object.keys(MARK) as Verdict[]).map((verdict) => {
      const count = members.filter((line) => line.verdict === verdict).length
      const size = (width * count) / Math.max(1, members.length)
      const bar = count === 0 ? '' : `<rect x="${x.toFixed(1)}" y="${i * row + 4}" width="${Math.max(0, size - 1).toFixed(1)}" height="${row - 9}" rx="3" class="${MARK[verdict][1]}"><title>${count} ${verdict}</title></rect>`
        + (size > 24 ? `<text x="${(x + size / 2).toFixed(1)}" y="${i * row + 19}" text-anchor="middle" class="on">${count}</text>` : '')
      x += size
      return bar
    })
    return `<text x="${left - 10}" y="${i * row + 19}" text-anchor="end">${escapeHtml(label(group))}</text>${parts.join('')}<text x="${left + width + 8}" y="${i * row + 19}" class="small">${members.length} lines</text>`
  })
  const key = (Object.keys(MARK) as Verdict[]).map((verdict, i) =>
    `<rect x="${left + i * 130}" y="${groups.length * row + 8}" width="12" height="12" rx="2" class="${MARK[verdict][1]}"/><text x="${left + i * 130 + 18}" y="${groups.length * row + 18}" class="small">${verdict}</text>`).join('')
  return `<svg class="chart" viewBox="0 0 850 ${groups.length * row + 28}" role="img" aria-label="lines by verdict">${rows.join('')}${key}</svg>`
}

function tableOf(lines: readonly EvaluationLine[]): string {
  const rows = lines.map((line) => {
    const [mark, style] = MARK[line.verdict]
    const evidence = line.evidence.length === 0 ? '' : `<details><summary>${line.evidence.length} ${line.evidence.length === 1 ? 'fact' : 'facts'}</summary><table class="facts">${line.evidence.map(fact).join('')}</table></details>`
    return `<tr class="${style}"><td class="mark">${mark}</td><td><b>${escapeHtml(line.text)}</b><br><span class="faint">${escapeHtml(line.section)}</span></td>`
      + `<td>${escapeHtml(line.reason)}${evidence}</td><td><code>${escapeHtml(line.command.replace('npm run evaluate -- ', ''))}</code></td></tr>`
  })
  return `<table class="lines"><thead><tr><th></th><th>line of the curriculum</th><th>what was found</th><th>measure it again: <code>npm run evaluate --</code> …</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function fact({ what, value, interval, file }: Evidence): string {
  const range = interval ? ` <span class="faint">95% interval ${interval.map((each) => Number(each.toPrecision(3))).join(' to ')}</span>` : ''
  const hash = file ? `<br><span class="faint">${escapeHtml(file.path)}, ${shortBytes(file.bytes)}, sha256 ${file.sha256.slice(0, 16)}…</span>` : ''
  return `<tr><td>${escapeHtml(what)}</td><td>${escapeHtml(value)}${range}${hash}</td></tr>`
}
