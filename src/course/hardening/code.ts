// Review of code: a pipeline in TypeScript or the cells of a notebook, by its syntax tree. A rule speaks only where the
// tree shows the fault; what it cannot follow (another file, a value computed elsewhere) it leaves alone.
import type ts from 'typescript'
import { typescript } from '../load'
import type { Finding, ReviewRule, Severity } from './finding'

/** One call in the order of the text. */
interface Call {
  readonly node: ts.CallExpression | ts.NewExpression
  /** The last name of what is called: `split` in `data.split()`. */
  readonly name: string
  /** The whole callee: `onnx.saveModel`. */
  readonly callee: string
  readonly at: number
  /** Text of the function, or file, around it. */
  readonly scope: ts.Node
}

/** A parsed text with what the rules ask of it. */
interface Source {
  readonly file: ts.SourceFile
  readonly calls: readonly Call[]
}

interface Hit {
  readonly at: number
  readonly what: string
  readonly fix: string
}

type CodeRule = ReviewRule & { readonly find: (source: Source) => Hit[] }

const EXPORTS = new Set(['toOnnx', 'saveModel', 'writeModel'])
const VALIDATES = /^(validateModel|assertValid|verifySame|compareOutputs|allClose|errorNorms|runSync|run|check|compareModels)$/
const CLOCK = /^(performance\.now|Date\.now|process\.hrtime|process\.hrtime\.bigint)$/
const RUNS = /^(run|runSync|predict|execute|dataSync|infer)$/
const FITS = /^(fit|fitNormaliser|normalise|fitTransform|calibrate|fit_transform)$/
const QUANTIZES = /^(quantize|quantizeStatic|quantizeModel|calibrate|calibrateModel|staticQuantize)$/

