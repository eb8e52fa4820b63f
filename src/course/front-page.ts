// The page that the course opens on: notebooks/index.md, made anew at every start and after a passed exercise.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { bar } from './display'
import { readJournal } from './journal'
import { standings, type LessonStanding } from './progress-page'
import type { Project } from './project'

/** A lesson that has a notebook. */
type OpenLesson = LessonStanding & { readonly lesson: NonNullable<LessonStanding['lesson']> }

/** Writes notebooks/index.md in one step, so that a reader never sees half of it. Gives its path. */
export function writeFrontPage(project: Project): string {
  const file = path.join(project.notebooks, 'index.md')
  mkdirSync(project.notebooks, { recursive: true })
  const temporary = path.join(project.notebooks, `.index.md.${process.pid}`)
  writeFileSync(temporary, frontPage(project))
  renameSync(temporary, file)
  return file
}

/** The front page as Markdown, for JupyterLab's preview: what exists, with minutes and progress, and how to go on. */
export function frontPage(project: Project): string {
  const problems: string[] = []
  const lessons = standings(project, (error) => problems.push(error.message)).filter((each): each is OpenLesson => each.lesson !== undefined)
  const tracks = new Map<string, OpenLesson[]>()
  for (const each of lessons) tracks.set(each.lesson.track, [...(tracks.get(each.lesson.track) ?? []), each])
  return [
    '# Whetstone',
    'Make machine-learning models small and fast, and prove it. Every lesson is a notebook: predict, run, measure, fix.',
    ...whereToGo(project, lessons),
    ...[...tracks].map(([track, members]) => trackSection(track, members)),
    ...(problems.length === 0 ? [] : ['## Not listed\n\n```\n' + problems.join('\n') + '\n```']),
    HOW_TO,
  ].join('\n\n') + '\n'
}

function whereToGo(project: Project, lessons: readonly OpenLesson[]): string[] {
  const last = readJournal(project.journal).findLast((entry) => 'exercise' in entry)?.exercise
  const touched = lessons.find((each) => each.lesson.exercises.includes(last ?? ''))
  const open = (each: OpenLesson): boolean => each.done < each.exercises.length
  const next = touched && open(touched) ? touched : lessons.find(open) ?? touched
  if (!next) return lessons.length === 0 ? ['No lesson is installed yet.'] : []
  const exercise = next.exercises.find((each) => each.progress?.state !== 'passed')
  const verb = touched ? 'Continue where you left off' : 'Start here'
  return [`> **${verb}:** [${next.title}](${link(next)})${exercise ? `, exercise “${exercise.exercise.title}”` : ''}`]
}

function trackSection(track: string, lessons: readonly OpenLesson[]): string {
  const done = lessons.reduce((total, each) => total + each.done, 0)
  const all = lessons.reduce((total, each) => total + each.exercises.length, 0)
  return [
    `## ${trackTitle(track)}`,
    '',
    ...(all === 0 ? [] : [`${bar(done, all, 20)} ${done} of ${all} exercises`, '']),
    '| lesson | | minutes | exercises | |',
    '|:--|:--|--:|--:|:--|',
    ...lessons.map((each) =>
      `| [${cell(each.title)}](${link(each)}) | ${cell(each.lesson.summary)} | ${each.lesson.minutes} | ${exercisesOf(each)} |`),
  ].join('\n')
}

const exercisesOf = ({ done, exercises }: OpenLesson): string =>
  exercises.length === 0 ? ' | ' : `${done}/${exercises.length} | ${bar(done, exercises.length)}`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const link = (each: OpenLesson): string => each.lesson.file.split('/').map(encodeURIComponent).join('/')

/** The folder of a track as a heading: `month_11_advanced` → "Month 11 advanced". */
function trackTitle(track: string): string {
  const words = track.replaceAll('_', ' ').replace(/\b0+(?=\d)/g, '')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const HOW_TO = `## How it works

- **Run** a cell with Shift+Enter. Before you run it, write down the number you expect.
- **An exercise** is a cell with a function to write; the cell below it checks your answer and says what was called, what came back and why it is not right yet.
- **Stuck?** \`hint('name')\` says a little more each time. \`solution('name')\` opens after your checks pass, \`reset('name')\` starts over, \`progressReport()\` shows your points.
- Your progress stays on this machine. This page is made anew at every start and after each exercise you finish.`
