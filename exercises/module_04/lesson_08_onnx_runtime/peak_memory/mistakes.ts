import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/peak_memory'

const RIGHT = {
  /** Inputs are dropped before the output comes to life. */
  early: false,
  keepOutputs: true,
  freeUnread: true,
  free: true,
  countInput: true,
  firstOfEqual: true,
  refuse: true,
  alone: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { early, keepOutputs, freeUnread, free, countInput, firstOfEqual, refuse, alone } = { ...RIGHT, ...wrong }
  return {
    peakMemory(steps, input, outputs) {
      const lastRead = new Map<string, number>()
      steps.forEach(({ inputs }, i) => { for (const name of inputs) lastRead.set(name, i) })
      if (keepOutputs) for (const name of outputs) lastRead.set(name, steps.length)
      const known = new Set([input.name])
      const alive = new Map<string, number>(countInput ? [[input.name, input.bytes]] : [])
      const drop = (i: number): void => {
        for (const name of free ? [...alive.keys()] : []) if ((lastRead.get(name) ?? (freeUnread ? 0 : Infinity)) <= i) alive.delete(name)
      }
      let peak = { bytes: steps.length === 0 && alone ? input.bytes : steps.length === 0 ? 0 : -1, at: '' }
      steps.forEach(({ output, bytes, inputs }, i) => {
        for (const name of inputs) if (refuse && !known.has(name)) throw new Error(`${name} is not there`)
        known.add(output)
        if (early) drop(i)
        alive.set(output, bytes)
        const total = [...alive.values()].reduce((sum, each) => sum + each, 0)
        if (total > peak.bytes || (!firstOfEqual && total === peak.bytes)) peak = { bytes: total, at: output }
        if (!early) drop(i)
      })
      return peak
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'adds-everything',
    sentence: 'You added up all values. Memory is used again: what was read for the last time is free for the next step.',
    functions: variant({ free: false }),
  },
  {
    name: 'inputs-gone-too-early',
    sentence: 'You dropped the inputs of a step before its output was made. While it computes, both are there.',
    functions: variant({ early: true }),
  },
  {
    name: 'outputs-not-kept',
    sentence: 'An output of the model that is made early was dropped after its last reader. The caller still wants it: it stays until the end.',
    functions: variant({ keepOutputs: false }),
  },
  {
    name: 'unread-values-stay',
    sentence: 'A value that nobody reads stays with you for ever. It lives in its own step only.',
    functions: variant({ freeUnread: false }),
  },
  {
    name: 'without-the-input',
    sentence: 'You left out the input of the model. It takes memory too, until its last reader.',
    functions: variant({ countInput: false }),
  },
  {
    name: 'last-of-equal',
    sentence: 'Of several steps with the same peak you named the last. The first is meant.',
    functions: variant({ firstOfEqual: false }),
  },
  {
    name: 'reads-what-is-not-there',
    sentence: 'You let a step read a value that was not made yet. Refuse it, with the name of the value.',
    functions: variant({ refuse: false }),
  },
  {
    name: 'nothing-without-steps',
    sentence: 'A model without steps still has its input in memory.',
    functions: variant({ alone: false }),
  },
]
