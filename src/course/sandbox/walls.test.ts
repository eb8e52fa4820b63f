// The parts of the walls that can be judged without standing inside them.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BACKENDS, findSandbox } from './backends'
import { usageOf, wasStarved } from './fairness'
import { LIMITS } from './limits'
import { seccompFilter } from './seccomp'

/** What a classic BPF program answers for a system call: an interpreter of the instructions that it uses (linux/filter.h). */
function judge(filter: Buffer, audit: number, number: number, firstArgument = 0): number {
  let accumulator = 0
  for (let i = 0; ; i++) {
    const [code, ifTrue, ifFalse, k] = [filter.readUInt16LE(i * 8), filter.readUInt8(i * 8 + 2), filter.readUInt8(i * 8 + 3), filter.readUInt32LE(i * 8 + 4)]
    if (code === 0x20) accumulator = ({ 0: number, 4: audit, 16: firstArgument } as Record<number, number>)[k]!
    else if (code === 0x15) i += accumulator === k ? ifTrue : ifFalse
    else if (code === 0x35) i += accumulator >>> 0 >= k ? ifTrue : ifFalse
    else if (code === 0x45) i += (accumulator & k) !== 0 ? ifTrue : ifFalse
    else if (code === 0x06) return k
    else throw new Error(`instruction ${code}`)
  }
}
const ALLOWED = 0x7fff0000, EPERM = 0x00050001, ENOSYS = 0x00050026, KILLED = 0x80000000
const THREAD = 0x003d0f00

// Numbers from the kernel's tables: x86-64 `syscall_64.tbl`, arm64 `asm-generic/unistd.h`.
test.runIf(os.platform() === 'linux').each([
  ['x64', 0xc000003e, 0xc00000b7, { read: 0, write: 1, mmap: 9, execve: 59, exit: 60, futex: 202, openat: 257, clone: 56, clone3: 435, fork: 57, vfork: 58, socket: 41, ptrace: 101, mount: 165, unshare: 272, bpf: 321, io: 425 }],
  ['arm64', 0xc00000b7, 0xc000003e, { read: 63, write: 64, mmap: 222, execve: 221, exit: 93, futex: 98, openat: 56, clone: 220, clone3: 435, fork: 220, vfork: 220, socket: 198, ptrace: 117, mount: 40, unshare: 97, bpf: 280, io: 425 }],
] as const)('the filter of %s allows computing and threads, and no process, socket or other machine', (architecture, audit, other, call) => {
  const filter = seccompFilter(architecture)!
  for (const name of ['read', 'write', 'mmap', 'execve', 'exit', 'futex', 'openat'] as const) expect([name, judge(filter, audit, call[name])]).toEqual([name, ALLOWED])
  for (const name of ['fork', 'vfork', 'socket', 'ptrace', 'mount', 'unshare', 'bpf', 'io'] as const) expect([name, judge(filter, audit, call[name])]).toEqual([name, EPERM])
  expect(judge(filter, audit, call.clone, THREAD)).toBe(ALLOWED)
  expect(judge(filter, audit, call.clone, 17)).toBe(EPERM)
  expect(judge(filter, audit, call.clone3, THREAD)).toBe(ENOSYS)
  expect(judge(filter, other, call.read)).toBe(KILLED)
  expect(judge(filter, audit, 0x40000000 | call.read)).toBe(KILLED)
  expect(seccompFilter('mips')).toBeUndefined()
})

test('a container has no network, no capability and no writable root, and what is missing is said with the way out', () => {
  for (const name of ['docker', 'podman'] as const) {
    const { command, args, replies } = BACKENDS[name].launch(['/lib/worker.js'], [os.tmpdir()], LIMITS)
    const line = ` ${args.join(' ')} `
    expect([command, replies, args[0]]).toEqual([name, 1, 'run'])
    for (const words of ['--network none', '--cap-drop ALL', '--read-only', '--security-opt no-new-privileges', '--user 65534:65534', '--pull never', `--pids-limit ${LIMITS.processes}`, `target=${os.tmpdir()},readonly`]) expect(line).toContain(` ${words} `.replace(' target', 'target'))
    if (spawnSync(name, ['info']).status !== 0) expect(() => findSandbox(name)).toThrow(/no sandbox for them[^]*--sandbox=bubblewrap/)
  }
})

test.runIf(os.platform() === 'linux')('a process that sleeps is late by its own doing; one that works is seen to work', async () => {
  const idle = spawn(process.execPath, ['-e', 'console.log(1); setTimeout(() => {}, 60_000)']), busy = spawn(process.execPath, ['-e', 'console.log(1); for (;;);'])
  try {
    await Promise.all([once(idle.stdout, 'data'), once(busy.stdout, 'data')])
    await sleep(300)
    const before = [usageOf(idle.pid!), usageOf(busy.pid!)] as const
    await sleep(400)
    expect(wasStarved(idle.pid, before[0], 400)).toBe(false)
    expect(usageOf(busy.pid!)).toMatchObject({ runnable: true })
    // Of an hour it can have had no half.
    expect(wasStarved(busy.pid, before[1], 3_600_000)).toBe(true)
    expect(wasStarved(busy.pid, before[1], 1)).toBe(false)
    expect([usageOf(999_999_999), wasStarved(undefined, before[0], 1)]).toEqual([undefined, false])
  } finally {
    idle.kill('SIGKILL')
    busy.kill('SIGKILL')
  }
})
