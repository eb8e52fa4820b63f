// trtexec's command lines and ONNX Runtime's provider options, for both major versions. Pure: nothing runs here.
import { TensorrtError } from './errors'
import { shapeText, type ShapeProfile } from './profiles'
import type { TensorrtVersion } from './find'
import type { ProviderChoice } from '../session'

/** How an engine is built. Precision is in the model: float16 casts, quantize and dequantize nodes. */
export interface BuildOptions {
  /** Ranges of the sizes that vary; checked by `checkProfiles`. */
  readonly profiles?: readonly ShapeProfile[]
  /** A file where tactics are remembered: the next build of the same layers is quick. Default: one for each version and GPU. */
  readonly timingCache?: string | false
  /** 0…5, TensorRT's default 3: how long is searched. */
  readonly optimizationLevel?: number
  /** Bytes that layers may use besides their tensors. */
  readonly workspaceBytes?: number
}

/** How an engine is measured. */
export interface MeasureOptions {
  /** The shape of each input that varies; default the `opt` shape of the profile. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>
  /** Which profile; default 0. */
  readonly profile?: number
  /** Default 100. */
  readonly iterations?: number
  /** Launches the whole inference as one CUDA graph. Default true. */
  readonly cudaGraph?: boolean
  /** Also times each layer, in a run of its own. Default true. */
  readonly layers?: boolean
}

/** Files of a build or a measurement. */
export interface EngineFiles {
  readonly onnx: string
  readonly engine: string
  readonly times: string
  readonly layerTimes: string
  readonly layerInfo: string
}

/** Shapes as trtexec reads them. */
const shapesText = (shapes: Readonly<Record<string, readonly number[]>>): string =>
  Object.entries(shapes).map(([name, shape]) => `${name}:${shape.join('x')}`).join(',')

/** @throws TensorrtError `TENSORRT_OPTION` */
export function checkBuild({ optimizationLevel, workspaceBytes }: BuildOptions): void {
  if (optimizationLevel !== undefined && (!Number.isInteger(optimizationLevel) || optimizationLevel < 0 || optimizationLevel > 5)) {
    throw new TensorrtError('TENSORRT_OPTION', 'There is no such optimization level', { expected: '0 to 5', got: String(optimizationLevel) })
  }
  if (workspaceBytes !== undefined && !(workspaceBytes > 0)) throw new TensorrtError('TENSORRT_OPTION', 'The workspace has no bytes', { got: String(workspaceBytes) })
}

/** trtexec's arguments that build an engine without running it. */
export function buildArguments(files: EngineFiles, options: BuildOptions & { readonly timingCache: string | false }, version: TensorrtVersion): string[] {
  checkBuild(options)
  const profiles = options.profiles ?? []
  const ranges = (profile: ShapeProfile): string[] =>
    [`--minShapes=${shapeText(profile, 'min')}`, `--optShapes=${shapeText(profile, 'opt')}`, `--maxShapes=${shapeText(profile, 'max')}`]
  return [
    `--onnx=${files.onnx}`, `--saveEngine=${files.engine}`, '--skipInference',
    // In 11 every network is strongly typed, and the flag is gone with those of the precisions.
    ...version.major < 11 ? ['--stronglyTyped'] : [],
    ...profiles.length > 1 ? profiles.flatMap((profile, i) => [`--profile=${i}`, ...ranges(profile)]) : profiles.flatMap(ranges),
    ...options.timingCache === false ? [] : [`--timingCacheFile=${options.timingCache}`],
    ...options.optimizationLevel === undefined ? [] : [`--builderOptimizationLevel=${options.optimizationLevel}`],
    ...options.workspaceBytes === undefined ? [] : [`--memPoolSize=workspace:${Math.ceil(options.workspaceBytes / 2 ** 20)}`],
    '--profilingVerbosity=detailed', `--exportLayerInfo=${files.layerInfo}`,
  ]
}

/** trtexec's arguments that run a built engine and export what they measure. */
export function measureArguments(files: EngineFiles, options: MeasureOptions & { readonly shapes: Readonly<Record<string, readonly number[]>> }): string[] {
  return [
    `--loadEngine=${files.engine}`, ...Object.keys(options.shapes).length === 0 ? [] : [`--shapes=${shapesText(options.shapes)}`],
    ...(options.profile ?? 0) === 0 ? [] : [`--useProfile=${options.profile ?? 0}`],
    `--iterations=${options.iterations ?? 100}`, '--duration=0', '--warmUp=200', '--useSpinWait',
    ...options.cudaGraph ?? true ? ['--useCudaGraph'] : [], `--exportTimes=${files.times}`,
    // Within a CUDA graph no layer can be timed; the separate run has none.
    ...options.layers ?? true ? ['--separateProfileRun', `--exportProfile=${files.layerTimes}`] : [],
  ]
}

/** What ONNX Runtime's TensorRT provider can be told. */
export interface ProviderOptions {
  /** One profile: the provider takes no more. */
  readonly profile?: ShapeProfile
  /** A folder for engines and timing caches. */
  readonly cacheFolder?: string
  readonly cudaGraph?: boolean
  readonly optimizationLevel?: number
  readonly workspaceBytes?: number
  /** Which GPU. */
  readonly device?: number
}

/**
 * ONNX Runtime's TensorRT provider with CUDA and the processor behind it, for `Session.create`'s `providers`. Precision is
 * not among the options: it is in the model, as for every other way.
 */
export function tensorrtProvider(options: ProviderOptions = {}): ProviderChoice[] {
  const { profile, cacheFolder } = options
  const chosen: Record<string, unknown> = {
    name: 'tensorrt',
    ...options.device === undefined ? {} : { device_id: options.device },
    ...profile === undefined ? {} : {
      trt_profile_min_shapes: shapeText(profile, 'min'), trt_profile_opt_shapes: shapeText(profile, 'opt'), trt_profile_max_shapes: shapeText(profile, 'max'),
    },
    ...cacheFolder === undefined ? {} : {
      trt_engine_cache_enable: '1', trt_engine_cache_path: cacheFolder, trt_timing_cache_enable: '1', trt_timing_cache_path: cacheFolder,
    },
    ...options.cudaGraph === true ? { trt_cuda_graph_enable: '1' } : {},
    ...options.optimizationLevel === undefined ? {} : { trt_builder_optimization_level: String(options.optimizationLevel) },
    ...options.workspaceBytes === undefined ? {} : { trt_max_workspace_size: String(options.workspaceBytes) },
  }
  return [chosen as { readonly name: 'tensorrt' }, 'cuda', 'cpu']
}
