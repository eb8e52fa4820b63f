// The way from a learner's own Python module to an archive: export.py, run in a Python that has PyTorch, and what its
// failures mean in plain words.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { convert, type Conversion, type ConvertOptions } from '../convert'
import { ConvertError } from '../errors'
import { readSafetensors } from '../safetensors'
import { sampleIn } from '../samples'
import type { Sample } from '../verify'

/** One input of a module. */
export interface ModuleInput {
  readonly shape: readonly number[]
  /** As torch calls it. Default `float32`. */
  readonly dtype?: string
  /** Axes that may vary: position → name and range. */
  readonly axes?: Readonly<Record<number, { readonly name: string; readonly min?: number; readonly max?: number }>>
}

export interface ModuleOptions {
  /** The Python that has PyTorch: a command or path. */
  readonly python: string
  /** A Python file that is run. */
  readonly file: string
  /** What gives the module there: `Net()`, `load_model()`. */
  readonly expression: string
  /** The inputs, or a Python expression that gives a tuple of tensors. */
  readonly inputs: readonly ModuleInput[] | string
  /** Milliseconds after which it is stopped. Default ten minutes. */
  readonly timeout?: number
}

interface Explanation {
  readonly pattern: RegExp
  readonly what: string
  readonly fix: string
}

/** By what PyTorch says, most particular first. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    pattern: /No module named '?torch'?\b/, what: 'This Python has no PyTorch',
    fix: 'install it there (python -m pip install torch), or name another Python in WHETSTONE_PYTHON',
  },
  {
    pattern: /ModuleNotFoundError|No module named/, what: 'The file needs a Python package that is not installed', fix: 'install it in the same Python',
  },
  {
    pattern: /data-dependent|DataDependent|u0|unbacked|\.item\(\)|aten\._local_scalar_dense/i,
    what: 'A decision or a shape in forward depends on the numbers in a tensor, so one graph cannot hold it',
    fix: 'instead of `if x.sum() > 0:` use torch.cond or torch.where; instead of x[mask] use torch.where(mask, x, 0); instead of a length from .item() use a fixed maximum with a mask',
  },
  {
    pattern: /Constraints violated|specialized|Not all values of|was inferred to be a constant|suggested fixes/i,
    what: 'An axis was called dynamic, but forward works only for certain sizes of it',
    fix: 'look for shapes written as numbers in forward (view(2, -1) instead of view(x.shape[0], -1)), give the range that really works (min, max), or leave the axis fixed',
  },
  {
    pattern: /dynamic control flow|torch\.cond|graph break|Unsupported|dynamo/i,
    what: 'forward does something in Python that cannot be recorded',
    fix: 'keep print, numpy, files and changes of global state out of forward; loops over a fixed number of layers are fine, loops until a tensor says so are not',
  },
  {
    pattern: /positional argument|unexpected keyword|missing \d+ required/, what: 'forward takes other arguments than the inputs given', fix: 'give one input for each argument of forward',
  },
  {
    pattern: /shape|size mismatch|mat1 and mat2|expected input/i, what: 'The module does not accept inputs of this shape', fix: 'check the shapes of the inputs against what forward expects',
  },
  { pattern: /NameError|is not defined|AttributeError/, what: 'The expression does not name a module of the file', fix: 'give an expression over what the file defines, such as Net()' },
]

/** What a failure of PyTorch means, and what to do. */
export function explainExportFailure(failure: string, message: string): ConvertError {
  const found = EXPLANATIONS.find(({ pattern }) => pattern.test(`${failure}: ${message}`))
  return new ConvertError('CONVERT_PYTHON', found?.what ?? 'PyTorch could not export the module', {
    got: `${failure}: ${message.trim().split('\n').slice(0, 6).join('\n            ')}`.slice(0, 1500),
    fix: found?.fix ?? 'try torch.export.export(module, inputs) in Python: its full message says where',
  })
}

/** In dist/ and in src/ alike this file is three folders below the project's. */
const SCRIPT = path.resolve(__dirname, '..', '..', '..', 'src', 'convert', 'torch', 'export.py')

/**
 * Exports a module with torch.export and saves it, with what it computes for one input.
 *
 * @param out path of the archive
 * @throws ConvertError `CONVERT_PYTHON`, in plain words
 */
export function exportModule(options: ModuleOptions, out: string): Sample {
  const inputs = typeof options.inputs === 'string' ? options.inputs : JSON.stringify(options.inputs)
  const ran = spawnSync(options.python, [SCRIPT, options.file, options.expression, out, inputs], {
    encoding: 'utf8', timeout: options.timeout ?? 600_000, maxBuffer: 2 ** 26,
  })
  if (ran.error !== undefined) {
    throw new ConvertError('CONVERT_PYTHON', 'Python could not be run', { got: ran.error.message, where: options.python, fix: 'name a Python that has PyTorch in WHETSTONE_PYTHON' })
  }
  const answer = lastObject(ran.stdout)
  if (answer?.['ok'] !== true) {
    if (answer === undefined) throw explainExportFailure('Python ended', ran.stderr.trim().split('\n').slice(-6).join('\n') || `exit code ${ran.status ?? '?'}`)
    throw explainExportFailure(String(answer['failure']), String(answer['message']))
  }
  const samples = readSafetensors(`${out}.samples`)
  try {
    return sampleIn(samples)
  } finally {
    samples.close()
    rmSync(`${out}.samples`)
  }
}

function lastObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const line = text.trim().split('\n').at(-1) ?? ''
  try {
    return line.startsWith('{') ? JSON.parse(line) as Readonly<Record<string, unknown>> : undefined
  } catch {
    return undefined
  }
}

/**
 * A module of the learner's own Python file as an ONNX model: exported, converted, and compared with PyTorch where `run` is
 * given.
 *
 * @throws ConvertError
 * @example
 * convertModule({ python: '.venv/bin/python', file: 'net.py', expression: 'Net()', inputs: [{ shape: [2, 3, 32, 32], axes: { 0: { name: 'batch', max: 64 } } }] }, { run })
 */
export function convertModule(module: ModuleOptions, options: ConvertOptions = {}): Conversion {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-torch-'))
  try {
    const archive = path.join(folder, 'model.pt2')
    const sample = exportModule(module, archive)
    return convert(archive, options.run === undefined || options.samples !== undefined ? options : { ...options, samples: [sample] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
