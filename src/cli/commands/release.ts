// `whetstone release`: the students' folder, without solutions, searched and tried before it is there.
import path from 'node:path'
import type { Command } from 'commander'
import { course } from '../..'
import { shortName } from '../notebooks/files'
import { root } from '../root'

export function register(program: Command): void {
  program.command('release')
    .description('make the folder for students: notebooks with stubs, no solutions, no hidden inputs')
    .option('--out <folder>', 'where it goes', 'release')
    .option('--lesson <names...>', 'lessons to give out; default: all')
    .action(async (options: { out: string; lesson?: string[] }) => {
      const out = path.resolve(options.out)
      const note = (text: string): void => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  … ${text}`) }
      const made = await course.release({ project: course.projectAt(root), out, note, ...(options.lesson ? { lessons: options.lesson } : {}) })
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
      process.stdout.write(`  ${made.files} files, ${made.notebooks} notebooks, ${made.exercises.length} exercises in ${shortName(out)}\n`
        + `  ${made.searched} files searched: no solution in them, as it stands or with other names\n`
        + `  every solution passes the checks that were given out, every stub fails them; ${made.recognised} wrong answers are recognised without their code\n`
        + '  Students: unpack, npm start\n')
    })
}
