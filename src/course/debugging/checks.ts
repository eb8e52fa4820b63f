// The checks of the knowledge base: small looks at the model, the machine and the text.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { loadModel, schemaOf, validateModel, type Model, type Node, type Tensor } from '../../onnx'
import { ONNXRUNTIME_VERSION, providers, type Provider } from '../../runtime'
import type { Check, CheckOutcome, Scene } from './case'

/** What ONNX Runtime 1.30 reads; its own error texts say these numbers. */
export const NEWEST_OPSET = 26
export const NEWEST_IR = 13

const yes = (saw: string): CheckOutcome => ({ applies: true, saw })
const no = (saw: string): CheckOutcome => ({ applies: false, saw })
const unknown = (saw: string): CheckOutcome => ({ applies: undefined, saw })

/** A check of the model; without one it cannot tell. */
export function ofModel(looksAt: string, run: (model: Model, scene: Scene) => CheckOutcome): Check {
  return { looksAt, run: (scene) => (scene.model ? run(scene.model, scene) : unknown('no model was given: add --model FILE')) }
}

/** A check of the error text itself. */
export function ofText(looksAt: string, pattern: RegExp): Check {
  return {
    looksAt,
    run: ({ text }) => {
      const found = pattern.exec(text)
      return found ? yes(`the text says "${found[0].trim().slice(0, 120)}"`) : no('the text does not say so')
    },
  }
}

/** What only a person can see, said as such. */
export const byHand = (looksAt: string): Check => ({ looksAt, run: () => unknown('a program cannot see this from here') })

export const fixedAxes: Check = ofModel('axes of the inputs', (model) => {
  const fixed = model.graph.inputs.filter((input) => input.tensor === undefined && typeof input.shape?.[0] === 'number')
  return fixed.length > 0 ? yes(`fixed first axis: ${fixed.map((input) => `${input.name} [${(input.shape ?? []).join(', ')}]`).join('; ')}`) : no('the first axis of every input is dynamic')
})

/** A Reshape whose constant target starts with a number above 1: a batch that the export baked in. */
export const bakedReshape: Check = ofModel('targets of Reshape nodes', (model) => {
  const baked = model.graph.nodes.filter((node) => node.opType === 'Reshape').flatMap((node) => {
    const target = node.inputs[1]?.tensor ?? constantOf(node.inputs[1]?.producer)
    const sizes = target ? Array.from(target.toArray() as BigInt64Array, Number) : []
    return sizes.length > 1 && !sizes.includes(-1) && (sizes[0] ?? 0) > 0 ? [`${node.name || 'a Reshape'} to [${sizes.join(', ')}]`] : []
  })
  return baked.length > 0 ? yes(`constant targets without -1 or 0: ${baked.slice(0, 3).join('; ')}`) : no('no Reshape has a constant target without -1 or 0 in it')
})

/** The tensor of a Constant node. */
function constantOf(node: Node | undefined): Tensor | undefined {
  const held = node?.opType === 'Constant' ? node.attributes.get('value') : undefined
  return held?.kind === 'tensor' ? held.value : undefined
}

export const opsetTooNew: Check = ofModel('operator set of the model', (model) =>
  model.opset > NEWEST_OPSET ? yes(`opset ${model.opset}; ONNX Runtime ${ONNXRUNTIME_VERSION} supports up to ${NEWEST_OPSET}`) : no(`opset ${model.opset}, which is supported`))

export const irTooNew: Check = ofModel('IR version of the model', (model) =>
  model.irVersion > NEWEST_IR ? yes(`IR version ${model.irVersion}; ONNX Runtime ${ONNXRUNTIME_VERSION} reads up to ${NEWEST_IR}`) : no(`IR version ${model.irVersion}, which is read`))

