// An engine from an ONNX model, and its measurement: by the library through our own runner, or by trtexec. Both in a process
// of their own, both writing the same files.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { notebookHost, sha256 } from '../../core'
import { cacheFolder as cudaCache, compiler, cudaRoot, execute, nativeFolder, nvcc, once, sourcesIn, type Ran } from '../cuda/toolchain'
import { buildArguments, checkBuild, measureArguments, type BuildOptions, type EngineFiles, type MeasureOptions } from './commands'
import { TensorrtError } from './errors'
import { requireTensorrt, tensorrtStatus, type TensorrtPath, type TensorrtVersion } from './find'
import { checkProfiles, inRange, type ModelInput, type ShapeProfile } from './profiles'
import { parseLayerInfo, parseLayerTimes, parseInferenceTimes, type EngineInfo, type InferenceTime, type LayerProfile } from './reports'

/** What `buildEngine` takes besides the options of the build. */
export interface EngineOptions extends BuildOptions {
  /** Default: the library, else trtexec. */
  readonly by?: Exclude<TensorrtPath, 'provider'>
  /** Seconds that a build may take; default 1800. */
  readonly seconds?: number
}

/** What a measurement found. */
export interface EngineMeasurement {
  readonly by: TensorrtPath
  readonly gpu: string
  readonly version: TensorrtVersion
  readonly times: readonly InferenceTime[]
  readonly profile: LayerProfile | undefined
}

const folderOf = (name: string): string => path.join(path.dirname(cudaCache()), 'tensorrt', name)

/** A built engine. It runs on the GPU and with the version of TensorRT that it was built with. */
export class TensorrtEngine {
  constructor(
    readonly by: Exclude<TensorrtPath, 'provider'>, readonly files: EngineFiles, readonly version: TensorrtVersion, readonly gpu: string,
    readonly profiles: readonly ShapeProfile[], readonly inputs: readonly ModelInput[],
    /** undefined when it came from the cache. */
    readonly buildSeconds: number | undefined,
  ) {}

  /** Its layers: what was fused with what, and in which types. */
  get layers(): EngineInfo {
    return parseLayerInfo(readFileSync(this.files.layerInfo, 'utf8'))
  }

