// Errors of the course room.
import { WhetstoneError } from '../core'

/** Something that a learner or an author asked of the course and that it cannot do. */
export class CourseError extends WhetstoneError {
  override readonly name = 'CourseError'
}
