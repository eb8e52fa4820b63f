// What a check asserts with. A failure carries the learner's sentence, what was expected and what came.
import { difference, type Tolerance } from './compare'
import { show } from './show'
import { CheckFailure, CallFailure } from './subject'

/**
 * Exactly equal plain data: arrays, objects and typed arrays by content, NaN equals NaN.
 *
 * @param sentence what the learner reads when it fails; without one, where the values differ is said
 */
export function assertEqual(got: unknown, expected: unknown, sentence?: string): void {
  assertClose(got, expected, {}, sentence)
}

/** Equal within `atol + rtol · |expected|`, element by element. */
export function assertClose(got: unknown, expected: unknown, tolerance: Tolerance, sentence?: string): void {
  const found = difference(got, expected, tolerance)
  if (!found) return
  // In a short value the eye finds the place by itself.
  const place = found.at === '' || show(got).length < 60 ? '' : ` (they differ first at ${found.at}: ${show(found.got)} instead of ${show(found.expected)})`
  const margin = tolerance.atol === undefined && tolerance.rtol === undefined ? '' : ` ± ${tolerance.atol ?? 0} ± ${tolerance.rtol ?? 0}·|expected|`
  throw new CheckFailure(sentence ?? 'The result is not the expected one.', {
    expected: show(expected) + margin,
    got: show(got) + place,
  })
}

/** `condition` holds, for what has no single expected value: an invariant, a bound. */
export function assertThat(condition: boolean, sentence: string, facts: { readonly expected?: unknown; readonly got?: unknown } = {}): void {
  if (condition) return
  throw new CheckFailure(sentence, {
    ...('expected' in facts ? { expected: typeof facts.expected === 'string' ? facts.expected : show(facts.expected) } : {}),
    ...('got' in facts ? { got: show(facts.got) } : {}),
  })
}

/** The checked function refuses its arguments with an error, whose message `pattern` matches when it is given. */
export async function assertThrows(call: Promise<unknown>, sentence: string, pattern?: RegExp): Promise<void> {
  let value: unknown
  try {
    value = await call
  } catch (thrown) {
    if (!(thrown instanceof CallFailure) || thrown.reason !== 'threw' || thrown.notWritten) throw thrown
    if (pattern === undefined || pattern.test(thrown.error.message)) return
    throw new CheckFailure(sentence, { expected: `an error whose message ${inWords(pattern)}`, got: `${thrown.error.name}: ${thrown.error.message}` })
  }
  throw new CheckFailure(sentence, { expected: 'an error', got: show(value) })
}

/** What a message must say, without the signs of a regular expression: `says "cycle" or "loop"`. */
function inWords(pattern: RegExp): string {
  const literal = (part: string): string | undefined => {
    const text = part.replaceAll(/\\s[+*]?/g, ' '), sign = /\\([^a-z0-9])/gi
    return /\\|[[\](){}^$+?*.]/.test(text.replaceAll(sign, '')) || part.trim() === '' ? undefined : `"${text.replaceAll(sign, '$1')}"`
  }
  const ways = pattern.source.split('|').map((way) => way.split('.*').map(literal))
  if (ways.some((parts) => parts.includes(undefined))) return 'says what is wrong, in the words that the exercise asks for'
  return `says ${ways.map((parts) => parts.join(' and then ')).join(' or ')}`
}
