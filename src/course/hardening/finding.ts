// What a review finds: a risk, where it is, and what takes it away.

/** high: wrong results or code of strangers that runs. medium: a number that cannot be trusted, or a failure to come. low: worth a look. */
export type Severity = 'high' | 'medium' | 'low'

/** One finding. */
export interface Finding {
  readonly rule: string
  readonly severity: Severity
  /** `train.ts:12`, `lesson.ipynb cell 4:2`, `model.onnx, node conv_1`. */
  readonly place: string
  readonly what: string
  readonly fix: string
}

/** A rule of the review, for its list. */
export interface ReviewRule {
  readonly id: string
  readonly severity: Severity
  readonly looksFor: string
}