export const CODE_RULES: readonly CodeRule[] = [
  {
    id: 'unvalidated-export', severity: 'high', looksFor: 'a model that is exported or saved and never validated, run or compared in the same text',
    find: ({ calls }) => (calls.some((call) => VALIDATES.test(call.name)) ? [] : calls.filter((call) => EXPORTS.has(call.name)).slice(0, 1).map(({ node, callee }) => ({
      at: node.getStart(), what: `${callee} makes a model, and nothing checks it: no validateModel, no run, no comparison with the original`,
      fix: 'after it: onnx.assertValid(model), then compare the outputs of both on real inputs at two batch sizes',
    }))),
  },
  {
    id: 'missing-dynamic-axes', severity: 'medium', looksFor: 'an export call of PyTorch\'s in a text or string without dynamic shapes',
    find: (source) => stringsOf(source.file).filter(({ text }) => /torch\.onnx\.export\(/.test(text) && !/dynamic_axes|dynamic_shapes/.test(text)).map(({ at }) => ({
      at, what: 'torch.onnx.export without dynamic_shapes: the example\'s batch becomes the only one', fix: 'give dynamic_shapes={"x": {0: torch.export.Dim("batch")}}',
    })),
  },
  {
    id: 'no-warm-up', severity: 'medium', looksFor: 'a time taken around the first run of a model, without an earlier run of it and without repetition',
    find: ({ calls }) => {
      const clocks = calls.filter((call) => CLOCK.test(call.callee))
      return clocks.flatMap((start, i) => {
        const end = clocks.slice(i + 1).find((each) => each.scope === start.scope)
        if (!end) return []
        const timed = calls.find((call) => RUNS.test(call.name) && call.at > start.at && call.at < end.at)
        if (!timed || timed.scope !== start.scope || timed.callee.startsWith('benchmarks.')) return []
        const target = receiver(timed)
        const warmed = calls.some((call) => call.at < start.at && RUNS.test(call.name) && receiver(call) === target)
        return warmed ? [] : [{
          at: start.node.getStart(), what: `the time includes the first run of ${target}: building, allocation and cold caches`,
          fix: 'use benchmarks.compare, which warms up, alternates and gives an interval; or run it a few times before the clock starts',
        }]
      })
    },
  },
  {
    id: 'single-measurement', severity: 'low', looksFor: 'a time that is taken once and printed',
    find: ({ calls }) => calls.filter((call) => CLOCK.test(call.callee)).flatMap((start, i, clocks) => {
      const end = clocks.slice(i + 1).find((each) => each.scope === start.scope)
      const timed = end && calls.find((call) => RUNS.test(call.name) && call.at > start.at && call.at < end.at && call.scope === start.scope)
      if (!timed || insideLoop(timed.node, start.scope) || insideLoop(start.node, undefined)) return []
      return [{ at: start.node.getStart(), what: `one run of ${receiver(timed)} is timed: one sample says nothing about the spread`, fix: 'benchmarks.compare measures in rounds and gives a 95% interval' }]
    }),
  },
  {
    id: 'calibrated-on-test', severity: 'high', looksFor: 'quantization calibrated with the data that later judges the model',
    find: ({ calls }) => calls.filter((call) => QUANTIZES.test(call.name)).flatMap(({ node, callee }) =>
      (node.arguments ?? []).flatMap((argument) => identifiersOf(argument).filter((name) => isTest(name.text)).slice(0, 1).map((name) => ({
        at: name.getStart(), what: `${callee} calibrates with ${name.text}: accuracy on it is then no longer held out`, fix: 'calibrate with a few hundred training samples; leave the test set for the end',
      })))),
  },
  {
    id: 'leaking-normalisation', severity: 'high', looksFor: 'statistics fitted on all data before it is split, or on the test part',
    find: ({ calls }) => calls.flatMap((call) => {
      if (!FITS.test(call.name) || call.name === 'calibrate') return []
      const on = receiver(call)
      const scaler = call.name === 'normalise' || call.name === 'fitNormaliser' || call.name === 'fitTransform' || (call.name === 'fit' && /normal|scal/i.test(call.node.getText()))
      if (!scaler && !(call.name === 'fit' && isTest(on))) return []
      const subject = call.name === 'fitNormaliser' || /scal|normal/i.test(on) ? identifiersOf(call.node.arguments?.[0]).map((each) => each.text)[0] ?? on : on
      const splitLater = calls.some((each) => each.name === 'split' && receiver(each) === subject && each.at > call.at)
      if (isTest(subject)) return [{ at: call.node.getStart(), what: `${call.callee} learns from ${subject}, the data that judges`, fix: 'fit on the training part, and apply to the other: split.normalise() does' }]
      return splitLater ? [{ at: call.node.getStart(), what: `${subject} is normalised before it is split: the test part has shaped the statistics`, fix: 'split first, then split.normalise(), which fits on the training part only' }] : []
    }),
  },
  {
    id: 'overlapping-split', severity: 'high', looksFor: 'training and test data taken from the same dataset without dividing it',
    find: ({ calls, file }) => {
      const taken = declarationsOf(file).filter(({ value }) => calls.some((call) => call.node === value && /^(take|sampled|shuffle|slice)$/.test(call.name)))
      return taken.filter(({ name }) => isTest(name)).flatMap((test) => {
        const call = calls.find((each) => each.node === test.value)
        const other = taken.find((each) => /train/i.test(each.name) && call && receiver(calls.find((one) => one.node === each.value) ?? call) === receiver(call) && sameStart(each.value, test.value))
        return other && call ? [{ at: test.value.getStart(), what: `${test.name} and ${other.name} are both drawn from ${receiver(call)} and may share samples`, fix: 'const { train, test } = data.split({ test: 0.2, seed: 0 })' }] : []
      })
    },
  },
  {
    id: 'trained-on-test', severity: 'high', looksFor: 'a model fitted on test data, or chosen by it',
    find: ({ calls }) => calls.filter((call) => /^(fit|fitDataset|train|trainOnBatch)$/.test(call.name)).flatMap(({ node, callee }) =>
      (node.arguments ?? []).slice(0, 2).flatMap((argument) => (typescript().isObjectLiteralExpression(argument) ? [] : identifiersOf(argument))).filter((name) => isTest(name.text)).slice(0, 1).map((name) => ({
        at: name.getStart(), what: `${callee} trains on ${name.text}`, fix: 'train on the training part; the test part is looked at once, at the end',
      }))),
  },
  {
    id: 'unsafe-load', severity: 'high', looksFor: 'files that can run code when they are loaded, and code made of text',
    find: ({ calls, file }) => [
      ...stringsOf(file).filter(({ text }) => /torch\.load\((?![^)]*weights_only\s*=\s*True)[^)]*weights_only\s*=\s*False|pickle\.loads?\(|joblib\.load\(|trust_remote_code\s*=\s*True/.test(text)).map(({ at }) => ({
        at, what: 'Python code that unpickles a file, which runs whatever is in it', fix: 'safetensors, torch.export\'s .pt2, or torch.load(..., weights_only=True)',
      })),
      ...calls.filter((call) => call.callee === 'eval' || call.callee === 'Function' || call.callee === 'vm.runInThisContext' || call.callee === 'vm.runInNewContext')
        .filter((call) => call.node.arguments?.some((argument) => !typescript().isStringLiteral(argument)) === true)
        .map((call) => ({ at: call.node.getStart(), what: `${call.callee} runs text as code`, fix: 'parse data with JSON.parse or a reader of its format' })),
    ],
  },
  {
    id: 'unchecked-download', severity: 'medium', looksFor: 'a model or dataset that is fetched and used without a checksum',
    find: ({ calls }) => {
      if (calls.some((call) => /sha256|createHash|readVerified|verifyChecksum/.test(call.callee))) return []
      return calls.filter((call) => call.callee === 'fetch' && /\.(onnx|pt2?|pth|bin|safetensors|tflite|npz|csv|gz|zip)\b/.test(call.node.getText())).map((call) => ({
        at: call.node.getStart(), what: 'a file is fetched and used without comparing its checksum', fix: 'pin its SHA-256, and compare before parsing',
      }))
    },
  },
  {
    id: 'shell-injection', severity: 'high', looksFor: 'a shell command put together from values',
    find: ({ calls }) => calls.filter((call) => call.name === 'exec' || call.name === 'execSync').filter((call) => {
      const [first] = call.node.arguments ?? []
      const t = typescript()
      return first !== undefined && /child_process|^exec(Sync)?$|^cp\./.test(call.callee) && (t.isTemplateExpression(first) || (t.isBinaryExpression(first) && first.operatorToken.kind === t.SyntaxKind.PlusToken))
    }).map((call) => ({ at: call.node.getStart(), what: 'a shell command is put together from values: a file name with a quote runs anything', fix: 'execFile(program, [arguments]) without a shell' })),
  },
  {
    id: 'unseeded', severity: 'low', looksFor: 'random numbers without a seed in a text that trains or splits',
    find: ({ calls }) => (calls.some((call) => /^(fit|split|train|shuffle)$/.test(call.name)) ? calls.filter((call) => call.callee === 'Math.random').slice(0, 1).map((call) => ({
      at: call.node.getStart(), what: 'Math.random has no seed: the experiment cannot be repeated', fix: 'core.random(seed), or the seed option of the loader',
    })) : []),
  },
]

/** Test data by its name: `test`, `xTest`, `testImages`, `heldOut`; not `tests`, `latest` or `testing`. */
function isTest(name: string): boolean {
  const last = name.split('.')
  return last.some((part) => /^(test|heldOut|holdout)(?![a-z])/.test(part) || /(Test|_test|HeldOut|Holdout)(?![a-z])/.test(part))
}

function receiver(call: Call): string {
  const t = typescript()
  const { expression } = call.node
  return t.isPropertyAccessExpression(expression) ? expression.expression.getText() : call.callee
}

function identifiersOf(node: ts.Node | undefined): ts.Identifier[] {
  const t = typescript()
  const found: ts.Identifier[] = []
  const visit = (each: ts.Node): void => {
    // The name of a property that is set says nothing about the value.
    if (t.isIdentifier(each) && !(t.isPropertyAssignment(each.parent) && each.parent.name === each)) found.push(each)
    t.forEachChild(each, visit)
  }
  if (node) visit(node)
  return found
}

function stringsOf(file: ts.SourceFile): { at: number; text: string }[] {
  const t = typescript()
  const found: { at: number; text: string }[] = []
  const visit = (node: ts.Node): void => {
    if (t.isStringLiteralLike(node)) found.push({ at: node.getStart(), text: node.text })
    else if (t.isTemplateExpression(node)) found.push({ at: node.getStart(), text: node.getText() })
    t.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function declarationsOf(file: ts.SourceFile): { name: string; value: ts.Expression }[] {
  const t = typescript()
  const found: { name: string; value: ts.Expression }[] = []
  const visit = (node: ts.Node): void => {
    if (t.isVariableDeclaration(node) && t.isIdentifier(node.name) && node.initializer) found.push({ name: node.name.text, value: node.initializer })
    t.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** Both draw from the start: `take(n)`, `sampled(n, seed)`, or slices that begin at the same place. */
function sameStart(a: ts.Expression, b: ts.Expression): boolean {
  const t = typescript()
  if (!t.isCallExpression(a) || !t.isCallExpression(b)) return false
  const slices = [a, b].filter((each) => /\.slice$/.test(each.expression.getText()))
  return slices.length < 2 ? slices.length === 0 : slices[0]?.arguments[0]?.getText() === slices[1]?.arguments[0]?.getText()
}

function insideLoop(node: ts.Node, until: ts.Node | undefined): boolean {
  const t = typescript()
  for (let at = node.parent as ts.Node | undefined; at && at !== until; at = at.parent) {
    if (t.isIterationStatement(at, false)) return true
    if (t.isCallExpression(at) && /\.(map|forEach|from|flatMap)$/.test(at.expression.getText())) return true
  }
  return false
}

function parse(text: string, name: string): Source {
  const t = typescript()
  const file = t.createSourceFile(name, text, t.ScriptTarget.Latest, true)
  const calls: Call[] = []
  const visit = (node: ts.Node, scope: ts.Node): void => {
    if (t.isCallExpression(node) || t.isNewExpression(node)) {
      const callee = node.expression.getText()
      calls.push({ node, callee, name: callee.split('.').at(-1) ?? callee, at: node.getStart(), scope })
    }
    t.forEachChild(node, (child) => visit(child, t.isFunctionLike(node) ? node : scope))
  }
  visit(file, file)
  return { file, calls: calls.sort((a, b) => a.at - b.at) }
}

/** A piece of code with how its places are called: a file, or the cells of a notebook in order. */
export interface CodePart {
  readonly text: string
  readonly name: string
}

/**
 * Findings in code. The parts of a notebook are read as one text, in order, because a later cell sees what an earlier one
 * made; places are those of the cells. A line with `harden-ignore: rule` leaves that rule out for the line below it.
 */
export function reviewCode(parts: readonly CodePart[]): Finding[] {
  const starts: number[] = []
  let text = ''
  for (const part of parts) {
    starts.push(text.length)
    text += `${part.text}\n;\n`
  }
  const source = parse(text, 'review.ts')
  const lineOf = (at: number): string => {
    const index = starts.filter((start) => start <= at).length - 1
    const before = text.slice(starts[index] ?? 0, at)
    return `${parts[index]?.name ?? ''}:${before.split('\n').length}`
  }
  const lines = text.split('\n')
  const ignored = (rule: string, at: number): boolean => {
    const line = text.slice(0, at).split('\n').length
    return [lines[line - 1], lines[line - 2]].some((each) => each !== undefined && new RegExp(`harden-ignore:.*\\b${rule}\\b`).test(each))
  }
  return CODE_RULES.flatMap((rule) => rule.find(source).filter((hit) => !ignored(rule.id, hit.at)).map((hit): Finding & { severity: Severity } =>
    ({ rule: rule.id, severity: rule.severity, place: lineOf(hit.at), what: hit.what, fix: hit.fix })))
}
