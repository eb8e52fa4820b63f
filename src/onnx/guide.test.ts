import { readFileSync } from 'node:fs'
import path from 'node:path'
import { runInNewContext } from 'node:vm'
import ts from 'typescript'
import { expect, test } from 'vitest'
import * as onnx from './index'

const root = path.resolve(__dirname, '../..')

/** The examples of the guide, in order, as one program: later ones use what earlier ones declare. */
function program(): string {
  const guide = readFileSync(path.join(root, 'docs/onnx.md'), 'utf8')
  return [...guide.matchAll(/```ts\n([^]*?)```/g)].map((match) => match[1] ?? '').join('\n')
}

test('the examples of docs/onnx.md compile', () => {
  const config = ts.getParsedCommandLineOfConfigFile(path.join(root, 'tsconfig.json'), { noEmit: true, incremental: false }, {
    ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined,
  })
  const options: ts.CompilerOptions = { ...config?.options, incremental: false }
  delete options['tsBuildInfoFile']
  const name = path.join(root, 'src/onnx/guide.example.ts')
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (file) => file === name || fileExists(file)
  host.getSourceFile = (file, version) => (file === name ? ts.createSourceFile(file, program(), version) : getSourceFile(file, version))
  const compiled = ts.createProgram([name], options, host)
  const source = compiled.getSourceFile(name)
  const problems = [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)]
  expect(problems.map((problem) => ts.flattenDiagnosticMessageText(problem.messageText, '\n'))).toEqual([])
})

test('and say what the guide says', () => {
  const lines: string[] = []
  const code = ts.transpileModule(program(), { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true } })
  const load = (name: string): unknown => (name === 'whetstone' ? { onnx } : process.getBuiltinModule(name))
  runInNewContext(code.outputText, {
    require: load, exports: {}, Float32Array, console: { log: (...values: unknown[]) => lines.push(values.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))).join(' ')) },
  })
  expect(lines[0]).toBe('["N",10]')
  expect(lines[1]).toBe('true')
  expect(lines.slice(2, 5)).toEqual(['MatMul ["x","w"]', 'Softmax ["fc"]', '[]'])
  expect(lines[5]).toContain('Div(fc, temperature)')
  expect(lines[6]).toBe(`7840 ${32 * 7840} ${32 * 794 * 4}`)
  expect(lines[7]).toContain('graph "mlp"(%x: float32[N,784])')
  expect(lines[8]).toBe('true')
})
