// Failures of a grading run that are the instructor's to mend; a submission's faults are entries of its report instead.
import { WhetstoneError } from '../../core'

/** A grading run that cannot start or go on. Codes begin with `GRADE_`. */
export class GradingError extends WhetstoneError {
  override readonly name: string = 'GradingError'
}
