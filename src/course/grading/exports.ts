// The gradebook in the forms that others read: a spreadsheet, a program, Canvas, Moodle, Gradescope. Nothing that a learner
// can see holds hidden inputs.
import { cents, oneLine, type Gradebook, type GradebookRow, type Grade } from './gradebook'
import { formatCsv } from './csv'
import { incidentWords, type GradedCheck } from './records'

/** For a spreadsheet: one line a learner, one column an exercise, and what a person should look at. */
export function gradebookCsv(book: Gradebook): string {
  const names = columnNames(book)
  // Excel takes a file without this mark for the local code page.
  return '\ufeff' + formatCsv([
    ['learner', 'name', 'email', 'state', 'submitted', 'days late', ...book.columns.map((column) => `${names.get(column.id) ?? ''} (${column.maxPoints})`), 'points', 'counts', 'grade', 'of', 'percent', 'look at'],
    ...book.rows.map((row) => [
      oneLine(row.learner), row.name, row.email, row.state, row.submitted, row.late.days, ...row.grades.map(gradeCell), row.points, row.late.factor, row.final,
      row.maxPoints, percent(row.final, row.maxPoints), row.notes.join('; '),
    ]),
  ])
}

const gradeCell = (grade: Grade): string | number => (grade.state === 'not graded yet' ? '' : cents(grade.points))

const percent = (points: number, of: number): number => (of === 0 ? 0 : Math.round((1000 * points) / of) / 10)

/** The shortest names that tell the exercises apart. */
export function columnNames(book: Pick<Gradebook, 'columns'>): Map<string, string> {
  const last = (id: string): string => id.split('/').at(-1) ?? id
  const times = new Map<string, number>()
  for (const { id } of book.columns) times.set(last(id), (times.get(last(id)) ?? 0) + 1)
  return new Map(book.columns.map(({ id }) => [id, times.get(last(id)) === 1 ? last(id) : id]))
}

/** For programs, whole: every check of every answer, for the instructor. */
export function gradebookJson(book: Gradebook): string {
  return JSON.stringify({
    version: 1, sandbox: book.sandbox, maxPoints: book.maxPoints, open: book.open, columns: book.columns,
    ...(book.policy ? { late: { ...book.policy, deadline: book.policy.deadline.toISOString() } } : {}),
    learners: book.rows.map((row) => ({
      learner: row.learner, name: row.name, ...(row.email === undefined ? {} : { email: row.email }), state: row.state,
      ...(row.submitted === undefined ? {} : { submitted: row.submitted }), late: row.late, points: row.points, grade: row.final, notes: row.notes,
      exercises: row.grades.map(({ exercise, state, points, maxPoints, record }) => ({
        exercise, state, points: cents(points), maxPoints, incidents: incidentWords(record?.incidents ?? []), ...(record?.untouched ? { untouched: true } : {}),
        checks: (record?.checks ?? []).map(({ name, passed, mistake, hidden }) => ({ name, passed, ...(mistake === undefined ? {} : { mistake }), ...(hidden ? { hidden } : {}) })),
      })),
    })),
    similar: book.similar,
  }, undefined, 1) + '\n'
}

/**
 * For Canvas: Student, ID, SIS User ID, SIS Login ID, Section, one assignment, and the line of points possible. Canvas
 * finds a learner by one of the three numbers, which a roster exported from it has.
 */
export function canvasCsv(book: Gradebook, assignment: string): string {
  const field = (row: GradebookRow, key: string): string => row.roster?.fields[key] ?? ''
  return formatCsv([
    ['Student', 'ID', 'SIS User ID', 'SIS Login ID', 'Section', assignment],
    ['    Points Possible', '', '', '', '', book.maxPoints],
    ...book.rows.map((row) => [
      field(row, 'student') || row.name, field(row, 'id') || row.platformId, field(row, 'sis user id'), field(row, 'sis login id') || field(row, 'username'), field(row, 'section'), row.final,
    ]),
  ])
}

/** For Moodle: the grading worksheet of an assignment, which can be uploaded as it was downloaded. */
export function moodleCsv(book: Gradebook): string {
  const identifier = (row: GradebookRow): string =>
    row.roster?.fields['identifier'] ?? (row.platformId === undefined ? '' : `Participant ${row.platformId}`)
  return formatCsv([
    ['Identifier', 'Full name', 'Email address', 'Status', 'Grade', 'Maximum Grade', 'Grade can be changed', 'Last modified (submission)', 'Last modified (grade)', 'Feedback comments'],
    ...book.rows.map((row) => [
      identifier(row), row.name, row.email, row.state === 'missing' ? 'No submission' : 'Submitted for grading', row.final.toFixed(2), book.maxPoints.toFixed(2), 'Yes',
      row.submitted ?? '-', '-', summary(row, book),
    ]),
  ])
}

function summary(row: GradebookRow, book: Gradebook): string {
  const names = columnNames(book)
  const parts = row.grades.map((grade) => `${names.get(grade.exercise) ?? ''} ${cents(grade.points)}/${grade.maxPoints}`)
  return [...parts, ...(row.late.days > 0 ? [`${row.late.days} ${row.late.days === 1 ? 'day' : 'days'} late, counts ${percent(row.late.factor, 1)}%`] : [])].join('; ')
}

/** For Gradescope: what an autograder leaves as results/results.json for one submission. */
export function gradescopeJson(row: GradebookRow, book: Gradebook): string {
  const names = columnNames(book)
  const shown = { output_format: 'text', visibility: 'visible' }
  const tests = row.grades.flatMap((grade, i): Readonly<Record<string, unknown>>[] => {
    const checks = grade.record?.checks ?? [], name = names.get(grade.exercise) ?? '', number = `${i + 1}`
    if (checks.length === 0) return [{ name, number, score: 0, max_score: cents(grade.maxPoints), status: 'failed', output: grade.state, ...shown }]
    return checks.map((check, k) => ({
      name: `${name}: ${check.name}`, number: `${number}.${k + 1}`, score: cents(check.points * row.late.factor), max_score: cents(check.maxPoints),
      status: check.passed ? 'passed' : 'failed', output: wordsOf(check), ...shown,
    }))
  })
  return JSON.stringify({
    score: row.final, output: row.late.days > 0 ? `${row.late.days} days late: ${percent(row.late.factor, 1)}% counts.` : '', output_format: 'text',
    visibility: 'visible', stdout_visibility: 'hidden', tests,
  }, undefined, 1) + '\n'
}

/** What a learner may read about a check, as lines. */
export function wordsOf({ passed, shown }: GradedCheck): string {
  if (passed) return ''
  const facts: [string, string | undefined][] = [['', shown.sentence], ['called: ', shown.called], ['got: ', shown.got], ['expected: ', shown.expected]]
  return facts.flatMap(([label, text]) => (text === undefined ? [] : [label + text])).join('\n')
}
