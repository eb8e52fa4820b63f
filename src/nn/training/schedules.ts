// Learning rates over a run: functions of the share of the run that is done.

/** The learning rate when `progress` ∈ [0, 1) of all steps are done. */
export type Schedule = (progress: number) => number

/** Always the same. */
export function constantRate(rate: number): Schedule {
  return () => rate
}

/** η(p) = last + (first − last) (1 + cos π p) / 2 (Loshchilov and Hutter, arXiv 1608.03983, without restarts). */
export function cosine(first: number, last = 0): Schedule {
  return (progress) => last + ((first - last) * (1 + Math.cos(Math.PI * progress))) / 2
}

/** η(p) = first · factor^k, with k the number of `at` that p has reached. */
export function steps(first: number, at: readonly number[], factor = 0.1): Schedule {
  return (progress) => first * factor ** at.filter((place) => progress >= place).length
}

/** Linear from 0 over the first `share` of the run, then `then` over the rest. */
export function warmup(share: number, then: Schedule): Schedule {
  return (progress) => (progress < share ? then(0) * ((progress + 1e-9) / share) : then((progress - share) / (1 - share)))
}
