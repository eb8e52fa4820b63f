// `npm run bench -- providers`: the same models through every execution provider of ONNX Runtime that works on this machine,
// beside the processor: does a session run, does it give the same numbers, how fast.
import { compare, type BenchContext, type BenchSuite, type Contestant, type Target } from '../../benchmarks'
import { writeModel, type Model } from '../../onnx'
import { compareOutputs, exampleInputs, type RunTensors } from '../../optimization'
import { providers, Session, type Provider } from '../../runtime'
import { convolutionalNetwork, transformerBlock } from '../fusion-models'

const SUBJECTS: readonly { readonly name: string, readonly make: () => Model, readonly batch: number }[] = [
  { name: 'convolutional network, one image', make: convolutionalNetwork, batch: 1 },
  { name: 'convolutional network, 32 images', make: convolutionalNetwork, batch: 32 },
  { name: 'transformer block, one sequence', make: transformerBlock, batch: 1 },
  { name: 'transformer block, 32 sequences', make: transformerBlock, batch: 32 },
]
/** GPUs sum in another order, and may multiply in fewer bits. */
const TOLERANCE = { relative: 1e-2, absolute: 1e-3 }

/** ONNX Runtime's own last sentence, without its file names and our advice. */
const brief = (reason = 'it does not work here'): string => (/was false\. (.+)$/m.exec(reason)?.[1] ?? reason.split('\n')[0] ?? reason).trim()

function contestant(provider: Provider, bytes: Uint8Array, inputs: RunTensors, missing: string | undefined): Contestant {
  let session: Session | undefined
  return {
    name: provider, ...(missing === undefined ? {} : { missing }),
    prepare: () => {
      session = Session.create(bytes, { providers: [provider], spinning: 'run' })
      for (let i = 0; i < 3; i++) session.runSync(inputs)
    },
    measure: () => {
      const start = performance.now()
      session?.runSync(inputs)
      return performance.now() - start
    },
    close: () => session?.dispose(),
  }
}

function answer(bytes: Uint8Array, inputs: RunTensors, provider: Provider): RunTensors {
  const session = Session.create(bytes, { providers: [provider] })
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

async function measure(context: BenchContext): Promise<void> {
  const found = providers()
  const wrong = new Map<Provider, string>()
  const targets = (): Target[] => found.filter(({ name }) => name !== 'cpu').map(({ name, works, reason }): Target => ({
    name: `${name} gives the processor's numbers`, wanted: `|a − b| ≤ ${TOLERANCE.absolute} + ${TOLERANCE.relative} |a|`,
    reached: works ? wrong.get(name) ?? 'all within' : brief(reason), met: works ? !wrong.has(name) : null,
  }))
  for (const { name, make, batch } of SUBJECTS) {
    const model = make(), bytes = writeModel(model), inputs = exampleInputs(model, 1, { N: batch })
    const expected = answer(bytes, inputs, 'cpu')
    for (const { name: provider, works } of found) {
      const off = works && provider !== 'cpu' ? compareOutputs(expected, answer(bytes, inputs, provider), TOLERANCE).find(({ within }) => !within) : undefined
      if (off !== undefined) wrong.set(provider, `${name}: ${off.output}, ${off.what}`)
    }
    context.add(await compare({
      name, unit: 'ms', rounds: context.quick ? 5 : 21,
      contestants: found.map(({ name: provider, works, reason }) => contestant(provider, bytes, inputs, works ? undefined : brief(reason))),
    }, context), targets())
  }
}

export const suite: BenchSuite = {
  name: 'providers',
  description: 'the execution providers that work on this machine (webgpu, cuda, tensorrt) beside the processor',
  run: measure,
}
