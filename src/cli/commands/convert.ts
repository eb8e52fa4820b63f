// `whetstone convert FILE --out model.onnx`: a model of another framework as ONNX, with the report.
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { convert, convertModule, readSafetensors, type Conversion, type ConvertOptions, type ModuleInput, type Run, type Sample } from '../../convert'
import { saveModel, type Tensor } from '../../onnx'
import { simplify } from '../../optimization'
import { Session } from '../../runtime'
import { projectPython } from '../root'

interface Options {
  readonly out?: string
  readonly opset?: string
  readonly simplify: boolean
  readonly samples?: string
  readonly keepNan?: boolean
  readonly module?: string
  readonly inputs?: string
  readonly json?: boolean
}

const run: Run = (bytes, inputs) => {
  const session = Session.create(bytes)
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

/** Tensors called input/0, input/1, …, output/0, …, in a safetensors file. */
function samplesOf(file: string): Sample[] {
  const tensors = readSafetensors(file)
  const list = (kind: string): Tensor[] => {
    const found: Tensor[] = []
    while (tensors.info(`${kind}/${found.length}`) !== undefined) found.push(tensors.tensor(`${kind}/${found.length}`))
    return found
  }
  try {
    return [{ inputs: list('input'), outputs: list('output') }]
  } finally {
    tensors.close()
  }
}

function fromPython(file: string, { module, inputs }: Options, options: ConvertOptions): Conversion {
  if (module === undefined || inputs === undefined) {
    throw new WhetstoneError('CONVERT_OPTION', 'A Python file needs to know which module and which inputs', {
      fix: "whetstone convert net.py --module 'Net()' --inputs '[{\"shape\": [2, 3, 32, 32], \"axes\": {\"0\": {\"name\": \"batch\", \"max\": 64}}}]'",
    })
  }
  const python = process.env['WHETSTONE_PYTHON'] ?? (existsSync(projectPython) ? projectPython : 'python3')
  const given = inputs.trimStart().startsWith('[') ? JSON.parse(inputs) as ModuleInput[] : inputs
  return convertModule({ python, file, expression: module, inputs: given }, options)
}

export function register(program: Command): void {
  program.command('convert')
    .description('a model of PyTorch, TensorFlow or Keras as ONNX, with a report')
    .argument('<file>', 'model.pt2 as torch.export.save writes it, or a Python file with a module')
    .option('--out <file>', 'where the model goes; default: the name with .onnx')
    .option('--opset <version>', 'version of the ONNX operator set')
    .option('--no-simplify', 'leave the graph as it was mapped')
    .option('--samples <file>', 'safetensors with input/0, …, output/0, … to compare with')
    .option('--keep-nan', 'accept weights that are not finite numbers')
    .option('--module <expression>', 'for a Python file: what gives the module, such as Net()')
    .option('--inputs <json>', 'for a Python file: shapes, types and dynamic axes of the inputs, or a Python expression')
    .option('--json', 'end with one JSON object')
    .action((file: string, options: Options) => {
      const how: ConvertOptions = {
        ...(options.opset === undefined ? {} : { opset: Number(options.opset) }), ...(options.simplify ? { simplify } : {}),
        ...(options.keepNan === true ? { nonFinite: 'keep' as const } : {}), ...(options.samples === undefined ? {} : { samples: samplesOf(options.samples) }), run,
      }
      const { model, report } = file.endsWith('.py') ? fromPython(file, options, how) : convert(file, how)
      const out = options.out ?? `${path.basename(file).replace(/\.[^.]*$/, '')}.onnx`
      saveModel(model, out)
      process.stdout.write(`${String(report)}\nwritten: ${out}\n`)
      if (options.json === true) process.stdout.write(JSON.stringify({ out, ...report.toJSON() }) + '\n')
    })
}
