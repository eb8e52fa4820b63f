import { test } from 'vitest'
import { course, optimization } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/cubic_sparsity'

const { cubicSparsity } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

const ramp = { begin: 100, end: 300, initial: 0, final: 0.9 }
const near = { atol: 1e-9 }

test('half of the steps, seven eighths of the pruning', async () => {
  assertClose(await cubicSparsity(200, ramp), 0.7875, near)
})

test('a quarter and three quarters of the way', async () => {
  assertClose(await cubicSparsity(150, ramp), 0.9 * (1 - 27 / 64), near)
  assertClose(await cubicSparsity(250, ramp), 0.9 * (63 / 64), near)
})

test('it starts at the initial sparsity', async () => {
  const half = { begin: 10, end: 30, initial: 0.5, final: 0.8 }
  assertClose(await cubicSparsity(10, half), 0.5, near)
  assertClose(await cubicSparsity(20, half), 0.8 - 0.3 / 8, near)
})

test('before it begins, and after its end', async () => {
  assertClose(await cubicSparsity(0, ramp), 0, near)
  assertClose(await cubicSparsity(99, { ...ramp, initial: 0.2 }), 0.2, near)
  assertClose(await cubicSparsity(300, ramp), 0.9, near)
  assertClose(await cubicSparsity(5000, ramp), 0.9, near)
})

test('in steps of equal length it is the schedule of the toolkit, and never falls', async () => {
  const random = freshRandom()
  const steps = 4 + random.int(6), begin = random.int(50), length = 10 + random.int(20)
  const [initial, final] = [0.3 * random.next(), 0.6 + 0.35 * random.next()]
  const got: number[] = []
  for (let k = 1; k <= steps; k++) got.push(await cubicSparsity(begin + k * length, { begin, end: begin + steps * length, initial, final }))
  assertThat(got.every((s, i) => i === 0 || s >= got[i - 1]!), 'The sparsity falls between two steps: what was pruned would come back.', { got })
  assertClose(got, optimization.cubic(final, steps, initial), { atol: 1e-9 }, 'These are not the sparsities of optimization.cubic.')
})
