// What this machine's processor can do, as its operating system names it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/**
 * Instruction-set extensions: on Linux the flags of /proc/cpuinfo (`avx2`, `avx512_vnni`, `asimddp`), on macOS those that
 * sysctl knows, in lower case. Empty where neither says anything.
 */
export function cpuFlags(): ReadonlySet<string> {
  if (process.platform === 'linux') {
    const text = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
    return new Set((/^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1] ?? '').split(' ').filter((flag) => flag !== ''))
  }
  if (process.platform !== 'darwin') return new Set()
  if (process.arch === 'arm64') return new Set(['asimd', 'asimddp', 'asimdhp'])
  const text = ['machdep.cpu.features', 'machdep.cpu.leaf7_features']
    .map((key) => spawnSync('sysctl', ['-n', key], { encoding: 'utf8', timeout: 30_000 }))
    .map(({ status, stdout }) => (status === 0 ? stdout : '')).join(' ')
  return new Set(text.toLowerCase().split(/\s+/).filter((flag) => flag !== ''))
}
