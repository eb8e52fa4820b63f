// `npm run doctor`: what this machine has, and what each missing thing would add.
import type { Command } from 'commander'
import colors from 'picocolors'
import { examine, type Finding } from '../machine'

export function register(program: Command): void {
  program.command('doctor')
    .description('show what this machine has and what is missing')
    .option('--json', 'one JSON object')
    .action((options: { json?: boolean }) => {
      const findings = examine()
      const missing = findings.filter((finding) => finding.kind === 'needed' && !finding.found)
      process.stdout.write(options.json ? JSON.stringify({ ready: missing.length === 0, findings }) + '\n' : report(findings))
      if (missing.length > 0) process.exitCode = 1
    })
}

function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((finding) => finding.name.length))
  const line = (finding: Finding): string => {
    const mark = finding.found ? colors.green('✓') : finding.kind === 'needed' ? colors.red('✗') : colors.dim('–')
    const head = `  ${mark} ${finding.name.padEnd(width)}  `
    if (finding.found || finding.kind === 'fact') return `${head}${finding.found ? finding.value : colors.dim(`no: ${finding.value}`)}\n`
    const indent = ' '.repeat(width + 6)
    return `${head}${finding.value ? colors.dim(finding.value) : colors.dim('not here')}\n${indent}would add: ${finding.adds ?? ''}\n${indent}to get it: ${finding.get ?? ''}\n`
  }
  const group = (title: string, kind: Finding['kind']): string =>
    `\n${colors.bold(title)}\n${findings.filter((finding) => finding.kind === kind).map(line).join('')}`
  return `${group('Needed', 'needed')}${group('This processor', 'fact')}${group('Optional', 'optional')}\n`
}
