// How an untrusted process is started: bubblewrap, where it is installed, or, by explicit choice only, nothing.
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { WhetstoneError } from '../../core'
import type { Limits } from './limits'

/** A command line. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
}

/** Something that shuts a process in. */
export interface SandboxBackend {
  readonly name: 'bubblewrap' | 'none'
  /** Wraps `node ...args`. `readable` are the only files of the project that it may see. */
  launch(args: readonly string[], readable: readonly string[], limits: Limits): Launch
}

/** System folders that Node and its libraries come from; the ones that exist are readable. Nothing of a person is there. */
const SYSTEM = ['/usr', '/lib', '/lib64', '/lib32', '/bin', '/sbin', '/etc/ld.so.cache', '/etc/alternatives', '/nix/store']

/**
 * Linux namespaces by bubblewrap: no network, own process table, an empty home and environment, a small folder in memory
 * to write to, and resource limits. What is not listed as readable does not exist there.
 */
export const bubblewrap: SandboxBackend = {
  name: 'bubblewrap',
  launch(args, readable, limits) {
    const node = realpathSync(process.execPath)
    const binds = [...SYSTEM.filter((folder) => existsSync(folder)), ...(node.startsWith('/usr/') ? [] : [node]), ...readable]
    return {
      command: 'bwrap',
      args: [
        '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL', '--hostname', 'sandbox',
        '--size', String(limits.diskBytes), '--tmpfs', '/tmp', '--proc', '/proc', '--dev', '/dev',
        ...binds.flatMap((place) => ['--ro-bind', realpathSync(place), place]),
        '--setenv', 'HOME', '/tmp', '--setenv', 'TMPDIR', '/tmp', '--setenv', 'NODE_NO_WARNINGS', '1', '--chdir', '/tmp',
        ...limited(limits), node, ...SECOND_WALL, ...args,
      ],
    }
  },
}

/** No walls. Limits of the operating system still hold where it has `prlimit`. */
export const none: SandboxBackend = {
  name: 'none',
  launch(args, _readable, limits) {
    const [command = process.execPath, ...rest] = [...(works('prlimit') ? limited(limits) : []), process.execPath, ...args]
    return { command, args: rest }
  },
}

/**
 * Node's permission model: no child processes, no worker threads, no native code, no writing. A second wall, because it
 * stands inside the process that it guards.
 */
const SECOND_WALL: readonly string[] = [
  process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission', '--allow-fs-read=*',
]

/** Limits that the kernel keeps for each process. */
function limited(limits: Limits): string[] {
  return [
    'prlimit', `--cpu=${limits.cpuSeconds}`, `--data=${limits.memoryBytes}`, `--nproc=${limits.processes}`,
    `--fsize=${limits.diskBytes}`, '--nofile=256', '--core=0', '--',
  ]
}

const works = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/**
 * The sandbox of this machine. `none` has to be asked for by name.
 *
 * @throws WhetstoneError `SANDBOX_MISSING` when bubblewrap is not installed, or not allowed to make namespaces
 */
export function findSandbox(wanted: 'bubblewrap' | 'none' = 'bubblewrap'): SandboxBackend {
  if (wanted === 'none') return none
  const probe = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'prlimit', '--version'], { encoding: 'utf8' })
  if (probe.status === 0) return bubblewrap
  throw new WhetstoneError('SANDBOX_MISSING', 'Submissions are not run, because there is no sandbox for them', {
    expected: 'bubblewrap (bwrap) and prlimit, with permission to make user namespaces',
    got: probe.error ? 'bwrap is not installed' : probe.stderr.trim(),
    fix: 'install the package bubblewrap; or, only for code that you trust, choose --sandbox=none',
  })
}

/** What the worker of a library needs to read: the compiled library and its packages. No exercises, no solutions. */
export function readableBy(library: string, root: string): string[] {
  return [library, path.join(root, 'node_modules'), path.join(root, 'package.json')]
}
