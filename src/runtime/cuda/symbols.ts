// From addresses in a compiled program back to the learner's lines, and from its basic blocks to their operations.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { CudaError } from './errors'
import type { Program } from './toolchain'

function tool(command: string, args: readonly string[], input?: string): string {
  const ran = spawnSync(command, args, { encoding: 'utf8', input, maxBuffer: 1 << 28, timeout: 120_000 })
  if (ran.error || ran.status !== 0) {
    throw new CudaError('CUDA_TOOLCHAIN', `${command} failed`, { got: ran.error?.message ?? ran.stderr.slice(0, 500), fix: 'install binutils, which g++ comes with' })
  }
  return ran.stdout
}

/** The learner's line of each return address: of an inlined chain the innermost frame that is in `file`. */
export function linesOf(program: Program, file: string, pcs: readonly number[]): Map<number, number> {
  const cache = path.join(program.folder, 'lines.json')
  const known = new Map<number, number>(existsSync(cache) ? JSON.parse(readFileSync(cache, 'utf8')) as [number, number][] : [])
  const asked = [...new Set(pcs)].filter((pc) => pc > 0 && pc < 2 ** 40 && !known.has(pc))
  if (asked.length > 0) {
    // The address before the return address is inside the call.
    const text = tool('addr2line', ['-a', '-i', '-e', program.executable], asked.map((pc) => `0x${(pc - 1).toString(16)}\n`).join(''))
    let at = -1
    for (const row of text.split('\n')) {
      if (/^0x[\da-f]+$/.test(row)) {
        at = asked[asked.indexOf(parseInt(row, 16) + 1)] ?? -1
        if (at >= 0) known.set(at, 0)
        continue
      }
      const frame = /^(.*):(\d+)/.exec(row)
      if (at >= 0 && known.get(at) === 0 && frame !== null && path.basename(frame[1] ?? '') === path.basename(file)) known.set(at, Number(frame[2]))
    }
    writeFileSync(cache, JSON.stringify([...known]))
  }
  return known
}

/** What one execution of a basic block does, counted from the machine code: a fused multiply-add is two operations. */
export interface BlockCost {
  readonly flops: number
  readonly instructions: number
}

/** Cost of each basic block, by the return address of its coverage call. */
export function blockCosts(program: Program): Map<number, BlockCost> {
  const cache = path.join(program.folder, 'blocks.json')
  if (existsSync(cache)) return new Map(JSON.parse(readFileSync(cache, 'utf8')) as [number, BlockCost][])
  const costs = new Map<number, { flops: number, instructions: number }>()
  let current: { flops: number, instructions: number } | undefined
  let starts = false
  for (const row of tool('objdump', ['-d', '--no-show-raw-insn', program.executable]).split('\n')) {
    const found = /^\s*([\da-f]+):\s+(\S+)\s*(.*)$/.exec(row)
    if (found === null) {
      if (row.endsWith('>:')) current = undefined
      continue
    }
    const [, address = '', mnemonic = '', operands = ''] = found
    if (starts) {
      current = { flops: 0, instructions: 0 }
      costs.set(parseInt(address, 16), current)
      starts = false
    }
    if (operands.includes('<__sanitizer_cov_trace_pc>')) {
      starts = true
      continue
    }
    if (current === undefined || operands.includes('<__tsan_')) continue
    current.instructions++
    current.flops += flopsOf(mnemonic, operands)
  }
  writeFileSync(cache, JSON.stringify([...costs]))
  return costs
}

/** Floating-point operations of one instruction (x86-64 SSE, AVX and FMA; arm64). */
export function flopsOf(mnemonic: string, operands: string): number {
  const x86 = /^v?(add|sub|mul|div|sqrt|min|max|fn?m(?:add|sub)\d*)(s|p)(s|d)$/.exec(mnemonic)
  if (x86 !== null) {
    const lanes = x86[2] === 's' ? 1 : (operands.includes('%ymm') ? 32 : 16) / (x86[3] === 's' ? 4 : 8)
    return lanes * (x86[1]?.startsWith('f') === true ? 2 : 1)
  }
  if (/^f(?:madd|msub|nmadd|nmsub|mla|mls)$/.test(mnemonic)) return 2
  return /^f(?:add|sub|mul|div|sqrt|min|max|minnm|maxnm)$/.test(mnemonic) ? 1 : 0
}
