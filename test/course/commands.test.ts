// A person who has never seen it finds their way: every command has help, every bad input an error with the next step.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = path.resolve(__dirname, '..', '..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'commands-'))
afterAll(() => rmSync(folder, { recursive: true }))
// The compiled command line itself, with a journal of its own: the set-up before it is tested in test/setup/.
const MAIN = path.join(root, 'dist', 'cli', 'main.js')
interface Ended { code: number, out: string, err: string }
/** Several command lines, one after the other in one process: most of the time would go into loading the library. */
const whetstone = (lines: readonly (readonly string[])[]): Ended[] => {
  const ended = spawnSync(process.execPath, ['-e', `
    const { main } = require(${JSON.stringify(MAIN)}), real = process.stdout.write.bind(process.stdout), all = []
    ;(async () => {
      for (const line of ${JSON.stringify(lines)}) {
        const ended = { code: 0, out: '', err: '' }
        process.stdout.write = (text) => { ended.out += text; return true }
        process.stderr.write = (text) => { ended.err += text; return true }
        process.exitCode = 0
        await main(['node', 'whetstone', ...line])
        ended.code = process.exitCode
        all.push(ended)
      }
      process.exitCode = 0
      real(JSON.stringify(all))
    })()`], {
    cwd: root, encoding: 'utf8', input: '', env: { ...process.env, WHETSTONE_JOURNAL: path.join(folder, 'journal.jsonl'), NO_COLOR: '1' },
  })
  return JSON.parse(ended.stdout) as Ended[]
}
const inside = (script: string): string => {
  const ended = spawnSync(process.execPath, ['-e', `const { createProgram } = require(${JSON.stringify(MAIN)}); ${script}`], { cwd: root, encoding: 'utf8' })
  expect(ended.stderr).toBe('')
  return ended.stdout
}

test('whetstone alone says what one can do, by who one is, and every way it names exists', () => {
  const [{ code, out }] = whetstone([[]]) as [Ended]
  expect(code).toBe(0)
  for (const who of ['You want to learn', 'You learn alone', 'You teach', 'You build on it']) expect(out).toContain(who)
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const commands = JSON.parse(inside('console.log(JSON.stringify(createProgram().commands.map((each) => each.name())))')) as string[]
  for (const [, script = ''] of out.matchAll(/npm run ([\w-]+)/g)) expect(Object.keys(scripts), script).toContain(script)
  for (const [, command = ''] of out.matchAll(/npm run whetstone -- (?:help )?([a-z][\w-]+)/g)) expect([...commands, 'help'], command).toContain(command)
  // An alias runs the command of its name.
  for (const name of ['status', 'plan-week', 'interview', 'evaluate', 'curriculum', 'exercises', 'doctor']) expect(scripts[name]).toBe(`node src/cli/whetstone.cjs ${name}`)
})

test('every command and its parts have help with a description and described options', () => {
  const helps = JSON.parse(inside(`
    const all = (command, name) => [{ name, description: command.description(), help: command.helpInformation(), options: command.options.map((each) => each.description) }, ...command.commands.flatMap((each) => all(each, name + ' ' + each.name()))]
    console.log(JSON.stringify(createProgram().commands.flatMap((each) => all(each, each.name()))))`)) as { name: string, description: string, help: string, options: string[] }[]
  expect(helps.length).toBeGreaterThan(15)
  for (const { name, description, help, options } of helps) {
    expect(description.length, name).toBeGreaterThan(10)
    expect(help, name).toContain('Usage:')
    for (const option of options) expect(option.length, name).toBeGreaterThan(4)
  }
})

writeFileSync(path.join(folder, 'a.txt'), 'text')
const BAD: readonly (readonly [readonly string[], RegExp])[] = [
  [['nonsense'], /unknown command 'nonsense'[^]*npm run whetstone -- help/],
  [['stats'], /unknown command 'stats'[^]*Did you mean status/],
  [['status', '--nope'], /unknown option '--nope'[^]*npm run whetstone -- help/],
  [['evaluate', '--month', '12'], /no month 12[^]*11[^]*to fix/],
  [['evaluate', '--track', 'cooking'], /no track cooking[^]*module04/],
  [['evaluate', '--point', 'module04/x'], /no such line[^]*to fix/],
  [['evaluate', '--month', '11', '--module', '4'], /one part[^]*--month, --module/],
  [['plan-week', '--hours', 'many'], /not a number of hours[^]*--hours 6/],
  [['plan-week', '--days', 'someday'], /is no day[^]*mon,wed,sat/],
  [['plan-week', '--from', '2026-02-30'], /not a date[^]*2026/],
  [['plan-week', '--at', '25:00'], /not a time[^]*19:30/],
  [['plan-week', '--track', 'cooking'], /No lesson is in cooking[^]*module_04/],
  [['interview', '--count', '0'], /whole number[^]*--count 3/],
  [['interview', '--question', 'why'], /no interview question "why"[^]*--list/],
  [['interview', '--track', 'cooking'], /track cooking[^]*module04/],
  [['debug-learning'], /nothing to look at[^]*--model FILE/],
  [['debug-learning', '--model', '/no/such.onnx'], /no such model[^]*\.onnx file/],
  [['harden'], /nothing to review[^]*harden model\.onnx/],
  [['harden', path.join(folder, 'a.txt')], /not reviewed[^]*\.onnx, \.ts/],
]

test('bad inputs are errors that name the next step, never a bare stack', () => {
  const ended = whetstone(BAD.map(([args]) => args))
  expect(ended).toHaveLength(BAD.length)
  for (const [i, [args, expected]] of BAD.entries()) {
    const { code, err } = ended[i]!
    expect(code, args.join(' ')).not.toBe(0)
    expect(err, args.join(' ')).toMatch(expected)
    expect(err).not.toMatch(/^\s+at .*\.js:/m)
  }
})

test('docs/commands.md is what the commands say; mended with: npm run whetstone -- coverage', () => {
  const page = inside('const { commandsPage } = require(\'./dist/cli/commands-page.js\'); process.stdout.write(commandsPage(createProgram()))')
  expect(readFileSync(path.join(root, 'docs', 'commands.md'), 'utf8')).toBe(page)
})
