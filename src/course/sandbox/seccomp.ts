// A filter of system calls (seccomp-bpf, Linux `seccomp(2)`) for code that is not trusted: no new process, no socket, no
// tracing, no mounting, no kernel interface that ordinary computing does not need. A thread is allowed; a process is not.
// It also holds for root, which limits on the number of processes do not.

/** System calls that are refused, with their numbers on x86-64 and arm64 (Linux `asm/unistd.h`); undefined: not there. */
const REFUSED: Readonly<Record<string, readonly [number | undefined, number | undefined]>> = {
  fork: [57, undefined], vfork: [58, undefined], execveat: [322, 281],
  socket: [41, 198], socketpair: [53, 199], connect: [42, 203], accept: [43, 202], accept4: [288, 242], bind: [49, 200], listen: [50, 201],
  ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], process_madvise: [440, 440], kcmp: [312, 272],
  pidfd_open: [434, 434], pidfd_getfd: [438, 438], perf_event_open: [298, 241], userfaultfd: [323, 282], bpf: [321, 280],
  mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41], chroot: [161, 51], unshare: [272, 97], setns: [308, 268],
  fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432], fspick: [433, 433], move_mount: [429, 429], open_tree: [428, 428], mount_setattr: [442, 442],
  io_uring_setup: [425, 425], io_uring_enter: [426, 426], io_uring_register: [427, 427],
  keyctl: [250, 219], add_key: [248, 217], request_key: [249, 218], open_by_handle_at: [304, 265], name_to_handle_at: [303, 264],
  init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106], kexec_load: [246, 104], kexec_file_load: [320, 294],
  quotactl: [179, 60], reboot: [169, 142], swapon: [167, 224], swapoff: [168, 225], syslog: [103, 116], acct: [163, 89], vhangup: [153, 58],
  settimeofday: [164, 170], clock_settime: [227, 112], adjtimex: [159, 171], clock_adjtime: [305, 266],
  iopl: [172, undefined], ioperm: [173, undefined], modify_ldt: [154, undefined], personality: [135, 92], fanotify_init: [300, 262],
  lookup_dcookie: [212, 18], nfsservctl: [180, 42], move_pages: [279, 239], migrate_pages: [256, 238], mbind: [237, 235], set_mempolicy: [238, 237],
}

interface Machine {
  /** `AUDIT_ARCH_*` of linux/audit.h. */
  readonly audit: number
  readonly column: 0 | 1
  readonly clone: number
  readonly clone3: number
}

const MACHINES: Readonly<Record<string, Machine>> = {
  x64: { audit: 0xc000003e, column: 0, clone: 56, clone3: 435 },
  arm64: { audit: 0xc00000b7, column: 1, clone: 220, clone3: 435 },
}

// linux/bpf_common.h, linux/seccomp.h, linux/sched.h, asm-generic/errno.h
const LOAD = 0x20, JUMP_EQUAL = 0x15, JUMP_AT_LEAST = 0x35, JUMP_SET = 0x45, RETURN = 0x06
const ALLOW = 0x7fff0000, KILL = 0x80000000, ERRNO = 0x00050000, EPERM = 1, ENOSYS = 38
const NUMBER = 0, ARCHITECTURE = 4, FIRST_ARGUMENT = 16
const CLONE_THREAD = 0x00010000
/** Numbers from here on are the x32 ABI of x86-64: a second door to the same calls. */
const X32 = 0x40000000

/**
 * The filter as the bytes of an array of `struct sock_filter`, or undefined on a machine whose numbers are not known.
 *
 * A refused call gives EPERM. `clone3` gives ENOSYS, because a filter cannot see its flags: the C library then falls back
 * to `clone`, whose flags must say that it makes a thread.
 */
export function seccompFilter(architecture: string = process.arch): Buffer | undefined {
  const machine = MACHINES[architecture]
  if (!machine || process.platform !== 'linux') return undefined
  const program: [number, number, number, number][] = []
  const add = (code: number, k: number, ifTrue = 0, ifFalse = 0): void => { program.push([code, ifTrue, ifFalse, k]) }
  add(LOAD, ARCHITECTURE)
  add(JUMP_EQUAL, machine.audit, 1, 0)
  add(RETURN, KILL)
  add(LOAD, NUMBER)
  add(JUMP_AT_LEAST, X32, 0, 1)
  add(RETURN, KILL)
  add(JUMP_EQUAL, machine.clone3, 0, 1)
  add(RETURN, ERRNO | ENOSYS)
  for (const numbers of Object.values(REFUSED)) {
    const number = numbers[machine.column]
    if (number === undefined) continue
    add(JUMP_EQUAL, number, 0, 1)
    add(RETURN, ERRNO | EPERM)
  }
  add(JUMP_EQUAL, machine.clone, 0, 3)
  add(LOAD, FIRST_ARGUMENT)
  add(JUMP_SET, CLONE_THREAD, 1, 0)
  add(RETURN, ERRNO | EPERM)
  add(RETURN, ALLOW)
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(([code, ifTrue, ifFalse, k], i) => {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(ifTrue, i * 8 + 2)
    bytes.writeUInt8(ifFalse, i * 8 + 3)
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4)
  })
  return bytes
}
