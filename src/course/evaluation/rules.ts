// The table that says how each line of the curriculum is measured: exactly one rule a line. Prose has no way in.
import { readCurriculum, type CurriculumPoint } from '../curriculum'
import { WhetstoneError } from '../../core'
import { CourseError } from '../errors'
import { questionsOf } from '../interview/bank'
import { failed, passed, percent, unmeasured, type Measurement } from './measurement'
import { PROJECTS, type ProjectDefinition } from './projects'
import type { Measure } from './measures'
import type { Workbench } from './workbench'

/** How one line is measured. */
export interface Rule {
  readonly name: string
  readonly measure: (point: CurriculumPoint, bench: Workbench) => Promise<Measurement>
}

/** Kinds whose lines are evaluated. Topics and resources are what to learn and to read, not what to have done. */
export const EVALUATED_KINDS: readonly string[] = [
  'done-when', 'project', 'target', 'milestone', 'assessment', 'goal', 'hands-on', 'interview-question', 'stretch', 'publish',
]

/** Every exercise that trains the line, or stands in the section that covers it, passes when it runs again. */
const byExercises: Rule = {
  name: 'exercises',
  measure: async (point, bench) => {
    const ids = bench.exercisesOf(point)
    const places = bench.placesOf(point)
    if (ids.length === 0) return unmeasured(places.length > 0 ? `taught in ${places[0] ?? ''}, but no exercise of the course measures it` : 'no lesson or exercise of the course covers it yet')
    const runs = await Promise.all(ids.map((id) => bench.exercises.run(id)))
    const evidence = runs.map((run) => ({
      what: run.id,
      value: run.state === 'untouched' ? 'the cell is as it was given' : `run now: ${run.checksPassed} of ${run.checks} checks pass`
        + (run.journal?.state === 'passed' && run.state === 'failed' ? ' (the journal says it passed once)' : ''),
    }))
    const attained = runs.reduce((sum, run) => sum + run.share, 0) / runs.length
    const open = runs.filter((run) => run.state !== 'passed')
    const [first] = open
    if (!first) return passed(`${ids.length === 1 ? 'its exercise passes' : `its ${ids.length} exercises pass`}, run again now`, evidence)
    const why = first.problem === undefined ? '' : `: ${first.problem}`
    return failed(`${ids.length - open.length} of ${ids.length} exercises pass; ${first.id.split('/').at(-1) ?? ''} ${first.state === 'untouched' ? 'is not begun' : 'does not pass'}${why}`, evidence, attained)
  },
}

/** Text that a person wrote is never evidence. */
const byNothing: Rule = {
  name: 'text',
  measure: () => Promise.resolve(unmeasured('a program cannot judge a text, and nothing is passed because it was written')),
}

/** The question's calculation, with numbers drawn anew, was right the last time it was asked. */
const byInterview: Rule = {
  name: 'interview',
  measure: (point, bench) => Promise.resolve(answered(questionsOf(point.id), bench)),
}

function answered(questions: readonly string[], bench: Workbench, atLeast = 1): Measurement {
  if (questions.length === 0) return unmeasured('the question has no calculation yet that a program could mark')
  const right = (id: string): number => bench.journal.filter((entry) => entry.kind === 'interview' && entry.question === id && entry.probe === true).length
  const known = questions.filter((id) => bench.probes.get(id)?.probe === true && right(id) >= atLeast)
  const evidence = questions.slice(0, 40).map((id) => ({
    what: id.split('/').at(-1) ?? id,
    value: bench.probes.has(id) ? `calculation ${bench.probes.get(id)?.probe === true ? 'right' : 'wrong'} the last time, right ${right(id)} times in all` : 'not asked yet',
  }))
  const share = known.length / questions.length
  return known.length === questions.length ? passed(`${questions.length === 1 ? 'its calculation was right' : `the calculations of all ${questions.length} questions were right`}${atLeast > 1 ? `, ${atLeast} times each` : ''}`, evidence)
    : failed(`${known.length} of ${questions.length} calculations right (${percent(share)})${atLeast > 1 ? `, ${atLeast} times each are wanted` : ''}; the learner's own rating earns nothing`, evidence, share)
}

