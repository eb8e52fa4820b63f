import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/peak_memory'

const { peakMemory } = course.subject(reference)
const { assertEqual, assertThrows, freshRandom } = course

const step = (output: string, bytes: number, ...inputs: string[]): { output: string; bytes: number; inputs: string[] } => ({ output, bytes, inputs })

test('the example', async () => {
  assertEqual(await peakMemory([step('a', 400, 'x'), step('b', 400, 'a'), step('y', 10, 'b', 'x')], { name: 'x', bytes: 100 }, ['y']), { bytes: 900, at: 'b' })
})

test('a chain needs two neighbours at a time, not all', async () => {
  assertEqual(await peakMemory([step('a', 5, 'x'), step('b', 7, 'a'), step('c', 6, 'b'), step('y', 1, 'c')], { name: 'x', bytes: 1 }, ['y']), { bytes: 13, at: 'c' })
})

test('a skip connection keeps its value alive over all that it skips', async () => {
  const block = [step('a', 10, 'x'), step('b', 50, 'a'), step('c', 50, 'b'), step('y', 10, 'c', 'a')]
  assertEqual(await peakMemory(block, { name: 'x', bytes: 1 }, ['y']), { bytes: 110, at: 'c' })
})

test('outputs stay until the end, also those that are made early', async () => {
  assertEqual(await peakMemory([step('early', 30, 'x'), step('a', 20, 'x'), step('y', 20, 'a')], { name: 'x', bytes: 4 }, ['early', 'y']), { bytes: 70, at: 'y' })
})

test('what nobody reads lives in its own step; of equal peaks the first is meant', async () => {
  assertEqual(await peakMemory([step('unread', 9, 'x'), step('y', 9, 'x')], { name: 'x', bytes: 2 }, ['y']), { bytes: 11, at: 'unread' })
})

test('no steps: what the input takes', async () => {
  assertEqual(await peakMemory([], { name: 'x', bytes: 12 }, ['x']), { bytes: 12, at: '' })
  assertEqual(await peakMemory([step('y', 3, 'x')], { name: 'x', bytes: 12 }, ['y']), { bytes: 15, at: 'y' })
})

test('a value that is read too early is named', async () => {
  await assertThrows(peakMemory([step('a', 1, 'later'), step('later', 1, 'x')], { name: 'x', bytes: 1 }, ['a']), 'The step reads "later" before it was made.', /later/)
  assertEqual(await peakMemory([step('later', 1, 'x'), step('a', 1, 'later')], { name: 'x', bytes: 1 }, ['a']), { bytes: 2, at: 'later' })
})

test('any graph, counted value by value', async () => {
  const random = freshRandom()
  const below = (n: number): number => Math.floor(n * random.next())
  for (let run = 0; run < 6; run++) {
    const steps = Array.from({ length: 4 + below(10) }, (_, i) => step(`v${i}`, 1 + below(1000), ...new Set(Array.from({ length: 1 + below(2) }, () => (i === 0 || random.next() < 0.2 ? 'x' : `v${below(i)}`)))))
    const outputs = [`v${steps.length - 1}`, `v${below(steps.length)}`], input = { name: 'x', bytes: 1 + below(1000) }
    // From the other side: for each value its first and last step, then for each step all values whose span holds it.
    const spans = [{ ...input, from: 0, to: Math.max(0, ...steps.map(({ inputs }, i) => (inputs.includes('x') ? i : 0))) },
      ...steps.map(({ output, bytes }, from) => ({ name: output, bytes, from, to: outputs.includes(output) ? steps.length : Math.max(from, ...steps.map(({ inputs }, i) => (inputs.includes(output) ? i : 0))) }))]
    const totals = steps.map((_, i) => spans.reduce((sum, { bytes, from, to }) => (from <= i && i <= to ? sum + bytes : sum), 0))
    const bytes = Math.max(...totals)
    assertEqual(await peakMemory(steps, input, outputs), { bytes, at: steps[totals.indexOf(bytes)]?.output ?? '' })
  }
})
