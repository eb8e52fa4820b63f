// `npm run plan-week -- --hours 6`: this week's work, from the hours that you have and what is left.
import { writeFileSync } from 'node:fs'
import { InvalidArgumentError, type Command } from 'commander'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('plan-week')
    .description('a plan of your week: hours you have, what is done, what each lesson needs and takes')
    .option('--hours <number>', 'hours in the week', number, 6)
    .option('--days <list>', 'days of work, for example mon,wed,sat', weekdays, [1, 2, 3, 4, 5])
    .option('--from <date>', 'the first day, YYYY-MM-DD; default: today', date)
    .option('--at <time>', 'when a day\'s work starts, for the calendar', clock, 19 * 60)
    .option('--track <folder>', 'one folder of notebooks only, for example module_04')
    .option('--ics <file>', 'also write a calendar file')
    .option('--json', 'one JSON object')
    .action(run)
}

interface Options {
  readonly hours: number
  readonly days: readonly number[]
  readonly from?: Date
  readonly at: number
  readonly track?: string
  readonly ics?: string
  readonly json?: boolean
}

function run(options: Options): void {
  const now = new Date()
  const project = course.projectAt(root)
  const problems: string[] = []
  const all = course.openLessons(project, (error) => problems.push(error.message))
  const lessons = all.filter((each) => options.track === undefined || each.lesson.track === options.track)
  if (options.track !== undefined && lessons.length === 0) {
    throw new course.CourseError('PLAN_TRACK', `No lesson is in ${options.track}`, {
      expected: [...new Set(all.map((each) => each.lesson.track))].join(', '), fix: 'name a folder of notebooks/, or leave --track out',
    })
  }
  const plan = course.planWeek(course.tasksOf(project, lessons, now), { hours: options.hours, days: options.days, from: options.from ?? now, at: options.at })
  process.stdout.write(options.json ? `${JSON.stringify(plan)}\n` : course.planText(plan))
  for (const problem of options.json ? [] : problems) process.stdout.write(`  left out: ${problem}\n`)
  if (options.ics !== undefined) {
    writeFileSync(options.ics, course.planCalendar(plan, options.at, now))
    if (!options.json) process.stdout.write(`\nThe calendar: ${options.ics}  (open it, or import it into yours)\n`)
  }
}

function number(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 80)) throw new InvalidArgumentError('It is not a number of hours above 0, at most 80. Try --hours 6.')
  return value
}

function weekdays(text: string): number[] {
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  return [...new Set(text.split(',').map((each) => {
    const day = names.indexOf(each.trim().slice(0, 3).toLowerCase())
    if (day < 0) throw new InvalidArgumentError(`"${each}" is no day. Try --days mon,wed,sat.`)
    return day
  }))]
}

function date(text: string): Date {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []
  const value = new Date(Number(year), Number(month) - 1, Number(day))
  if (value.getDate() !== Number(day)) throw new InvalidArgumentError('It is not a date. Try --from 2026-11-23.')
  return value
}

function clock(text: string): number {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? []
  const value = Number(hours) * 60 + Number(minutes)
  if (!(value >= 0 && value < 24 * 60 && Number(minutes) < 60)) throw new InvalidArgumentError('It is not a time. Try --at 19:30.')
  return value
}
