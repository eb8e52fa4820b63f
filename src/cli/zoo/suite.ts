// What the benches over trained models share: the models that are named are measured one after the other.
import type { BenchContext } from '../../benchmarks'
import { WhetstoneError } from '../../core'
import { RECIPES, type ZooName } from '.'

type Measure = (name: ZooName, context: BenchContext) => Promise<void>

/** @throws WhetstoneError `ZOO_UNKNOWN` when a name is of no recipe */
export async function overModels(measure: Measure, context: BenchContext): Promise<void> {
  const names = context.args.length > 0 ? context.args : ['mnist-cnn']
  const unknown = names.find((name) => !(name in RECIPES))
  if (unknown !== undefined) throw new WhetstoneError('ZOO_UNKNOWN', `There is no model "${unknown}" in the zoo`, { expected: Object.keys(RECIPES).join(', ') })
  for (const name of names as ZooName[]) await measure(name, context)
}
