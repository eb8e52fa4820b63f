// The import rules hold: a violation planted in each form of import is found, and what is allowed is not.
import path from 'node:path'
import { ESLint, type Linter } from 'eslint'
import tseslint from 'typescript-eslint'
import { beforeAll, expect, test } from 'vitest'

const root = path.resolve(__dirname, '../..')
let lint: (file: string, code: string) => Promise<string[]>

beforeAll(async () => {
  const { roomsRule } = await import(path.join(root, 'eslint.rooms.mjs')) as { roomsRule: never }
  // Without types: the planted files do not exist, and the rule needs none.
  const eslint = new ESLint({ cwd: root, overrideConfigFile: true, overrideConfig: [{
    files: ['**/*.ts'], languageOptions: { parser: tseslint.parser },
    plugins: { whetstone: { rules: { rooms: roomsRule } } }, rules: { 'whetstone/rooms': 'error' },
  }] })
  lint = async (file, code) => {
    const [result] = await eslint.lintText(code, { filePath: path.join(root, file) })
    return result!.messages.map((message) => message.message)
  }
})

test('the project\'s own configuration has the rule on, everywhere in src/', async () => {
  for (const file of ['src/index.ts', 'src/core/errors.ts', 'src/onnx/ir/graph.ts', 'src/cli/commands/test.ts']) {
    const config = await new ESLint({ cwd: root }).calculateConfigForFile(path.join(root, file)) as Linter.Config
    expect(config.rules?.['whetstone/rooms']).toEqual([2])
  }
})

test.each([
  ['src/onnx/index.ts', "export * from '../engine'", 'onnx/ may import core, not engine/'],
  ['src/core/index.ts', "import { x } from '../onnx/x'\nexport { x }", 'core/ may import no other room'],
  ['src/kernel/main.ts', "void import('../core/errors.js')", 'kernel/ may import no other room'],
  ['src/nn/index.ts', "import '../engine'", 'nn/ may import core, onnx, convert, not engine/'],
  ['src/index.ts', "export * from './cli/main'", 'index.ts does not export cli/'],
  ['src/data/index.ts', "import x from '../../exercises/a/b/c/exercise'\nvoid x", 'src/ never imports exercises/'],
  ['src/onnx/index.ts', "import ort from 'onnxruntime-node'\nvoid ort", 'only runtime, cli may import onnxruntime-node'],
  ['src/runtime/session.ts', "const b = require('onnxruntime-node/dist/binding')\nvoid b", 'only runtime/binding.ts may import'],
  ['src/nn/index.ts', "import { onnx } from 'whetstone'\nvoid onnx", 'by path, not by name'],
])('%s: %s', async (file, code, reason) => {
  expect((await lint(file, code)).join()).toContain(reason)
})

test('what the table allows passes', async () => {
  expect(await lint('src/runtime/binding.ts', "const b = require('onnxruntime-node/dist/binding')\nvoid b")).toEqual([])
  expect(await lint('src/core/index.ts', "export * from './errors'\nimport 'node:fs'")).toEqual([])
  expect(await lint('src/cli/main.ts', "import '../core'\nimport '../benchmarks'")).toEqual([])
})
