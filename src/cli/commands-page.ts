// docs/commands.md, from the commands themselves.
import type { Command } from 'commander'

/** Every command with its arguments and options. */
export function commandsPage(program: Command): string {
  const sections = [...program.commands].filter((command) => command.name() !== 'help').sort((a, b) => a.name().localeCompare(b.name())).flatMap((command) => section(command, command.name()))
  return [
    '# Commands', 'Written by `npm run whetstone -- coverage` from the commands themselves. `npm run whetstone` alone says which are for whom;',
    'each is run as `npm run whetstone -- NAME`, and some have a short form, `npm run NAME -- …`.', '', ...sections,
  ].join('\n')
}

function section(command: Command, name: string): string[] {
  const rows = command.options.map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${option.description.replaceAll('|', '\\|')} |`)
  const args = command.registeredArguments.map((argument) => `- \`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\` ${argument.description}`)
  return [
    `## ${name}`, `${command.description()}.`, '', ...(args.length > 0 ? [...args, ''] : []),
    ...(rows.length > 0 ? ['| option | |', '|:--|:--|', ...rows, ''] : []), ...command.commands.flatMap((each) => section(each, `${name} ${each.name()}`)),
  ]
}