  /**
   * Runs it and times every inference, its copies and its layers.
   *
   * @throws TensorrtError `TENSORRT_PROFILE` for shapes outside the profile, `TENSORRT_RUN`
   */
  async measure(options: MeasureOptions = {}): Promise<EngineMeasurement> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-tensorrt-'))
    try {
      const files = { ...this.files, times: path.join(folder, 'times.json'), layerTimes: path.join(folder, 'profile.json') }
      const shapes = this.#shapes(options)
      if (this.by === 'trtexec') await must(tensorrtStatus().trtexec?.command ?? 'trtexec', measureArguments(files, { ...options, shapes }), 'TENSORRT_RUN', 600)
      else await this.#runLibrary(files, options, shapes, [])
      const layers = options.layers ?? true
      return {
        by: this.by, gpu: this.gpu, version: this.version, times: parseInferenceTimes(readFileSync(files.times, 'utf8')),
        profile: layers ? parseLayerTimes(readFileSync(files.layerTimes, 'utf8')) : undefined,
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /**
   * One inference on given bytes, by the library.
   *
   * @param feeds the bytes of every input, with its shape
   * @returns the bytes and shapes of the outputs asked for
   */
  async run(feeds: Readonly<Record<string, { readonly shape: readonly number[], readonly bytes: Uint8Array }>>, outputs: readonly string[]): Promise<Record<string, { readonly shape: readonly number[], readonly bytes: Uint8Array }>> {
    if (this.by !== 'library') throw new TensorrtError('TENSORRT_OPTION', 'Only the library gives results back', { got: this.by, fix: "build with { by: 'library' }, or run the model through ONNX Runtime: tensorrtProvider" })
    const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-tensorrt-'))
    try {
      const lines = Object.entries(feeds).map(([name, { bytes }], i) => {
        const file = path.join(folder, `input${i}`)
        writeFileSync(file, bytes)
        return `input\t${name}\t${file}`
      })
      lines.push(...outputs.map((name, i) => `output\t${name}\t${path.join(folder, `output${i}`)}`))
      const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]))
      const ran = await this.#runLibrary({ ...this.files, times: '', layerTimes: '' }, { iterations: 1, layers: false }, this.#shapes({ shapes }), lines)
      const told = new Map([...ran.stdout.matchAll(/^output\t(.*)\t([\dx]*)$/gm)].map(([, name = '', shape = '']) => [name, shape === '' ? [] : shape.split('x').map(Number)]))
      return Object.fromEntries(outputs.map((name, i) => {
        const shape = told.get(name)
        if (shape === undefined) throw new TensorrtError('TENSORRT_RUN', 'The engine has no such output', { got: name, expected: [...this.layers.tensors].join(', ') })
        return [name, { shape, bytes: new Uint8Array(readFileSync(path.join(folder, `output${i}`))) }]
      }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  #shapes(options: MeasureOptions): Record<string, readonly number[]> {
    const profile = this.profiles[options.profile ?? 0]
    if (profile === undefined) throw new TensorrtError('TENSORRT_PROFILE', 'The engine has no such profile', { got: String(options.profile ?? 0), expected: `0 to ${this.profiles.length - 1}` })
    const varying = this.inputs.filter((input) => input.shape.some((size) => typeof size === 'string'))
    return Object.fromEntries(varying.map((input): [string, readonly number[]] => {
      const range = profile[input.name]
      const shape = options.shapes?.[input.name] ?? range?.opt ?? []
      if (range !== undefined && !inRange(shape, range)) {
        throw new TensorrtError('TENSORRT_PROFILE', 'The shape is outside the profile', { got: `[${shape.join(', ')}]`, expected: `[${range.min.join(', ')}] to [${range.max.join(', ')}]`, where: `input ${input.name}` })
      }
      return [input.name, shape]
    }))
  }

  async #runLibrary(files: EngineFiles, options: MeasureOptions, shapes: Readonly<Record<string, readonly number[]>>, more: readonly string[]): Promise<Ran> {
    const request = runRequest(files, tensorrtStatus().library?.file ?? '', options, shapes)
    return withRequest([...request, ...more], async (file) => must(await runner(), ['run', file], 'TENSORRT_RUN', 600))
  }
}

/**
 * Builds an engine, or takes it from the cache: the key is the model, the options, TensorRT's version and the GPU.
 *
 * @param onnx the model's bytes, precision in the graph
 * @param inputs its inputs, with names for sizes that vary
 * @throws TensorrtError `TENSORRT_PROFILE`, `TENSORRT_OPTION` before anything else; then `TENSORRT_MISSING`, `TENSORRT_BUILD`
 * @example
 * const engine = await buildEngine(bytes, inputs, { profiles: [profileOf(inputs, { N: { min: 1, opt: 8, max: 32 } })] })
 * const { times, profile } = await engine.measure()
 */
export async function buildEngine(onnx: Uint8Array, inputs: readonly ModelInput[], options: EngineOptions = {}): Promise<TensorrtEngine> {
  checkBuild(options)
  const profiles = checkProfiles(inputs, options.profiles ?? [])
  const by = requireTensorrt(options.by) as Exclude<TensorrtPath, 'provider'>
  const { library, trtexec, gpu = '' } = tensorrtStatus()
  const version = by === 'library' ? library?.version : trtexec?.version
  if (version === undefined) throw new TensorrtError('TENSORRT_MISSING', 'TensorRT is not available here')
  const key = sha256(JSON.stringify([createHash('sha256').update(onnx).digest('hex'), profiles, options.optimizationLevel, options.workspaceBytes, version.text, gpu, by])).slice(0, 24)
  const folder = folderOf(`engine-${key}`)
  const at = (where: string): EngineFiles => ({
    onnx: path.join(where, 'model.onnx'), engine: path.join(where, 'model.engine'), layerInfo: path.join(where, 'layers.json'), times: path.join(where, 'times.json'), layerTimes: path.join(where, 'profile.json'),
  })
  const varying = profiles.some((profile) => Object.values(profile).some((range) => range.min.join() !== range.max.join())) || inputs.some((input) => input.shape.some((size) => typeof size === 'string'))
  let seconds: number | undefined
  await once(folder, async (temporary) => {
    const files = at(temporary), started = performance.now()
    writeFileSync(files.onnx, onnx)
    // Tactics depend on the GPU and the version, not on the model.
    const timingCache = options.timingCache ?? folderOf(`tactics-${sha256([version.text, gpu].join('\0')).slice(0, 12)}.cache`)
    if (timingCache !== false) mkdirSync(path.dirname(timingCache), { recursive: true })
    const chosen = { ...options, timingCache, profiles: varying ? profiles : [] }
    const limit = options.seconds ?? 1800
    if (by === 'trtexec') await must(trtexec?.command ?? 'trtexec', buildArguments(files, chosen, version), 'TENSORRT_BUILD', limit)
    else await withRequest(buildRequest(files, library?.file ?? '', chosen), async (file) => must(await runner(), ['build', file], 'TENSORRT_BUILD', limit))
    seconds = (performance.now() - started) / 1e3
  })
  return new TensorrtEngine(by, at(folder), version, gpu, profiles, inputs, seconds)
}

/** The request of a build, for native/tensorrt. */
export function buildRequest(files: EngineFiles, library: string, options: BuildOptions & { readonly timingCache: string | false }): string[] {
  return [
    `onnx\t${files.onnx}`, `engine\t${files.engine}`, `library\t${library}`, `parser\t${library.replace('libnvinfer', 'libnvonnxparser')}`, `layers\t${files.layerInfo}`,
    ...options.timingCache === false ? [] : [`cache\t${options.timingCache}`],
    ...options.optimizationLevel === undefined ? [] : [`level\t${options.optimizationLevel}`],
    ...options.workspaceBytes === undefined ? [] : [`workspace\t${options.workspaceBytes}`],
    ...(options.profiles ?? []).flatMap((profile, i) => Object.entries(profile).map(([name, range]) =>
      ['range', i, name, range.min.join('x'), range.opt.join('x'), range.max.join('x')].join('\t'))),
  ]
}

/** The request of a measurement, for native/tensorrt. */
export function runRequest(files: EngineFiles, library: string, options: MeasureOptions, shapes: Readonly<Record<string, readonly number[]>>): string[] {
  return [
    `engine\t${files.engine}`, `library\t${library}`, `profile\t${options.profile ?? 0}`, `iterations\t${options.iterations ?? 100}`, `graph\t${options.cudaGraph ?? true ? 1 : 0}`,
    ...files.times === '' ? [] : [`times\t${files.times}`], ...options.layers ?? true ? [`layer-times\t${files.layerTimes}`] : [],
    ...Object.entries(shapes).map(([name, shape]) => `shape\t${name}\t${shape.join('x')}`),
  ]
}

async function withRequest<T>(lines: readonly string[], use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-tensorrt-'))
  try {
    const file = path.join(folder, 'request')
    writeFileSync(file, lines.join('\n') + '\n')
    return await use(file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function must(command: string, args: readonly string[], code: 'TENSORRT_BUILD' | 'TENSORRT_RUN', seconds: number): Promise<Ran> {
  const ran = await execute(command, args, { seconds, signal: notebookHost()?.signal })
  if (ran.status === 0) return ran
  const told = [...(ran.stderr + ran.stdout).matchAll(/^.*(?:\[E\]|tensorrt:|\[error\]).*$/gm)].map(([line]) => line).slice(0, 8).join('\n')
  throw new TensorrtError(code, code === 'TENSORRT_BUILD' ? 'The engine was not built' : 'The engine did not run', {
    got: told || `${ran.signal ?? `exit code ${String(ran.status)}`}: ${ran.stderr.trim().slice(-1000)}`, where: [command, ...args].join(' '),
  })
}

/** Our own runner, compiled once for the headers that are here. */
async function runner(): Promise<string> {
  const { headers } = tensorrtStatus(), found = nvcc(), root = cudaRoot()
  if (headers === undefined || found === undefined || root === undefined) {
    throw new TensorrtError('TENSORRT_MISSING', 'The runner for the library cannot be compiled', { expected: 'the headers of TensorRT and the CUDA toolkit', fix: "{ by: 'trtexec' } needs neither" })
  }
  const key = sha256([compiler().version, headers.version.text, headers.folder, found.version, ...sourcesIn('tensorrt')].join('\0')).slice(0, 16)
  const folder = await once(folderOf(`runner-${key}`), async (temporary) => {
    const out = path.join(temporary, 'tensorrt')
    const ran = await execute(compiler().command, ['-std=c++17', '-O2', `-I${headers.folder}`, `-I${path.join(root, 'include')}`, path.join(nativeFolder, 'tensorrt', 'tensorrt.cpp'),
      '-o', `${out}.part`, `-L${path.join(root, 'lib64')}`, '-lcudart', '-ldl', `-Wl,-rpath,${path.join(root, 'lib64')}`], { seconds: 300 })
    if (ran.status !== 0) throw new TensorrtError('TENSORRT_BUILD', 'The runner for the library does not compile', { got: ran.stderr.slice(0, 2000), where: `headers ${headers.version.text} in ${headers.folder}` })
    renameSync(`${out}.part`, out)
  })
  return path.join(folder, 'tensorrt')
}
