// An exercise by its name, for programs: the bench, the runner of notebooks, the grader.
import { exerciseFiles, exportedFunctions, findExercise, solutionText } from './exercises'
import type { LiveFunctions } from './course'
import type { Project } from './project'
import { openExercise as open, type OpenExercise } from './run-checks'

/** Everything that the author of an exercise wrote, loaded. */
export function openExercise(project: Project, name: string): Promise<OpenExercise> {
  return open(project, exerciseFiles(project, findExercise(project, name)))
}

/** The functions of the solution. */
export async function solutionOf(project: Project, name: string): Promise<LiveFunctions> {
  const { solution } = await openExercise(project, name)
  return Object.fromEntries(exportedFunctions(solution).map((each) => [each, solution[each] as LiveFunctions[string]]))
}

/** The solution as the text of the notebook's cell. */
export function solutionCell(project: Project, name: string): string {
  return solutionText(exerciseFiles(project, findExercise(project, name)))
}
