// CUDA C++ into C++: only what no C++ compiler understands is changed, and every line keeps its number.
import { CudaError } from './errors'

/** A `__global__` function of a source. */
export interface KernelName {
  readonly name: string
  readonly line: number
  /** A template: launched from TypeScript by an instantiation, such as `tile<32>`. */
  readonly template: boolean
}

/** A source that a C++ compiler takes, and what is in it. */
export interface Rewritten {
  readonly code: string
  readonly kernels: readonly KernelName[]
  readonly hasMain: boolean
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The source with comments, strings and character literals blanked, so that what is searched is code. Same length. */
export function codeOnly(source: string): string {
  const out = source.split('')
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  for (let i = 0; i < source.length; i++) {
    const start = i
    if (source.startsWith('//', i)) {
      while (i < source.length && (source[i] !== '\n' || source[i - 1] === '\\')) i++
      blank(start, i)
    } else if (source.startsWith('/*', i)) {
      const end = source.indexOf('*/', i + 2)
      i = end < 0 ? source.length : end + 1
      blank(start, i + 1)
    } else if (source.startsWith('R"', i) && !/\w/.test(source[i - 1] ?? ' ')) {
      const delimiter = /^R"([^\s()\\]{0,16})\(/.exec(source.slice(i, i + 20))?.[1] ?? ''
      const end = source.indexOf(`)${delimiter}"`, i)
      i = end < 0 ? source.length : end + delimiter.length + 1
      blank(start + 2, i)
    } else if (source[i] === '"' || (source[i] === "'" && !/[\da-fA-F]/.test(source[i - 1] ?? ' '))) {
      const quote = source[i]
      for (i++; i < source.length && source[i] !== quote && source[i] !== '\n'; i++) if (source[i] === '\\') i++
      blank(start + 1, i)
    }
  }
  return out.join('')
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length

/** The place after the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0
  for (let i = open; i < code.length; i++) {
    if ('([{'.includes(code[i] ?? '')) depth++
    else if (')]}'.includes(code[i] ?? '') && --depth === 0) return i + 1
  }
  return -1
}

/** Whether a place lies inside a function or class: braces of namespaces and of extern "C" do not count. */
function depthAt(code: string, at: number): number {
  const counted: boolean[] = []
  for (let i = 0; i < at; i++) {
    if (code[i] === '{') counted.push(!/(?:\bnamespace\b[\w\s:]*|\bextern\s*" *"\s*)$/.test(code.slice(Math.max(0, i - 120), i)))
    else if (code[i] === '}') counted.pop()
  }
  return counted.filter(Boolean).length
}

/** Where the callee of a launch begins: `name`, `space::name`, `name<32, float>`. */
function calleeStart(code: string, end: number): number {
  let i = end
  const space = (): void => { while (i > 0 && /\s/.test(code[i - 1] ?? '')) i-- }
  space()
  if (code[i - 1] === '>') {
    let depth = 0
    do {
      i--
      if (code[i] === '>') depth++
      else if (code[i] === '<') depth--
    } while (i > 0 && depth > 0)
    space()
  } else if (code[i - 1] === ')') {
    let depth = 0
    do {
      i--
      if (code[i] === ')') depth++
      else if (code[i] === '(') depth--
    } while (i > 0 && depth > 0)
    return i
  }
  while (i > 0 && /[\w:.]/.test(code[i - 1] ?? '')) i--
  return i
}

function launches(source: string, code: string): Edit[] {
  const edits: Edit[] = []
  for (let at = code.indexOf('<<<'); at >= 0; at = code.indexOf('<<<', at + 3)) {
    const start = calleeStart(code, at)
    const callee = source.slice(start, at)
    let depth = 0, end = -1
    for (let i = at + 3; i < code.length; i++) {
      if ('([{'.includes(code[i] ?? '')) depth++
      else if (')]}'.includes(code[i] ?? '')) depth--
      else if (depth === 0 && code.startsWith('>>>', i)) {
        end = i
        break
      }
    }
    const line = lineAt(code, start)
    if (end < 0 || callee.trim() === '') {
      throw new CudaError('CUDA_COMPILE', 'A launch cannot be read', {
        expected: 'kernel<<<grid, block>>>(arguments)', got: source.slice(start, at + 30).split('\n')[0] ?? '', where: `line ${line}`,
      })
    }
    const name = callee.trim().replace(/\s+/g, ' ')
    edits.push({
      from: start, to: end + 3,
      text: `[&](auto... ws_a) { ws_start(${JSON.stringify(name)}, ${line}, ws_config(${source.slice(at + 3, end)}), 0, `
        + `[=](auto... ws_v) { (${callee})(ws_v...); }, ws_a...); }`,
    })
  }
  return edits
}

/** `extern __shared__ T name[]` becomes a pointer to the block's dynamic shared memory. */
function dynamicShared(code: string): Edit[] {
  return [...code.matchAll(/\bextern\s+__shared__\s+([^;{}]*?)\b(\w+)\s*\[\s*\]\s*;/g)].map((found) => {
    const type = (found[1] ?? '').replace(/\b(?:__align__|alignas|__attribute__)\s*\((?:[^()]|\([^()]*\))*\)/g, ' ')
    const name = found[2] ?? ''
    const inFunction = depthAt(code, found.index) > 0
    return {
      from: found.index, to: found.index + found[0].length,
      text: inFunction ? `${type} *const ${name} = (${type.trim()} *)ws_dynamic_shared();`.replace(/\n/g, ' ') + '\n'.repeat(found[0].split('\n').length - 1)
        : `static const ws_shared_array<${type.trim()}> ${name}{};` + '\n'.repeat(found[0].split('\n').length - 1),
    }
  })
}

/** `__device__` before a variable: the linker gathers those, so that the emulator can tell them from the host's. */
function deviceVariables(code: string): Edit[] {
  const edits: Edit[] = []
  for (const found of code.matchAll(/\b__device__\b/g)) {
    const rest = code.slice(found.index, found.index + 400).replace(/\b(?:__align__|alignas|__attribute__|__launch_bounds__)\s*\((?:[^()]|\([^()]*\))*\)/g, '')
    const end = /[(;={[]/.exec(rest)
    const declaration = rest.slice(0, end?.index ?? 0)
    if (end === null || end[0] === '(' || /\b(?:__constant__|__shared__|__managed__|__global__|operator|struct|class|constexpr)\b/.test(declaration)) continue
    const before = code.slice(0, found.index)
    if (/\b(?:__constant__|__shared__|__managed__)\s*$/.test(before) || /\[[^\]]*$/.test(before.slice(-20)) || /\]\s*$/.test(before.slice(-20))) continue
    if (depthAt(code, found.index) > 0) continue
    edits.push({ from: found.index, to: found.index + found[0].length, text: '__ws_device_variable__' })
  }
  return edits
}

/** `main` becomes a function that the emulator's main calls; falling off its end still means 0. */
function mainFunction(code: string): Edit[] {
  const found = /\bmain\s*\(/.exec(code)
  if (found === null || depthAt(code, found.index) > 0) return []
  const open = found.index + found[0].length - 1
  const end = closing(code, open)
  const brace = code.indexOf('{', end)
  const close = brace < 0 ? -1 : closing(code, brace)
  if (close < 0) return []
  const parameters = code.slice(open + 1, end - 1).trim()
  const edits: Edit[] = [{ from: found.index, to: found.index + 4, text: 'ws_program_main' }]
  if (parameters === '' || parameters === 'void') edits.push({ from: open, to: end, text: '(int, char**)' })
  edits.push({ from: close - 1, to: close - 1, text: ' return 0; ' })
  return edits
}

/** The `__global__` functions in file or namespace scope. */
export function findKernels(source: string): KernelName[] {
  const code = codeOnly(source)
  const kernels = new Map<string, KernelName>()
  for (const found of code.matchAll(/\b__global__\b/g)) {
    const rest = code.slice(found.index).replace(/\b(?:__launch_bounds__|__attribute__|__align__)\s*\((?:[^()]|\([^()]*\))*\)/g, ' ')
    const name = /^[^(;{]*?\b(\w+)\s*\(/.exec(rest)?.[1]
    if (name === undefined || depthAt(code, found.index) > 0) continue
    const before = code.slice(0, found.index)
    const statement = before.slice(Math.max(before.lastIndexOf(';'), before.lastIndexOf('}')) + 1)
    if (!kernels.has(name)) kernels.set(name, { name, line: lineAt(code, found.index), template: /\btemplate\s*</.test(statement) })
  }
  return [...kernels.values()]
}

/** Whether a kernel needs all its blocks at once: it, or a function that any kernel may call, speaks of the grid as a group. */
export function cooperative(source: string): (kernel: string) => boolean {
  const code = codeOnly(source), speaks = /\b(?:this_grid|grid_group)\b/g
  if (!speaks.test(code)) return () => false
  const own = new Set<string>()
  let rest = code
  for (const found of code.matchAll(/\b__global__\b/g)) {
    const name = /\b(\w+)\s*\(/.exec(code.slice(found.index).replace(/\b(?:__launch_bounds__|__attribute__|__align__)\s*\((?:[^()]|\([^()]*\))*\)/g, (text) => ' '.repeat(text.length)))
    const from = name === null ? -1 : code.indexOf('{', found.index + name.index), end = from < 0 ? -1 : closing(code, from)
    if (end < 0 || /;/.test(code.slice(found.index, from))) continue
    if (new RegExp(speaks.source).test(code.slice(found.index, end))) own.add(name?.[1] ?? '')
    rest = rest.slice(0, found.index) + ' '.repeat(end - found.index) + rest.slice(end)
  }
  const anywhere = new RegExp(speaks.source).test(rest)
  return (kernel) => anywhere || own.has(kernel.replace(/<.*/s, '').replace(/.*::/s, '').trim())
}

/**
 * Rewrites CUDA C++ for the emulator. `entries` are instantiations of kernel templates to be callable by name.
 *
 * @param file the name that compiler messages and reports use
 * @throws CudaError `CUDA_UNSUPPORTED` for inline PTX, `CUDA_COMPILE` for a launch that cannot be read
 */
export function rewrite(source: string, file: string, entries: readonly string[] = []): Rewritten {
  const code = codeOnly(source)
  const ptx = /\basm\b(?:\s+volatile)?\s*\(/.exec(code) ?? /\b__asm__\b/.exec(code)
  if (ptx !== null) {
    throw new CudaError('CUDA_UNSUPPORTED', 'The emulator runs CUDA C++, not inline PTX', {
      got: source.slice(ptx.index).split('\n')[0] ?? '', where: `${file}, line ${lineAt(code, ptx.index)}`,
      fix: 'use an intrinsic (docs/cuda.md lists them), or choose device: "gpu"',
    })
  }
  const main = mainFunction(code)
  const edits = [...launches(source, code), ...dynamicShared(code), ...deviceVariables(code), ...main].sort((a, b) => a.from - b.from)
  let out = '', at = 0
  for (const edit of edits) {
    if (edit.from < at) continue
    out += source.slice(at, edit.from) + edit.text
    at = edit.to
  }
  out += source.slice(at)
  const kernels = findKernels(source)
  const names = [...kernels.filter((kernel) => !kernel.template).map((kernel) => kernel.name), ...entries]
  const together = cooperative(source)
  const registered = names.map((name, i) => `WS_ENTRY(${i}, ${JSON.stringify(name)}, ${together(name) ? 1 : 0}, ${name})`).join('\n')
  return { code: `#line 1 ${JSON.stringify(file)}\n${out}\n#line 1 "entries"\n${registered}\n`, kernels, hasMain: main.length > 0 }
}
