import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/serving_cost'

const { servingCost } = course.subject(reference)
const { assertClose, assertEqual, assertThrows, freshRandom } = course

test('the example', async () => {
  const cost = await servingCost({ batch: 16, milliseconds: 8, workers: 2, pricePerHour: 0.1 }, { mean: 500, peak: 3000, utilization: 0.6 })
  assertClose(cost, { machines: 2, perMonth: 146, perMillion: 146e6 / (500 * 3600 * 730) }, { rtol: 1e-9 })
})

test('a machine is bought whole: a quarter of one is one, and a little more than one is two', async () => {
  const way = { batch: 1, milliseconds: 1, workers: 1, pricePerHour: 1 }
  assertEqual((await servingCost(way, { mean: 1, peak: 250, utilization: 1 })).machines, 1)
  assertEqual((await servingCost(way, { mean: 1, peak: 1000, utilization: 1 })).machines, 1)
  assertEqual((await servingCost(way, { mean: 1, peak: 1001, utilization: 1 })).machines, 2)
})

test('half the utilization needs twice the machines', async () => {
  const way = { batch: 4, milliseconds: 10, workers: 2, pricePerHour: 0.5 }
  assertEqual((await servingCost(way, { mean: 100, peak: 8000, utilization: 1 })).machines, 10)
  assertEqual((await servingCost(way, { mean: 100, peak: 8000, utilization: 0.5 })).machines, 20)
})

test('machines that wait are paid for: fewer answers a month make each of them dearer', async () => {
  const way = { batch: 1, milliseconds: 2, workers: 1, pricePerHour: 0.2 }
  const busy = await servingCost(way, { mean: 300, peak: 300, utilization: 0.75 })
  const idle = await servingCost(way, { mean: 3, peak: 300, utilization: 0.75 })
  assertClose([busy.perMonth, idle.perMonth], [146, 146], { rtol: 1e-9 }, 'The bill does not depend on the mean.')
  assertClose(idle.perMillion, 100 * busy.perMillion, { rtol: 1e-9 }, 'A hundredth of the answers pays the same bill.')
})

test('traffic that cannot be is refused', async () => {
  const way = { batch: 1, milliseconds: 1, workers: 1, pricePerHour: 1 }
  await assertThrows(servingCost(way, { mean: 1, peak: 2, utilization: 0 }), 'A utilization of 0 would need machines without end.')
  await assertThrows(servingCost(way, { mean: 1, peak: 2, utilization: 1.2 }), 'No machine does more than it can.')
  await assertThrows(servingCost(way, { mean: 3, peak: 2, utilization: 0.5 }), 'The busiest minute is not below the average one.')
  assertEqual((await servingCost(way, { mean: 2, peak: 2, utilization: 1 })).machines, 1)
})

test('any way, any traffic', async () => {
  const random = freshRandom()
  for (let i = 0; i < 10; i++) {
    const machines = 1 + Math.floor(30 * random.next()), capacity = 10 ** (1 + 3 * random.next())
    const batch = 1 + Math.floor(32 * random.next()), workers = 1 + Math.floor(8 * random.next()), utilization = 0.2 + 0.8 * random.next()
    // Made backwards: a peak that needs just so many machines, and the middle of what the last of them can do.
    const peak = (machines - 0.5) * utilization * capacity, mean = peak * (0.05 + 0.9 * random.next()), pricePerHour = 0.05 + random.next()
    const cost = await servingCost({ batch, workers, milliseconds: (1000 * workers * batch) / capacity, pricePerHour }, { mean, peak, utilization })
    const seconds = 730 * 3600
    assertClose(cost, { machines, perMonth: machines * pricePerHour * 730, perMillion: (machines * pricePerHour * 730) / ((mean * seconds) / 1e6) }, { rtol: 1e-9 })
  }
})
