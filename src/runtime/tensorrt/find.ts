// What of TensorRT is on this machine: the library, its headers, trtexec, ONNX Runtime's provider, a GPU. Each is looked
// for by itself, and what is missing is said with what it takes.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gpuNames } from '../cuda'
import { providers } from '../providers'
import { TensorrtError } from './errors'

/** The ways to an engine. */
export type TensorrtPath = 'library' | 'trtexec' | 'provider'

/** A version as TensorRT counts: 10.13.0, 11.4.1. */
export interface TensorrtVersion {
  readonly major: number
  readonly text: string
}

/** What was found. */
export interface TensorrtStatus {
  readonly gpu: string | undefined
  /** `libnvinfer.so` with its parser. */
  readonly library: { readonly file: string, readonly version: TensorrtVersion } | undefined
  /** The folder of `NvInfer.h`, of the library's major version. */
  readonly headers: { readonly folder: string, readonly version: TensorrtVersion } | undefined
  readonly trtexec: { readonly command: string, readonly version: TensorrtVersion } | undefined
  /** Why ONNX Runtime's provider does not work; undefined when it does. */
  readonly providerMissing: string | undefined
  /** For each path that is not open here: what it takes. */
  readonly missing: Readonly<Partial<Record<TensorrtPath, string>>>
}

/** Major versions that the code is written for. */
export const TENSORRT_MAJORS: readonly number[] = [10, 11]

/** What differs between the major versions, as this project meets it (NVIDIA's migration guide, 10.x to 11.x). */
export const VERSION_DIFFERENCES: readonly { readonly about: string, readonly in10: string, readonly in11: string }[] = [
  { about: 'precision', in10: 'in the graph, with strong typing asked for; weak typing by flags is still there', in11: 'in the graph only: every network is strongly typed' },
  { about: 'trtexec', in10: '--stronglyTyped; --fp16, --int8, --best exist and are not used', in11: '--stronglyTyped is always on and not passed; precision flags are removed' },
  { about: 'network creation', in10: 'NetworkDefinitionCreationFlag::kSTRONGLY_TYPED', in11: 'no flag' },
  { about: 'layer information', in10: '"Bindings": names; "Format/Datatype" in one text', in11: '"I/O Tensors": objects with shapes of the profiles; "Format" and "DataType" apart' },
  { about: 'ONNX Runtime', in10: 'provider options trt_fp16_enable, trt_int8_enable', in11: 'needs ONNX Runtime 1.27 or later; precision only in the graph' },
]

/** `LD_LIBRARY_PATH`, `WHETSTONE_TENSORRT` and the places of NVIDIA's packages. */
function folders(kind: 'lib' | 'include' | 'bin'): string[] {
  const own = process.env['WHETSTONE_TENSORRT']
  const arch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const usual = {
    lib: ['/usr/lib64', `/usr/lib/${arch}`, '/usr/local/lib', '/usr/local/tensorrt/lib', '/opt/tensorrt/lib', '/usr/local/cuda/lib64'],
    include: [`/usr/include/${arch}`, '/usr/include', '/usr/local/include', '/usr/local/tensorrt/include', '/opt/tensorrt/include'],
    bin: ['/usr/src/tensorrt/bin', '/usr/local/tensorrt/bin', '/opt/tensorrt/bin'],
  }[kind]
  const asked = kind === 'lib' ? (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '') : []
  // With WHETSTONE_TENSORRT nothing else is looked at: the version is the one that was asked for.
  return own === undefined ? [...asked, ...usual] : [path.join(own, kind)]
}

const version = (text: string): TensorrtVersion => ({ major: Number(text.split('.')[0]), text })

function findLibrary(): TensorrtStatus['library'] {
  for (const folder of folders('lib')) {
    if (!existsSync(folder)) continue
    const names = readdirSync(folder)
    for (const major of [...TENSORRT_MAJORS].reverse()) {
      if (!names.includes(`libnvinfer.so.${major}`) || !names.includes(`libnvonnxparser.so.${major}`)) continue
      const exact = names.map((name) => new RegExp(`^libnvinfer\\.so\\.(${major}\\.[\\d.]+)$`).exec(name)?.[1]).find((text) => text !== undefined)
      return { file: path.join(folder, `libnvinfer.so.${major}`), version: version(exact ?? String(major)) }
    }
  }
  return undefined
}

