// Which answers look alike: fingerprints of token sequences by winnowing (S. Schleimer, D. Wilkerson, A. Aiken,
// "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003; the method of MOSS). Names and literals do not
// matter, nor do comments and layout; what the stub gave, and what much of a class shares, does not count.

/** Tokens in a sequence: what is shorter is chance. */
const SEQUENCE = 9
/** Sequences in a window, of which the smallest is kept: a match of SEQUENCE + WINDOW − 1 tokens is always found. */
const WINDOW = 5

/** Words that keep their meaning when everything is renamed. */
const KEPT = new Set(('await break case catch class const continue default delete do else export extends false finally for function if import in '
  + 'instanceof let new null of return static super switch this throw true try typeof undefined var void while yield async '
  + 'Math Array Object Number String Map Set Float32Array Float64Array length map filter reduce forEach push slice floor ceil sqrt abs max min').split(' '))

// A comment or text that does not end goes to the end of the line or file: then no source takes more than one pass.
const TOKEN = /\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|`(?:\\[^]|[^`\\])*(?:`|\\?$)|"(?:\\[^\n]|[^"\\\n])*(?:"|\\?(?=\n|$))|'(?:\\[^\n]|[^'\\\n])*(?:'|\\?(?=\n|$))|\d[\w.]*|[\p{L}_$][\p{L}\p{N}_$]*|=>|\.\.\.|[=!]==?|[<>]=|&&|\|\||\?\?|\?\.|\*\*|[-+*/%]=|\+\+|--|[^\s]/gu

/** The tokens of a program. With `rename`, every name is `v`, every number `0` and every text `''`. */
export function tokens(source: string, rename: boolean): string[] {
  const list: string[] = []
  for (const [token] of source.matchAll(TOKEN)) {
    if (token.startsWith('//') || token.startsWith('/*') || token === ';' || token === ',') continue
    if (!rename) list.push(/^["'`]/.test(token) ? `'${token.slice(1, -1)}'` : token)
    else if (/^["'`]/.test(token)) list.push("''")
    else if (/^\d/.test(token)) list.push('0')
    else if (/^[\p{L}_$]/u.test(token)) list.push(KEPT.has(token) ? token : 'v')
    else list.push(token)
  }
  return list
}

/**
 * The tokens of anything that may hold a program: a page of prose, a notebook, a log. Quotes and comment signs do not group
 * here, because in prose an apostrophe, a fence or a file pattern would swallow what follows.
 */
export function looseTokens(text: string, rename: boolean): string[] {
  return tokens(text.replaceAll(/["'`\\]|\/\*|\*\//g, ' ').replaceAll(/(^|[^:])\/\/[^\n]*/g, '$1'), rename)
}

/** Hashes of all sequences of `size` tokens (FNV-1a, 32 bits). */
export function sequences(list: readonly string[], size: number = SEQUENCE): number[] {
  const hashes: number[] = []
  for (let i = 0; i + size <= list.length; i++) {
    let hash = 0x811c9dc5
    for (let k = i; k < i + size; k++) {
      const token = list[k] ?? ''
      for (let c = 0; c < token.length; c++) hash = Math.imul(hash ^ token.charCodeAt(c), 0x01000193)
      hash = Math.imul(hash ^ 0x20, 0x01000193)
    }
    hashes.push(hash >>> 0)
  }
  return hashes
}

/** The smallest hash of every window, each once. */
export function winnow(hashes: readonly number[], window: number = WINDOW): Set<number> {
  const kept = new Set<number>()
  if (hashes.length > 0 && hashes.length < window) kept.add(Math.min(...hashes))
  for (let i = 0; i + window <= hashes.length; i++) kept.add(Math.min(...hashes.slice(i, i + window)))
  return kept
}

/** Fingerprints of an answer: those of its tokens with every name the same, without all that `given` has. */
export function fingerprints(cell: string, given: string): number[] {
  const common = new Set(sequences(tokens(given, true)))
  return [...winnow(sequences(tokens(cell, true)).filter((hash) => !common.has(hash)))].sort((a, b) => a - b)
}

/** Two learners whose answers look alike. */
export interface SimilarPair {
  readonly learners: readonly [string, string]
  /** Fingerprints that both have, of those that either has (Jaccard), over the exercises that count. */
  readonly similarity: number
  readonly shared: number
  /** Exercises that the shared fingerprints are from. */
  readonly exercises: readonly string[]
}

/** When a pair is worth a look. */
export interface SimilarityOptions {
  /** Fingerprints in more than this share of the answers are how one writes it, not who wrote it. */
  readonly commonShare?: number
  /** Least similarity that is listed. */
  readonly least?: number
  /** Least number of shared fingerprints. */
  readonly leastShared?: number
}

/** The fingerprints of one answer. */
export interface Printed {
  readonly learner: string
  readonly exercise: string
  readonly prints: readonly number[]
}

/**
 * Pairs of learners, most alike first.
 *
 * A short function has few good forms, so what more than `commonShare` of the class wrote is left out of both sides of the
 * fraction: what is left is what a learner wrote in a way of their own.
 */
export function similarPairs(answers: readonly Printed[], options: SimilarityOptions = {}): SimilarPair[] {
  const { commonShare = 0.15, least = 0.5, leastShared = 8 } = options
  const byExercise = new Map<string, Printed[]>()
  for (const answer of answers) byExercise.set(answer.exercise, [...(byExercise.get(answer.exercise) ?? []), answer])
  const own = new Map<string, number>()
  const shared = new Map<string, { a: string; b: string; count: number; exercises: Set<string> }>()
  for (const [exercise, group] of byExercise) {
    const holders = new Map<number, string[]>()
    for (const { learner, prints } of group) for (const print of prints) holders.set(print, [...(holders.get(print) ?? []), learner])
    const most = Math.max(2, Math.floor(commonShare * group.length))
    for (const learners of holders.values()) {
      if (learners.length > most) continue
      learners.forEach((a, i) => {
        own.set(a, (own.get(a) ?? 0) + 1)
        for (const b of learners.slice(i + 1)) {
          const name = a < b ? `${a}\n${b}` : `${b}\n${a}`
          const pair = shared.get(name) ?? { a: a < b ? a : b, b: a < b ? b : a, count: 0, exercises: new Set<string>() }
          pair.count++
          pair.exercises.add(exercise)
          shared.set(name, pair)
        }
      })
    }
  }
  return [...shared.values()]
    .map(({ a, b, count, exercises }): SimilarPair => ({
      learners: [a, b], shared: count, exercises: [...exercises].sort(),
      similarity: count / Math.max(1, (own.get(a) ?? 0) + (own.get(b) ?? 0) - count),
    }))
    .filter((pair) => pair.similarity >= least && pair.shared >= leastShared)
    .sort((x, y) => y.similarity - x.similarity || y.shared - x.shared || (x.learners.join('\n') < y.learners.join('\n') ? -1 : 1))
}