export const unknownOperators: Check = ofModel('operators against the schemas of ONNX', (model) => {
  const strange = [...new Set(model.graph.nodes.filter((node) => {
    const standard = node.domain === '' || node.domain === 'ai.onnx'
    return model.functionOf(node) === undefined && (!standard || schemaOf(node.opType, model.opset) === undefined)
  }).map((node) => `${node.domain === '' ? '' : `${node.domain}.`}${node.opType}`))]
  return strange.length > 0 ? yes(`not operators of ONNX at opset ${model.opset}: ${strange.slice(0, 5).join(', ')}`) : no('every operator is in ONNX at this opset, or is a function of the model')
})

export const invalid: Check = ofModel('the rules of ONNX', (model) => {
  const [first, ...rest] = validateModel(model)
  return first ? yes(`${rest.length + 1} rules broken, first: ${first.what}${first.node === undefined ? '' : ` (${first.node})`}`) : no('no rule is broken')
})

export const missingExternal: Check = {
  looksAt: 'files of external data beside the model',
  run: ({ file }) => {
    if (file === undefined) return unknown('no model was given: add --model FILE')
    try {
      // Reading the first bytes finds a file that is missing; the rest would only cost time.
      let left = 2 ** 26
      for (const tensor of loadModel(file).graph.initializers.values()) {
        if (tensor.byteLength <= left) left -= tensor.bytes.byteLength
      }
      return no('every file that the model refers to is there')
    } catch (error) {
      const message = String(error)
      return /external/i.test(message) ? yes(message.split('\n', 1)[0] ?? '') : no('the model refers to no missing file')
    }
  },
}

/** Starts as protobuf of a model does; a web page or a pointer of git lfs does not. */
export const notAModel: Check = {
  looksAt: 'the first bytes of the file',
  run: ({ file }) => {
    if (file === undefined || !existsSync(file)) return unknown('no file was given: add --model FILE')
    const bytes = readFileSync(file)
    const head = bytes.subarray(0, 64).toString('latin1')
    if (bytes.length === 0) return yes('the file is empty')
    if (head.startsWith('version https://git-lfs')) return yes('it is a pointer of git lfs, not the model')
    if (/^\s*<(!doctype|html)/i.test(head)) return yes('it is a web page: a download that was an error page')
    if (head.startsWith('PK')) return yes('it is a zip: a .pt, .pt2 or .keras file, not .onnx')
    if (head.slice(4, 8) === 'TFL3') return yes('it is a TensorFlow Lite file')
    return no(`it starts as an ONNX model may (${bytes.length} bytes)`)
  },
}

export const int64Inputs: Check = ofModel('types of the inputs', (model) => {
  const inputs = model.graph.inputs.filter((input) => input.tensor === undefined)
  return unknown(`the model wants ${inputs.map((input) => `${input.name}: ${input.dtype ?? '?'} [${(input.shape ?? []).join(', ')}]`).join('; ')}`)
})

export const provider = (name: Provider): Check => ({
  looksAt: `whether ONNX Runtime's provider ${name} works here`,
  run: () => {
    const found = providers().find((each) => each.name === name)
    return found?.works ? no(`${name} works: a session was made and run`) : yes(`${name} does not work: ${(found?.reason ?? 'unknown').split('\n', 1)[0] ?? ''}`)
  },
})

/** A program that must be on the path; its first line is what was seen. */
export const program = (command: string, ...args: string[]): Check => ({
  looksAt: `\`${[command, ...args].join(' ')}\``,
  run: () => {
    const asked = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 })
    return asked.status === 0 ? no((asked.stdout.trim() || asked.stderr.trim()).split('\n').at(-1)?.slice(0, 160) ?? '') : yes(asked.error ? `${command} is not installed` : `${command} fails: ${asked.stderr.trim().split('\n').at(-1)?.slice(0, 160) ?? ''}`)
  },
})

export const vnni: Check = {
  looksAt: 'int8 instructions of this processor',
  run: () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') return unknown('npm run doctor names them')
    const has = /avx512_vnni|avx_vnni|amx_int8/.test(readFileSync('/proc/cpuinfo', 'utf8'))
    return has ? no('it has VNNI or AMX: int8 products run at full rate') : yes('it has neither VNNI nor AMX: int8 products take more instructions and can saturate')
  },
}

