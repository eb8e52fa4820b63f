// `npm run whetstone -- figures`: the plots and tables of docs/optimization-guide.md, from a measurement.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { guideParts, withTables, type BenchRecord } from '../guide/guide'
import { root, stateFolder } from '../root'

export function register(program: Command): void {
  program.command('figures')
    .description('write the plots and tables of docs/optimization-guide.md from docs/measurements/techniques.json')
    .option('--measured', 'take the last result of `npm run bench -- techniques` as the measurement first')
    .action(({ measured }: { measured?: boolean }) => {
      const record = path.join(root, 'docs', 'measurements', 'techniques.json')
      if (measured) {
        mkdirSync(path.dirname(record), { recursive: true })
        const measurement = path.join(stateFolder, 'bench', 'techniques.json')
        if (!existsSync(measurement)) throw new WhetstoneError('FIGURES_NONE', 'The techniques have not been measured here to the end', { where: measurement, fix: 'npm run bench -- techniques digits-cnn digits-mlp mnist-cnn' })
        copyFileSync(measurement, record)
      }
      const { figures, tables } = guideParts(JSON.parse(readFileSync(record, 'utf8')) as BenchRecord)
      for (const [name, svg] of figures) writeFileSync(path.join(root, 'docs', 'images', name), svg)
      const guide = path.join(root, 'docs', 'optimization-guide.md')
      writeFileSync(guide, withTables(readFileSync(guide, 'utf8'), tables))
      process.stdout.write(`  ${figures.size} figures in docs/images, tables in docs/optimization-guide.md\n`)
    })
}
