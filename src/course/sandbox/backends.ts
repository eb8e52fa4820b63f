// How an untrusted process is started: bubblewrap, a container of Docker or Podman, or, by explicit choice only, nothing.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { WhetstoneError } from '../../core'
import type { Limits } from './limits'
import { seccompFilter } from './seccomp'

/** The sandboxes that there are. */
export type SandboxName = 'bubblewrap' | 'docker' | 'podman' | 'none'

/** A command line, and how to talk to what it starts. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** The stream of the command that replies come out of. */
  readonly replies: 1 | 3
  /** Bytes that the command reads from descriptor 4. */
  readonly filter?: Buffer
  /** Ends what the end of the command itself would leave running. */
  readonly end?: () => void
}

/** Something that shuts a process in. */
export interface SandboxBackend {
  readonly name: SandboxName
  /** Wraps `node ...args`. `readable` are the only files of the project that it may see. */
  launch(args: readonly string[], readable: readonly string[], limits: Limits): Launch
}

/** System folders that Node and its libraries come from; the ones that exist are readable. Nothing of a person is there. */
const SYSTEM = ['/usr', '/lib', '/lib64', '/lib32', '/bin', '/sbin', '/etc/ld.so.cache', '/etc/alternatives', '/nix/store']
/** What ONNX Runtime reads to learn how many processors there are. */
const PROCESSORS = '/sys/devices/system/cpu'

const filter = seccompFilter()
/** The descriptor that bubblewrap reads the filter of system calls from. */
const FILTER_DESCRIPTOR = 4

/**
 * Linux namespaces by bubblewrap: no network, own process table, an empty home and environment, a small folder in memory
 * to write to, resource limits, and a filter of system calls. What is not listed as readable does not exist there.
 */
export const bubblewrap: SandboxBackend = {
  name: 'bubblewrap',
  launch(args, readable, limits) {
    const node = realpathSync(process.execPath)
    const binds = [...SYSTEM.filter((folder) => existsSync(folder)), ...(node.startsWith('/usr/') ? [] : [node]), ...readable]
    return {
      command: 'bwrap',
      replies: 3,
      ...(filter ? { filter } : {}),
      args: [
        '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL', '--hostname', 'sandbox',
        ...(filter ? ['--seccomp', String(FILTER_DESCRIPTOR)] : []),
        '--size', String(limits.diskBytes), '--tmpfs', '/tmp', '--proc', '/proc', '--dev', '/dev',
        ...(existsSync(PROCESSORS) ? ['--ro-bind', PROCESSORS, PROCESSORS] : []),
        ...binds.flatMap((place) => ['--ro-bind', realpathSync(place), place]),
        '--setenv', 'HOME', '/tmp', '--setenv', 'TMPDIR', '/tmp', '--setenv', 'NODE_NO_WARNINGS', '1', '--chdir', '/tmp',
        ...limited(limits), node, ...SECOND_WALL, ...args,
      ],
    }
  },
}

/** The image of a container: Node of the same major version on a Linux with glibc, which the packages were built for. */
export const containerImage = (): string => process.env['WHETSTONE_GRADER_IMAGE'] ?? `node:${process.versions.node.split('.')[0] ?? '20'}-bookworm-slim`

/**
 * A container: no network, no capability, a read-only root, nobody's user, limits by control groups. Containers pass on
 * three streams only, so replies take the place of stdout, and what the code prints goes to stderr.
 */
function container(name: 'docker' | 'podman'): SandboxBackend {
  return {
    name,
    launch(args, readable, limits) {
      const id = `whetstone-${process.pid}-${randomBytes(6).toString('hex')}`
      return {
        command: name,
        replies: 1,
        end: () => { spawnSync(name, ['kill', id], { stdio: 'ignore', timeout: 10_000 }) },
        args: [
          'run', '--rm', '--interactive', '--name', id, '--pull', 'never', '--network', 'none', '--ipc', 'none', '--hostname', 'sandbox',
          '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--user', '65534:65534', '--read-only',
          '--tmpfs', `/tmp:rw,nosuid,nodev,noexec,size=${limits.diskBytes},mode=1777`, '--workdir', '/tmp',
          // Twice the writable memory: code and read-only pages count here, too.
          '--memory', String(2 * limits.memoryBytes), '--memory-swap', String(2 * limits.memoryBytes), '--cpus', '1',
          '--pids-limit', String(limits.processes), '--ulimit', `cpu=${limits.cpuSeconds}`, '--ulimit', `data=${limits.memoryBytes}`,
          '--ulimit', `fsize=${limits.diskBytes}`, '--ulimit', 'nofile=256', '--ulimit', 'core=0',
          '--env', 'HOME=/tmp', '--env', 'TMPDIR=/tmp', '--env', 'NODE_NO_WARNINGS=1',
          ...readable.flatMap((place) => ['--mount', `type=bind,source=${realpathSync(place)},target=${place},readonly`]),
          '--entrypoint', 'sh', containerImage(), '-c', 'exec 3>&1 1>&2 node "$@"', 'sh', ...SECOND_WALL, ...args,
        ],
      }
    },
  }
}