/** DequantizeLinear directly into arithmetic is what a runtime fuses to int8; Q and DQ far apart are only overhead. */
export const floatBetween: Check = ofModel('what stands between quantization nodes', (model) => {
  const heavy = model.graph.nodes.filter((node) => node.opType === 'Conv' || node.opType === 'MatMul' || node.opType === 'Gemm')
  const lone = heavy.filter((node) => node.inputs.slice(0, 2).some((value) => value?.producer?.opType !== 'DequantizeLinear'))
  const quantization = model.graph.nodes.filter((node) => /QuantizeLinear$/.test(node.opType)).length
  if (quantization === 0) return no('the model has no QuantizeLinear or DequantizeLinear')
  return lone.length > 0 ? yes(`${lone.length} of ${heavy.length} products run in float between ${quantization} quantization nodes`) : no('every product has quantized inputs')
})

/** A scale that is not a positive finite number, or a range a thousand times another's. */
export const strangeScales: Check = ofModel('scales of the quantization', (model) => {
  const scales = model.graph.nodes.filter((node) => /QuantizeLinear$/.test(node.opType)).flatMap((node) => {
    const tensor = node.inputs[1]?.tensor
    return tensor ? Array.from(tensor.toArray() as Float32Array, Number) : []
  })
  if (scales.length === 0) return unknown('the model has no constant scales')
  const [low, high] = [Math.min(...scales), Math.max(...scales)]
  if (!(low > 0) || !Number.isFinite(high)) return yes(`a scale is ${low > 0 ? high : low}`)
  return high / low > 1000 ? yes(`scales from ${low.toExponential(1)} to ${high.toExponential(1)}: outliers stretch some ranges`) : no(`scales from ${low.toExponential(1)} to ${high.toExponential(1)}`)
})

/** Weights quantized with one scale for a whole tensor. */
export const perTensor: Check = ofModel('granularity of the weights', (model) => {
  const weights = model.graph.nodes.filter((node) => node.opType === 'DequantizeLinear' && node.inputs[0]?.tensor !== undefined && (node.inputs[0].tensor.shape.length > 1))
  const whole = weights.filter((node) => (node.inputs[1]?.tensor?.size ?? 1) === 1)
  if (weights.length === 0) return unknown('the model has no dequantized weights')
  return whole.length > 0 ? yes(`${whole.length} of ${weights.length} weights have one scale for the whole tensor`) : no('weights have a scale for each channel')
})

export const oldNode: Check = {
  looksAt: 'version of Node.js',
  run: () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    return major > 20 || (major === 20 && minor >= 19) ? no(`Node.js ${process.versions.node}`) : yes(`Node.js ${process.versions.node}; 20.19 or later is needed`)
  },
}

export const diskFull: Check = {
  looksAt: 'free space',
  run: () => {
    const { bavail, bsize } = statfsSync(process.cwd())
    const gigabytes = (bavail * bsize) / 2 ** 30
    return gigabytes < 2 ? yes(`${gigabytes.toFixed(1)} GB are free; the set-up needs about 2`) : no(`${gigabytes.toFixed(0)} GB are free`)
  },
}

export const noEnvironment: Check = {
  looksAt: 'the project\'s Python environment',
  run: () => {
    const python = path.resolve(__dirname, '..', '..', '..', '.venv', 'bin', 'python')
    return existsSync(python) ? no('it is there') : yes('it is not there')
  },
}

/** A large model beside the memory of this process. */
export const largeModel: Check = ofModel('bytes of the weights', (model) => {
  const bytes = [...model.graph.initializers.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0)
  return bytes > 2 ** 30 ? yes(`${(bytes / 2 ** 30).toFixed(1)} GB of weights`) : no(`${(bytes / 2 ** 20).toFixed(1)} MB of weights`)
})
