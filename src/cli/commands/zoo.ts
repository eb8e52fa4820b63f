// `whetstone zoo [names…]`: trains the models that benchmarks and lessons use, or says what is there.
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { RECIPES, zoo, type ZooName } from '../zoo'
import { pretrain } from '../zoo/pretrained'

export function register(program: Command): void {
  program.command('zoo')
    .description('train the models that benchmarks and lessons compress; kept in .whetstone/cache')
    .argument('[names...]', 'which ones; default: all')
    .option('--pretrained', 'instead: train the model of the lesson on transfer anew and write it to datasets/pretrained')
    .action(async (names: string[], options: { pretrained?: true }) => {
      if (options.pretrained) {
        const { accuracy, bytes, sha256 } = await pretrain((line) => process.stderr.write(`${line}\n`))
        process.stdout.write(`${(100 * accuracy).toFixed(2)}%  ${bytes} bytes  SHA-256 ${sha256}\n`)
        return
      }
      const all = Object.keys(RECIPES)
      const unknown = names.find((name) => !all.includes(name))
      if (unknown !== undefined) throw new WhetstoneError('ZOO_UNKNOWN', `There is no model "${unknown}" in the zoo`, { expected: all.join(', ') })
      for (const name of (names.length > 0 ? names : all) as ZooName[]) {
        const { accuracy, bytes } = await zoo(name, (line) => process.stderr.write(`${line}\n`))
        process.stdout.write(`${name.padEnd(14)} ${(100 * accuracy).toFixed(2)}%  ${(bytes.byteLength / 1024).toFixed(0)} KiB\n`)
      }
    })
}
