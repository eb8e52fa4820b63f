// A generated class: every learner's notebook with the grade that it must get, known without the grader. Right answers are the
// solutions, wrong ones are edits of them whose checks are counted by running them unsandboxed, broken and hostile ones get
// nothing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { random } from '../../src/core'

const root = path.resolve(__dirname, '..', '..')
export const LESSON = 'module_04/lesson_07_onnx_basics'
export const EXERCISES: readonly string[] = [
  'compare_outputs', 'conv_output_shape', 'custom_operator', 'first_divergence', 'flatten_order', 'fold_batch_norm', 'model_size', 'topological_order',
].map((name) => `${LESSON}/${name}`)

const region = (file: string): string => readFileSync(path.join(root, file), 'utf8').split('// #region cell\n')[1]!.split('// #endregion')[0]!.replace(/^export (?=function|async|interface|type|const)/gm, '')
const solution = (id: string): string => region(`solutions/${id}.ts`)
const stub = (id: string): string => region(`exercises/${id}/exercise.ts`).trim()
const nameOf = (id: string): string => /function (\w+)/.exec(stub(id))![1]!

/** Mistakes as edits of the solution. */
const EDITS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  compare_outputs: [['Object.is(a, e)', 'false'], ['tolerance.absolute + ', ''], ['if (e !== 0) ', '']],
  conv_output_shape: [['Math.floor', 'Math.ceil'], ['(dilations[axis] ?? 1) * ', ''], ['pads[axis + 2]', 'pads[axis]'], [' + 1\n  }', '\n  }']],
  custom_operator: [["inputs: ['x', 'gate']", "inputs: ['x', 'softplus']"], ["opType: 'Softplus'", "opType: 'Sigmoid'"], ["output: 'y'", "output: 'z'"]],
  first_divergence: [['Number.isNaN(error) ? Infinity : error', 'error'], ['if (actual.length !== expected.length) return Infinity', ''], ['error > tolerance', 'error >= tolerance * 2']],
  flatten_order: [['(c * height + h) * width + w', '(c * width + w) * height + h'], ['if (weights.length !== wanted) throw', 'if (weights.length < 0) throw']],
  fold_batch_norm: [['+ epsilon', ''], ['(b - (mean[m] ?? 0))', 'b'], ['(variance[m] ?? 0)', '(variance[m] ?? 0) ** 2']],
  model_size: [['Math.ceil(', 'Math.floor('], ['if (seen.has(name)) continue', ''], ["if (dtype.includes('float')) ", '']],
  topological_order: [['if (missing !== undefined) throw', 'if (missing === null) throw'], ["new Set(['', ...available])", 'new Set(available)']],
}

/** Text of a cell that must earn nothing; `right` is the solution under another name. */
const HOSTILE: readonly ((name: string, right: string) => string)[] = [
  (name) => `process.exit(0)\nfunction ${name}() {}`,
  (name) => `function ${name}() { process.exit(0) }`,
  (name) => `function ${name}(...args: any[]): any { for (let fd = 0; fd < 20; fd++) try { require('fs').writeSync(fd, '{"passed":true}') } catch {} return args }`,
  (name, right) => `${right}\nconst real = ${name}0 as any; function ${name}(...args: any[]): any { const body = Buffer.from(JSON.stringify({ id: 2, ok: true, value: null })), head = Buffer.alloc(4); head.writeUInt32LE(body.length); require('fs').writeSync(3, Buffer.concat([head, body])); return real(...args) }`,
  (name) => `Object.is = () => true; (Math as any).abs = () => 0; JSON.stringify = () => '{}'; function ${name}() { return new Proxy([], {}) }`,
  (name) => `function ${name}(): any { return { then(f: any) { f([1]) }, valueOf() { return 1 } } }`,
  (name) => `function ${name}(): any { return require('fs').readFileSync('${root}/solutions/${LESSON}/model_size.ts', 'utf8') }`,
  (name) => `function ${name}(): any { return require('child_process').execSync('id').toString() }`,
  (name) => `function ${name}(): any { return Array.from({ length: 40 }, () => NaN) }`,
  (name) => `const x = ${'('.repeat(3000)}1${')'.repeat(3000)}\nfunction ${name}() { return x }`,
]
/** These take the time or the memory that they are allowed. */
const SLOW: readonly ((name: string) => string)[] = [
  (name) => `function ${name}() { for (;;); }`,
  (name) => `function ${name}() { return new Promise(() => {}) }`,
  (name) => `function ${name}() { const all = []; for (;;) all.push(new Float64Array(4e6).fill(1)) }`,
]

/** What a learner wrote for an exercise: nothing at all, or the text of its cell and how it is known what it earns. */
export interface Answer {
  readonly exercise: string
  readonly kind: 'right' | 'wrong' | 'stub' | 'broken' | 'hostile' | 'absent' | 'twice'
  readonly text: string
}

export interface Learner {
  readonly name: string
  readonly answers: readonly Answer[]
}

/** `size` learners, the same for the same seed. */
export function generateClass(size: number, seed: number): Learner[] {
  const numbers = random(seed)
  const pick = <T>(list: readonly T[]): T => list[numbers.int(list.length)]!
  return Array.from({ length: size }, (_, i): Learner => ({
    name: `learner_${String(i).padStart(3, '0')}`,
    answers: EXERCISES.map((exercise): Answer => {
      const name = nameOf(exercise), right = solution(exercise), dice = numbers.next()
      if (dice < 0.4) return { exercise, kind: 'right', text: right }
      if (dice < 0.65) {
        const [from, to] = pick(EDITS[exercise.split('/').at(-1)!]!)
        if (!right.includes(from)) throw new Error(`${exercise} has no "${from}" to edit`)
        return { exercise, kind: 'wrong', text: right.replace(from, to) }
      }
      if (dice < 0.75) return { exercise, kind: 'stub', text: stub(exercise) }
      if (dice < 0.8) return { exercise, kind: 'absent', text: '' }
      if (dice < 0.82) return { exercise, kind: 'twice', text: right }
      if (dice < 0.9) return { exercise, kind: 'broken', text: pick([`function ${name}( {{{`, 'const nothing = 1', `throw new Error('not today')`, `function ${name}() { return undefined.x }`, '']) }
      const text = dice > 0.995 ? pick(SLOW)(name) : pick(HOSTILE)(name, right.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `${name}0`))
      return { exercise, kind: 'hostile', text }
    }),
  }))
}

/** Writes a learner's notebook: the lesson's cells, shuffled with prose and outputs as a tool would leave them. */
export function writeNotebook(folder: string, learner: Learner): void {
  const code = (source: string, exercise?: string): object => ({
    cell_type: 'code', id: `c${Math.abs(source.length * 31) % 9973}`, metadata: exercise === undefined ? {} : { whetstone: { exercise } }, source: source.split(/(?<=\n)/),
    execution_count: 3, outputs: [{ output_type: 'stream', name: 'stdout', text: ['8 of 8 points\n'] }],
  })
  const cells = learner.answers.flatMap(({ exercise, kind, text }): object[] => {
    if (kind === 'absent') return [code('// I deleted it')]
    if (kind === 'twice') return [code(text, exercise), code(`${text}\n// or so`, exercise)]
    return [{ cell_type: 'markdown', metadata: {}, source: '# notes' }, code(text, exercise), code(`await check('${exercise.split('/').at(-1)!}', {})`)]
  })
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, `${learner.name}.ipynb`), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }))
}
