// The curriculum as data, and which lesson, exercise or project claims to cover each of its points.
import { readFileSync } from 'node:fs'
import { messageOf, WhetstoneError } from '../core'
import { exerciseFiles, listExercises, readExercise } from './exercises'
import { listLessons } from './lessons'
import { CourseLoader } from './load'
import type { Project } from './project'

/** One point of the curriculum. */
export interface CurriculumPoint {
  /** Stable. Its first part is the track: `module04/…`. */
  readonly id: string
  readonly kind: string
  readonly section: string
  readonly text: string
}

/** Kinds that need no lesson: things to read, and what surrounds the course. */
const NEED_NO_COVER: readonly string[] = ['resource', 'context']

/** Something that says that it covers a point. */
export interface Claim {
  readonly point: string
  readonly kind: 'lesson' | 'section' | 'exercise' | 'project'
  /** Where it is, for a person: `module_04/lesson_07.ipynb § Shapes`. */
  readonly place: string
}

/** Coverage of one track. */
export interface TrackCoverage {
  readonly track: string
  readonly needed: number
  readonly covered: number
  readonly missing: readonly CurriculumPoint[]
}

/** The whole map. */
export interface CurriculumMap {
  readonly tracks: readonly TrackCoverage[]
  readonly claims: readonly Claim[]
  /** Claims of points that do not exist. */
  readonly wrong: readonly Claim[]
}

/**
 * Every point of the curriculum.
 *
 * @throws WhetstoneError `CURRICULUM_UNREADABLE` when the file is missing or damaged
 */
export function readCurriculum(project: Project): CurriculumPoint[] {
  try {
    const { points } = JSON.parse(readFileSync(project.points, 'utf8')) as { points: CurriculumPoint[] }
    if (!Array.isArray(points) || points.length === 0) throw new Error('it has no points')
    return points
  } catch (cause) {
    throw new WhetstoneError('CURRICULUM_UNREADABLE', 'The list of curriculum points cannot be read', {
      got: messageOf(cause), where: project.points, fix: 'restore it from git', cause,
    })
  }
}

/**
 * Every claim of a lesson, a section of one, an exercise or a project.
 *
 * @param onProblem told of a notebook that cannot be read, which is then left out; without it, the error is thrown
 */
export function listClaims(project: Project, onProblem?: (error: WhetstoneError) => void): Claim[] {
  const loader = new CourseLoader(project.cache)
  const lessons = listLessons(project, onProblem).flatMap((lesson) => [
    ...lesson.points.map((point): Claim => ({ point, kind: lesson.kind, place: lesson.file })),
    ...lesson.cells.flatMap((cell) => cell.points.map((point): Claim => ({
      point, kind: 'section', place: `${lesson.file} § ${cell.section || `cell ${cell.index + 1}`}`,
    }))),
  ])
  const exercises = listExercises(project).flatMap((id) =>
    readExercise(exerciseFiles(project, id), loader).trains.map((point): Claim => ({ point, kind: 'exercise', place: id })))
  return [...lessons, ...exercises]
}

/** Coverage by track, every claim, and the claims that name no point. `onProblem` as for `listClaims`. */
export function mapCurriculum(project: Project, onProblem?: (error: WhetstoneError) => void): CurriculumMap {
  const points = readCurriculum(project)
  const claims = listClaims(project, onProblem)
  const claimed = new Set(claims.map((claim) => claim.point))
  const known = new Set(points.map((point) => point.id))
  const tracks = [...new Set(points.map(trackOf))]
  return {
    claims,
    wrong: claims.filter((claim) => !known.has(claim.point)),
    tracks: tracks.map((track) => {
      const needed = points.filter((point) => trackOf(point) === track && !NEED_NO_COVER.includes(point.kind))
      const missing = needed.filter((point) => !claimed.has(point.id))
      return { track, needed: needed.length, covered: needed.length - missing.length, missing }
    }),
  }
}

/** The first part of its id. */
export const trackOf = (point: CurriculumPoint): string => point.id.split('/', 1)[0] ?? point.id
