// Who is in the class: a table with names of columns as Canvas, Moodle or a person writes them.
import { readFileSync } from 'node:fs'
import { messageOf } from '../../core'
import { parseCsv } from './csv'
import { GradingError } from './errors'
import type { RosterEntry } from './gradebook'
import { parseTime } from './late'

/**
 * The class in a table. Known columns: Student or Full name, or First name and Last name (Surname); ID, Identifier, SIS User
 * ID, SIS Login ID, ID number, Username, Email (address). An exported gradebook of Canvas or a grading worksheet of Moodle
 * is one.
 *
 * @throws GradingError `GRADE_ROSTER`
 */
export function readRoster(file: string): RosterEntry[] {
  const lines = readTable(file)
  return lines
    // Canvas's second line says what the columns are worth; its last may be a test student.
    .filter((line) => !/^\s*points possible$/i.test(line['student'] ?? '') && (line['student'] ?? '') !== 'Student, Test')
    .map((fields, i): RosterEntry => {
      const { student } = fields
      const [last = '', first = ''] = student?.split(',').map((part) => part.trim()) ?? []
      const name = fields['full name'] ?? fields['name'] ?? (student === undefined ? undefined : first === '' ? last : `${first} ${last}`)
        ?? `${fields['first name'] ?? ''} ${fields['last name'] ?? fields['surname'] ?? ''}`.trim()
      const email = fields['email address'] ?? fields['email']
      const learner = fields['learner'] ?? fields['username'] ?? fields['sis login id'] ?? fields['id number'] ?? fields['id'] ?? name
      if (name === '' && learner === '') {
        throw new GradingError('GRADE_ROSTER', 'A line of the roster names nobody', { expected: 'a column Student, Full name, Name, First name or Username', where: `${file}, line ${i + 2}` })
      }
      return { learner: learner === '' ? name : learner, name: name === '' ? learner : name, ...(email ? { email } : {}), fields }
    })
}

/** Times of handing in from a table with the columns learner and submitted, which counts more than the files' own times. */
export function readTimes(file: string): Map<string, Date> {
  return new Map(readTable(file).map((line, i) => {
    const { learner, submitted } = line
    if (!learner || !submitted) throw new GradingError('GRADE_TIMES', 'A line of the table of times is not complete', { expected: 'the columns learner and submitted', where: `${file}, line ${i + 2}` })
    return [learner, parseTime(submitted, `${file}, line ${i + 2}`)]
  }))
}

function readTable(file: string): Record<string, string>[] {
  try {
    return parseCsv(readFileSync(file, 'utf8'), file)
  } catch (cause) {
    if (cause instanceof GradingError) throw cause
    throw new GradingError('GRADE_ROSTER', 'The table cannot be read', { got: messageOf(cause), where: file, fix: 'name a file of comma-separated values', cause })
  }
}
