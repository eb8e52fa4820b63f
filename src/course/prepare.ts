// What a start of the course does, so that the first check of a lesson is as fast as the later ones.
import { exerciseFiles, listExercises } from './exercises'
import { writeFrontPage } from './front-page'
import { transpiled } from './load'
import type { Project } from './project'

/**
 * Writes the front page and transpiles what the checks need into the cache. Gives the front page's path.
 *
 * @throws WhetstoneError when a notebook or an exercise cannot be read
 */
export function prepareCourse(project: Project): string {
  for (const id of listExercises(project)) {
    const files = exerciseFiles(project, id)
    for (const file of [files.stub, files.checks, files.mistakes, files.solution]) transpiled(file, project.cache)
  }
  return writeFrontPage(project)
}
