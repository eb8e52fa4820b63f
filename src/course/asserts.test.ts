import { expect, test } from 'vitest'
import { assertThrows } from './asserts'
import { CallFailure, CheckFailure } from './subject'

const threw = (message: string): Promise<never> => Promise.reject(new CallFailure('read', 'threw', { name: 'RangeError', message }))
const failure = async (call: Promise<unknown>, pattern?: RegExp): Promise<CheckFailure> => {
  const result = await assertThrows(call, 'A graph with a cycle is refused.', pattern).catch((error: unknown) => error)
  expect(result).toBeInstanceOf(CheckFailure)
  return result as CheckFailure
}

test('an error satisfies it, of any words or of those asked for', async () => {
  await assertThrows(threw('a cycle'), 'sentence')
  await assertThrows(threw('there is a cycle here'), 'sentence', /cycle|loop/)
})

test.each<[RegExp, string]>([
  [/cycle/, 'says "cycle"'],
  [/cycle|loop/, 'says "cycle" or "loop"'],
  [/node.*cycle/, 'says "node" and then "cycle"'],
  [/size\s+of\s*\(3\)/, 'says "size of (3)"'],
  [/^(a|b)\d+$/, 'says what is wrong, in the words that the exercise asks for'],
  [/cycl./, 'says what is wrong, in the words that the exercise asks for'],
])('other words: what %s asks for, without the signs of a regular expression', async (pattern, words) => {
  const { sentence, facts } = await failure(threw('no'), pattern)
  expect([sentence, facts.expected, facts.got]).toEqual(['A graph with a cycle is refused.', `an error whose message ${words}`, 'RangeError: no'])
})

test('a value is not an error, and a failure that is not the learner\'s refusal stays what it is', async () => {
  expect(await failure(Promise.resolve([1, 2]))).toMatchObject({ facts: { expected: 'an error', got: '[1, 2]' } })
  for (const reason of ['late', 'missing', 'ended', 'unreadable'] as const) {
    const other = new CallFailure('read', reason, { name: 'Error', message: 'x' })
    await expect(assertThrows(Promise.reject(other), 'sentence')).rejects.toBe(other)
  }
  const stub = new CallFailure('read', 'threw', { name: 'Error', message: 'read is not written yet' })
  await expect(assertThrows(Promise.reject(stub), 'sentence', /read/)).rejects.toBe(stub)
})
