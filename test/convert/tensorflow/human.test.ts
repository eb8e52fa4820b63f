// Graph models that others made and published: every one of the package @vladmandic/human, beside TensorFlow.js running the
// same file.
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { convert, onnx, runtime } from 'whetstone'
import { differenceFrom, graphModelFolder, graphModelNames, graphModelOutputs, loadGraphModel, pictureFor } from '../../../src/cli/convert/graph-models'
import { toRun } from '../../../src/convert/verify'

const names = graphModelNames()

test('the package has the eleven models that are known', () => {
  expect(names).toHaveLength(11)
})

test.each(names)('%s computes what TensorFlow.js computes', async (name) => {
  vi.spyOn(console, 'warn').mockReturnValue()
  const theirs = await loadGraphModel(name)
  const { model } = convert.convert(path.join(graphModelFolder, `${name}.json`))
  expect(onnx.validateModel(model)).toEqual([])
  const picture = pictureFor(model, theirs)
  // With the runtime's optimizer, as models are run.
  const session = runtime.Session.create(onnx.writeModel(model), { threads: 1 })
  const ours = session.runSync({ [model.graph.inputs[0]?.name ?? '']: toRun('picture', picture) })
  session.dispose()
  expect(differenceFrom(await graphModelOutputs(theirs), theirs, ours)).toBeLessThanOrEqual(1e-4)
  theirs.model.dispose()
}, 120_000)
