import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/slanted_triangle'

const { slantedTriangle } = course.subject(reference)
const { assertClose, freshRandom } = course

test('the ends and the peak', async () => {
  assertClose(await slantedTriangle(0, 0.01, 0.1, 32), 0.0003125, { rtol: 1e-12 })
  assertClose(await slantedTriangle(0.1, 0.01, 0.1, 32), 0.01, { rtol: 1e-12 })
  assertClose(await slantedTriangle(1, 0.01, 0.1, 32), 0.0003125, { rtol: 1e-9 })
})

test('halfway down and halfway up', async () => {
  assertClose(await slantedTriangle(0.55, 0.01, 0.1, 32), 0.00515625, { rtol: 1e-9 })
  assertClose(await slantedTriangle(0.05, 0.01, 0.1, 32), 0.00515625, { rtol: 1e-9 })
})

test('two straight lines, for any cut and ratio', async () => {
  const random = freshRandom()
  const [peak, cut, ratio] = [random.next(), 0.1 + 0.3 * random.next(), 2 + 40 * random.next()]
  const low = peak / ratio
  for (let k = 0; k < 6; k++) {
    const s = random.next()
    const wanted = s < cut ? low + ((peak - low) * s) / cut : peak + ((low - peak) * (s - cut)) / (1 - cut)
    assertClose(await slantedTriangle(s, peak, cut, ratio), wanted, { rtol: 1e-9 })
  }
})

test('a ratio of 1 is a constant rate', async () => {
  assertClose(await slantedTriangle(0.3, 0.5, 0.2, 1), 0.5, { rtol: 1e-12 })
})