/** The version in NvInferVersion.h: `#define NV_TENSORRT_MAJOR 10`, in 11 by way of `TRT_MAJOR_ENTERPRISE`. */
export function headerVersion(text: string): TensorrtVersion | undefined {
  const number = (part: string): string | undefined =>
    new RegExp(`#define\\s+(?:NV_TENSORRT_${part}|TRT_${part}_ENTERPRISE)\\s+(\\d+)`).exec(text)?.[1]
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(number)
  return parts[0] === undefined ? undefined : version(parts.map((part) => part ?? '0').join('.'))
}

function findHeaders(): TensorrtStatus['headers'] {
  for (const folder of folders('include')) {
    const file = path.join(folder, 'NvInferVersion.h')
    if (!existsSync(file) || !existsSync(path.join(folder, 'NvOnnxParser.h'))) continue
    const found = headerVersion(readFileSync(file, 'utf8'))
    if (found !== undefined) return { folder, version: found }
  }
  return undefined
}

/** The version in trtexec's first line: `[TensorRT v101300]` (major · 10000 + minor · 100 + patch), or `[TensorRT v11.4.1]`. */
export function trtexecVersion(output: string): TensorrtVersion | undefined {
  const found = /\[TensorRT v([\d.]+)\]/.exec(output)?.[1]
  if (found === undefined) return undefined
  if (found.includes('.')) return version(found)
  const number = Number(found)
  // Up to 8 the counting was in thousands.
  return number < 10_000 ? version([Math.floor(number / 1000), Math.floor(number / 100) % 10, number % 100].join('.'))
    : version([Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100].join('.'))
}

function findTrtexec(): TensorrtStatus['trtexec'] {
  for (const command of ['trtexec', ...folders('bin').map((folder) => path.join(folder, 'trtexec'))]) {
    const asked = spawnSync(command, ['--help'], { encoding: 'utf8', timeout: 60_000 })
    if (asked.error !== undefined) continue
    const found = trtexecVersion(asked.stdout + asked.stderr)
    if (found !== undefined) return { command, version: found }
  }
  return undefined
}

let found: TensorrtStatus | undefined

/** Looks once per process. */
export function tensorrtStatus(): TensorrtStatus {
  if (found !== undefined) return found
  const [gpu] = gpuNames(), library = findLibrary(), headers = findHeaders(), trtexec = findTrtexec()
  const providerMissing = providers().find((one) => one.name === 'tensorrt' && !one.works)?.reason
  const needsGpu = gpu === undefined ? ['an NVIDIA GPU with its driver (nvidia-smi lists none)'] : []
  const majors = TENSORRT_MAJORS.join(' or ')
  const matching = library !== undefined && headers !== undefined && library.version.major === headers.version.major
  const forLibrary = [...needsGpu,
    ...library === undefined ? [`libnvinfer.so and libnvonnxparser.so of TensorRT ${majors}`] : [],
    ...headers === undefined ? ['their headers (libnvinfer-headers-dev, libnvonnxparsers-dev)'] : [],
    ...library !== undefined && headers !== undefined && !matching ? [`headers of the library's version ${library.version.text}, not ${headers.version.text}`] : []]
  const forTrtexec = [...needsGpu, ...trtexec === undefined ? [`trtexec of TensorRT ${majors} (libnvinfer-bin)`]
    : TENSORRT_MAJORS.includes(trtexec.version.major) ? [] : [`trtexec of TensorRT ${majors}, not ${trtexec.version.text}`]]
  found = {
    gpu, library, headers, trtexec, providerMissing,
    missing: {
      ...forLibrary.length > 0 ? { library: forLibrary.join('; ') } : {}, ...forTrtexec.length > 0 ? { trtexec: forTrtexec.join('; ') } : {},
      ...providerMissing !== undefined ? { provider: providerMissing } : {},
    },
  }
  return found
}

/**
 * The way that is open here, or the one that was asked for.
 *
 * @throws TensorrtError `TENSORRT_MISSING`: what every way takes
 */
export function requireTensorrt(wanted?: TensorrtPath): TensorrtPath {
  const { missing } = tensorrtStatus()
  const ways: readonly TensorrtPath[] = wanted === undefined ? ['library', 'trtexec'] : [wanted]
  const open = ways.find((way) => missing[way] === undefined)
  if (open !== undefined) return open
  throw new TensorrtError('TENSORRT_MISSING', 'TensorRT is not available here', {
    expected: ways.map((way) => `${way}: ${missing[way] ?? ''}`).join('\n'),
    fix: 'install TensorRT on a machine with an NVIDIA GPU, or set WHETSTONE_TENSORRT to its folder; precision, profiles and the fusion preview work without it: optimization.prepareForTensorrt',
  })
}