/** Every lesson of the module is in the course, and every exercise of each passes. */
const byLessons = (track: string, count: number): Rule => ({
  name: 'lessons',
  measure: async (_, bench) => {
    // A notebook without exercises (interview practice) is not one of them.
    const lessons = bench.lessons.filter((lesson) => lesson.track === track && lesson.kind === 'lesson' && lesson.exercises.length > 0)
    const evidence = []
    let open = 0
    for (const lesson of lessons) {
      const runs = await Promise.all(lesson.exercises.map((id) => bench.exercises.run(id)))
      const done = runs.filter((run) => run.state === 'passed').length
      if (done < runs.length) open++
      evidence.push({ what: lesson.title, value: `${done} of ${runs.length} exercises pass, run again now` })
    }
    if (open > 0) return failed(`${lessons.length - open} of ${count} lessons are complete`, evidence, (lessons.length - open) / count)
    if (lessons.length < count) return unmeasured(`${count - lessons.length} of the ${count} lessons are not in the course yet`, evidence)
    return passed(`all ${count} lessons are complete`, evidence)
  },
})

/** A line of a project, measured in the learner's folder. */
const byProject = (project: ProjectDefinition, line: Measure): Rule => ({
  name: `project ${project.id}`,
  measure: async (_, bench) => {
    const work = bench.work(project.id)
    const missing = line.needs.filter((file) => !work.has(file))
    if (missing.length > 0) {
      const begun = line.needs.length > missing.length
      const said = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not in notebooks/${project.id}/`
      if (!bench.hasProject(project.id) && !begun) return unmeasured(`the project "${project.title}" is not in the course yet (notebooks/${project.id}.ipynb); it will measure ${missing.join(', ')}`)
      return failed(said, [], begun ? (line.needs.length - missing.length) / line.needs.length / 2 : 0)
    }
    bench.note(project.title)
    try {
      return await line.measure(work)
    } catch (error) {
      // A learner's file that cannot be read or run is a result, not a fault of the evaluation.
      if (error instanceof WhetstoneError) return failed(error.message.split('\n').map((text) => text.trim()).join(' '))
      throw error
    }
  },
})

/** Rules of single lines, by id. A line that is here is measured by nothing else. */
export const LINES: ReadonlyMap<string, Rule> = new Map([
  ...PROJECTS.flatMap((project) => Object.entries(project.lines).map(([id, line]): [string, Rule] => [id, byProject(project, line)])),
  ['module04/checklist/complete-all-8-lessons', byLessons('module_04', 8)],
  ['module04/checklist/practice-interview-questions', { name: 'interview', measure: (_, bench) => Promise.resolve(answered(questionsOf('module04/'), bench)) }],
  ['module04/checklist/review-optimization-patterns', { name: 'interview', measure: (_, bench) => Promise.resolve(answered(questionsOf('module04/'), bench, 2)) }],
  ['module04/learning-objectives/answer-optimization-questions-in-interviews', { name: 'interview', measure: (_, bench) => Promise.resolve(answered(questionsOf('module04/interview-preparation/'), bench)) }],
])

/** Rules of all other lines of a kind. */
export const KINDS: Readonly<Record<string, Rule>> = {
  'goal': byExercises, 'hands-on': byExercises, 'assessment': byExercises, 'stretch': byExercises, 'interview-question': byInterview, 'publish': byNothing,
}

/**
 * The one rule of a line.
 *
 * @throws WhetstoneError `EVALUATE_RULE` for a line that no rule covers
 */
export function ruleOf(point: CurriculumPoint): Rule {
  const rule = LINES.get(point.id) ?? KINDS[point.kind]
  if (rule) return rule
  throw new CourseError('EVALUATE_RULE', 'No rule says how this line of the curriculum is measured', {
    got: `${point.id} (${point.kind})`, fix: 'give it a measure in src/course/evaluation/projects.ts or rules.ts',
  })
}

/** The lines that are evaluated, of all tracks. */
export function evaluatedPoints(project: Parameters<typeof readCurriculum>[0]): CurriculumPoint[] {
  return readCurriculum(project).filter((point) => EVALUATED_KINDS.includes(point.kind))
}
