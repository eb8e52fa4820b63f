// A week's plan: what is left, laid into the days and hours that a person has, and the same as a calendar file.
import { sha256 } from '../../core'
import { CourseError } from '../errors'
import type { Task } from './tasks'
import { duration } from './text'

/** What a plan is made from. */
export interface PlanOptions {
  /** Hours in the week. */
  readonly hours: number
  /** Days of work, 0 Sunday to 6 Saturday. */
  readonly days: readonly number[]
  /** The first day of the week that is planned. */
  readonly from: Date
  /** When a day's work starts, minutes after midnight. */
  readonly at: number
}

/** A task, or a part of one, in a day. */
export interface Sitting {
  readonly task: Task
  readonly minutes: number
  /** Which part of how many. */
  readonly part?: string
}

/** One day of the plan. */
export interface PlannedDay {
  /** YYYY-MM-DD, local. */
  readonly date: string
  readonly weekday: string
  readonly sittings: readonly Sitting[]
}

/** A whole plan. */
export interface WeekPlan {
  readonly days: readonly PlannedDay[]
  readonly minutes: number
  /** What did not fit. */
  readonly left: readonly Task[]
}

export const WEEKDAYS: readonly string[] = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
/** Less than this is no sitting: it takes as long to find one's way back. */
const SHORTEST_MINUTES = 15

/**
 * Lays tasks, in order, into days of equal length. What is divisible is cut where a day ends; an exercise is not cut: when
 * it does not fit into a day, a shorter task that may come before it does, or the day ends early.
 *
 * @throws WhetstoneError `PLAN_HOURS` or `PLAN_DAYS` for hours or days that no week has
 */
export function planWeek(tasks: readonly Task[], options: PlanOptions): WeekPlan {
  if (!(options.hours > 0 && options.hours <= 80)) {
    throw new CourseError('PLAN_HOURS', 'A week cannot be planned with these hours', { expected: 'a number of hours above 0, at most 80', got: String(options.hours), fix: 'npm run plan-week -- --hours 6' })
  }
  if (options.days.length === 0) throw new CourseError('PLAN_DAYS', 'A plan needs a day', { expected: 'some of mon, tue, wed, thu, fri, sat, sun', fix: 'npm run plan-week -- --days mon,wed,sat' })
  const dates = daysFrom(options)
  const rest = tasks.map((task) => ({ task, left: task.minutes, part: 0 }))
  const perDay = (options.hours * 60) / dates.length
  const days = dates.map((date) => {
    const sittings: Sitting[] = []
    let free = perDay
    // Reviews first in every day's queue is what the order of tasks already says; here only what fits is taken.
    for (const item of rest) {
      if (item.left <= 0 || free < Math.min(item.left, SHORTEST_MINUTES)) continue
      const fits = item.left <= free + 1e-9
      if (!fits && !item.task.divisible && perDay >= item.left) break
      const minutes = Math.round(fits ? item.left : free)
      item.part++
      sittings.push({ task: item.task, minutes, ...(fits && item.part === 1 ? {} : { part: fits ? 'the rest' : `part ${item.part}` }) })
      item.left -= minutes
      free -= minutes
    }
    return { date: isoDay(date), weekday: WEEKDAYS[date.getDay()] ?? '', sittings }
  })
  return {
    days, minutes: days.reduce((sum, day) => sum + day.sittings.reduce((total, each) => total + each.minutes, 0), 0),
    left: rest.filter((item) => item.left >= 1).map(({ task, left }) => ({ ...task, minutes: Math.round(left) })),
  }
}

function daysFrom({ from, days }: PlanOptions): Date[] {
  return Array.from({ length: 7 }, (_, i) => new Date(from.getFullYear(), from.getMonth(), from.getDate() + i)).filter((date) => days.includes(date.getDay()))
}

const two = (value: number): string => String(value).padStart(2, '0')
const isoDay = (date: Date): string => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`

/** The plan as text for a terminal. */
export function planText(plan: WeekPlan): string {
  const days = plan.days.flatMap((day) => {
    const total = day.sittings.reduce((sum, each) => sum + each.minutes, 0)
    return [`\n${day.weekday} ${day.date}${total > 0 ? `, ${duration(total)}` : ': nothing left to do'}`,
      ...day.sittings.map(({ task, minutes, part }) => `  ${duration(minutes).padStart(10)}  ${task.title}${part === undefined ? '' : ` (${part})`}\n${' '.repeat(14)}${task.open}: ${task.why}`)]
  })
  const later = plan.left.length === 0 ? [] : [`\nAfter this week: ${duration(plan.left.reduce((sum, task) => sum + task.minutes, 0))} in ${plan.left.length} tasks, first “${plan.left[0]?.title ?? ''}”`]
  return [...days, ...later].join('\n') + '\n'
}

/** The plan as iCalendar (RFC 5545): one event a sitting, in local time without a zone, each ending where the next begins. */
export function planCalendar(plan: WeekPlan, at: number, stamp: Date): string {
  const events = plan.days.flatMap((day) => {
    let start = at
    return day.sittings.flatMap(({ task, minutes, part }) => {
      const begin = start
      start += minutes
      const title = `${task.title}${part === undefined ? '' : ` (${part})`}`
      return [
        'BEGIN:VEVENT', `UID:${sha256(`${day.date} ${begin} ${task.open}`).slice(0, 32)}@whetstone`, `DTSTAMP:${stamp.toISOString().replace(/[-:]|\.\d+/g, '')}`,
        `DTSTART:${clock(day.date, begin)}`, `DTEND:${clock(day.date, start)}`, `SUMMARY:${escaped(title)}`, `DESCRIPTION:${escaped(`${task.open}: ${task.why}`)}`, 'END:VEVENT',
      ]
    })
  })
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Whetstone//plan-week//EN', ...events, 'END:VCALENDAR'].flatMap(folded).join('\r\n') + '\r\n'
}

function clock(date: string, minutes: number): string {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number)
  const time = new Date(Date.UTC(year, month - 1, day, 0, minutes))
  return time.toISOString().replace(/[-:]|\.\d+Z/g, '')
}

const escaped = (text: string): string => text.replace(/[\\;,]/g, '\\$&').replace(/\r?\n/g, '\\n')

/** Lines of at most 75 octets; a longer one goes on after a line break and a space (RFC 5545 §3.1). */
function folded(line: string): string[] {
  const lines: string[] = []
  let current = ''
  for (const character of line) {
    if (Buffer.byteLength(current + character) > 75) {
      lines.push(current)
      current = ' '
    }
    current += character
  }
  return [...lines, current]
}