/** No walls. Limits of the operating system still hold where it has `prlimit`. */
export const none: SandboxBackend = {
  name: 'none',
  launch(args, _readable, limits) {
    const [command = process.execPath, ...rest] = [...(works('prlimit') ? limited(limits) : []), process.execPath, ...args]
    return { command, args: rest, replies: 3 }
  },
}

/** Every sandbox, whether it is here or not: `findSandbox` says that. */
export const BACKENDS: Readonly<Record<SandboxName, SandboxBackend>> = { bubblewrap, docker: container('docker'), podman: container('podman'), none }

/**
 * Node's permission model: no child processes, no worker threads, no writing. A second wall, because it stands inside the
 * process that it guards. Native code loads only until the worker shuts that door, which is before the learner's code runs.
 */
const SECOND_WALL: readonly string[] = [
  process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission', '--allow-fs-read=*', '--allow-addons',
]

/** Limits that the kernel keeps for each process. */
function limited(limits: Limits): string[] {
  return [
    'prlimit', `--cpu=${limits.cpuSeconds}`, `--data=${limits.memoryBytes}`, `--nproc=${limits.processes}`,
    `--fsize=${limits.diskBytes}`, '--nofile=256', '--core=0', '--',
  ]
}

const known = new Map<string, boolean>()
const works = (command: string): boolean => {
  const found = known.get(command) ?? spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
  known.set(command, found)
  return found
}

/** Why a sandbox cannot be used here, or undefined when it can. */
function fault(name: SandboxName): { readonly expected: string; readonly got: string; readonly fix: string } | undefined {
  if (name === 'none') return undefined
  if (name === 'bubblewrap') {
    const probe = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'prlimit', '--version'], { encoding: 'utf8' })
    if (probe.status === 0) return undefined
    return {
      expected: 'bubblewrap (bwrap) and prlimit, with permission to make user namespaces',
      got: probe.error ? 'bwrap is not installed' : probe.stderr.trim(),
      fix: 'install the package bubblewrap; or use --sandbox=docker or --sandbox=podman; or, only for code that you trust, choose --sandbox=none',
    }
  }
  const probe = spawnSync(name, ['image', 'inspect', '--format', '{{.Os}}/{{.Architecture}}', containerImage()], { encoding: 'utf8', timeout: 30_000 })
  if (probe.status === 0) return undefined
  return {
    expected: `${name}, running, with the image ${containerImage()}`,
    got: probe.error ? `${name} is not installed` : (probe.stderr.trim().split('\n').at(-1) ?? ''),
    fix: `start ${name} and fetch the image (${name} pull ${containerImage()}), or name another in WHETSTONE_GRADER_IMAGE; or use --sandbox=bubblewrap`,
  }
}

/**
 * The sandbox of this machine. `none` has to be asked for by name.
 *
 * @throws WhetstoneError `SANDBOX_MISSING` when it is not installed, not running, or not allowed to make namespaces
 */
export function findSandbox(wanted: SandboxName = 'bubblewrap'): SandboxBackend {
  const missing = fault(wanted)
  if (missing) throw new WhetstoneError('SANDBOX_MISSING', 'Submissions are not run, because there is no sandbox for them', missing)
  return BACKENDS[wanted]
}

/** What the worker of a library needs to read: the compiled library and its packages. No exercises, no solutions. */
export function readableBy(library: string, root: string): string[] {
  return [library, path.join(root, 'node_modules'), path.join(root, 'package.json')]
}
