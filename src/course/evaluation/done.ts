// The definition of done of one project, measured line by line: for the command line and for the project's own notebook.
import { displaySymbol, type Displayable, type MimeBundle } from '../../core'
import { CourseError } from '../errors'
import type { Project } from '../project'
import { measureLines, type EvaluationLine } from './evaluate'
import { PROJECTS } from './projects'
import type { EvaluationTools } from './workbench'

const MARKS = { 'passed': '✓', 'failed': '✗', 'not measured': '–' } as const

/** Every line of a project with its verdict. */
export class DefinitionOfDone implements Displayable {
  constructor(
    readonly id: string,
    readonly title: string,
    readonly lines: readonly EvaluationLine[],
  ) {}

  get failed(): number {
    return this.lines.filter((line) => line.verdict === 'failed').length
  }

  toString(): string {
    const count = (verdict: EvaluationLine['verdict']): number => this.lines.filter((line) => line.verdict === verdict).length
    return [
      this.title, ...this.lines.map(({ verdict, text, reason }) => `  ${MARKS[verdict]} ${text.replace(/:$/, '')}\n      ${reason}`),
      `${count('passed')} of ${this.lines.length} lines are done, ${count('failed')} are not, ${count('not measured')} cannot be measured here`,
    ].join('\n')
  }

  [displaySymbol](): MimeBundle {
    const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
    const rows = this.lines.map(({ verdict, text, reason }) => `| ${MARKS[verdict]} | ${cell(text.replace(/:$/, ''))} | ${cell(reason)} |`)
    return { 'text/plain': this.toString(), 'text/markdown': `**${this.title}**\n\n| | line | measured |\n|:-:|:--|:--|\n${rows.join('\n')}` }
  }
}

/**
 * Measures the lines of a project in the learner's folder.
 *
 * @param name the end of the project's id, e.g. `optimized_model_pipeline`
 * @param tools what gives held-out data, and a Python with frameworks
 * @throws CourseError `PROJECT_UNKNOWN` for a project that the curriculum does not have
 */
export async function definitionOfDone(project: Project, name: string, tools: EvaluationTools = {}): Promise<DefinitionOfDone> {
  const { id, title, lines: rules } = projectNamed(name)
  return new DefinitionOfDone(id, title, await measureLines(project, Object.keys(rules), tools))
}

/** The project whose id ends so. */
export function projectNamed(name: string): (typeof PROJECTS)[number] {
  const found = PROJECTS.find(({ id }) => id === name || id.endsWith(`/${name}`))
  if (found) return found
  throw new CourseError('PROJECT_UNKNOWN', `There is no project "${name}"`, { expected: PROJECTS.map(({ id }) => id.split('/').at(-1) ?? id).join(', ') })
}
