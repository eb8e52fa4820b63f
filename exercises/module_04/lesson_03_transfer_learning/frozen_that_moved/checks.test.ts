import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/frozen_that_moved'
import type { Weights } from './exercise'

const { diagnoseFineTuning } = course.subject(reference)
const { assertEqual, freshRandom } = course

test('the statistics of a frozen batch normalization', async () => {
  assertEqual(await diagnoseFineTuning(
    { 'a/kernel': [1], 'a/moving_mean': [0], 'b/kernel': [2] }, { 'a/kernel': [1], 'a/moving_mean': [0.3], 'b/kernel': [2.5] }, ['a']),
  { moved: ['a/moving_mean'], stuck: [] })
})

test('a layer that was meant to learn and did not', async () => {
  assertEqual(await diagnoseFineTuning({ 'a/kernel': [1, 2], 'b/kernel': [2], 'b/bias': [0] }, { 'a/kernel': [1, 2], 'b/kernel': [3], 'b/bias': [0] }, []),
    { moved: [], stuck: ['a/kernel', 'b/bias'] })
})

test('one number of many is enough, in either direction', async () => {
  assertEqual(await diagnoseFineTuning({ 'a/kernel': [1, 2, 3], 'b/kernel': [1, 2] }, { 'a/kernel': [1, 2, 2.9], 'b/kernel': [1.5, 1.5] }, ['a', 'b']),
    { moved: ['a/kernel', 'b/kernel'], stuck: [] })
})

test('rounding is no change, for small and large numbers', async () => {
  assertEqual(await diagnoseFineTuning({ 'a/kernel': [1e-3], 'a/scale': [40000] }, { 'a/kernel': [1e-3 + 1e-9], 'a/scale': [40000.01] }, ['a']), { moved: [], stuck: [] })
})

test('block1 is not block10, and a name may hold several slashes', async () => {
  assertEqual(await diagnoseFineTuning(
    { 'block1/w': [1], 'block10/w': [1], 'net/block1/w': [1] }, { 'block1/w': [1], 'block10/w': [2], 'net/block1/w': [2] }, ['block1']),
  { moved: [], stuck: [] })
  assertEqual(await diagnoseFineTuning({ 'net/block1/w': [1] }, { 'net/block1/w': [2] }, ['net/block1']), { moved: ['net/block1/w'], stuck: [] })
})

test('a NaN has changed', async () => {
  assertEqual(await diagnoseFineTuning({ 'a/w': [1], 'b/w': [1] }, { 'a/w': [Number.NaN], 'b/w': [Number.NaN] }, ['a']), { moved: ['a/w'], stuck: [] })
})

test('a random network', async () => {
  const random = freshRandom()
  const before: Weights = {}, after: Weights = {}
  const frozen = ['layer0', 'layer2', 'layer4']
  const moved: string[] = [], stuck: string[] = []
  for (let i = 0; i < 8; i++) {
    for (const kind of ['kernel', 'moving_mean']) {
      const name = `layer${i}/${kind}`
      before[name] = Array.from({ length: 5 }, () => random.normal())
      const changed = random.next() < 0.5
      const place = random.int(5)
      after[name] = before[name].map((v, k) => (changed && k === place ? v - 0.01 : v))
      if (changed && frozen.includes(`layer${i}`)) moved.push(name)
      if (!changed && !frozen.includes(`layer${i}`)) stuck.push(name)
    }
  }
  assertEqual(await diagnoseFineTuning(before, after, frozen), { moved, stuck })
})
