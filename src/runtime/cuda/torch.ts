// The kernels of native/kernels as an extension of PyTorch: each compiled as a library for the emulator, and with nvcc for a
// GPU, beside a C++ extension that registers them as operators.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { sha256 } from '../../core'
import { CudaError } from './errors'
import { compileForGpu } from './gpu'
import { findKernels, rewrite } from './rewrite'
import { cacheFolder, compileProgram, compiler, cudaRoot, execute, nativeFolder, once, sourcesIn } from './toolchain'

/** The files of native/kernels that become operators. */
export const TORCH_KERNELS: readonly string[] = ['bias_gelu', 'layer_norm', 'softmax', 'sgemm']

/** What is built for what. */
export interface TorchExtensionOptions {
  /** A Python with PyTorch. */
  readonly python: string
  /** Also for GPUs: needs nvcc and a PyTorch built for CUDA. Default false. */
  readonly cuda?: boolean
  /** `native` (the GPU of this machine, the default) or `sm_80`, … */
  readonly architecture?: string
}

interface TorchFacts { readonly version: string, readonly include: readonly string[], readonly lib: readonly string[], readonly abi: boolean, readonly cuda: string | null }

const FACTS = 'import json, torch, torch.utils.cpp_extension as e; '
  + "print(json.dumps({'version': torch.__version__, 'include': e.include_paths(), 'lib': e.library_paths(), 'abi': torch._C._GLIBCXX_USE_CXX11_ABI, 'cuda': torch.version.cuda}))"

function factsOf(python: string): TorchFacts {
  const asked = spawnSync(python, ['-c', FACTS], { encoding: 'utf8', timeout: 120_000 })
  if (asked.status !== 0) throw new CudaError('CUDA_TOOLCHAIN', 'This Python has no PyTorch', { got: (asked.error?.message ?? asked.stderr).trim().slice(-500), where: python, fix: 'pip install torch' })
  return JSON.parse(asked.stdout.trim().split('\n').at(-1) ?? '') as TorchFacts
}

/**
 * Builds the extension, about half a minute once; kept under the hash of kernels, compilers and PyTorch's version.
 *
 * @returns a folder for `sys.path`: `import whetstone_torch` there registers `torch.ops.whetstone`
 * @throws CudaError `CUDA_TOOLCHAIN`, `CUDA_COMPILE`
 */
export async function buildTorchExtension(options: TorchExtensionOptions): Promise<string> {
  const facts = factsOf(options.python)
  const cuda = options.cuda ?? false
  if (cuda && facts.cuda === null) throw new CudaError('CUDA_TOOLCHAIN', 'This PyTorch was built without CUDA', { got: facts.version, where: options.python })
  const root = cudaRoot()
  if (cuda && root === undefined) throw new CudaError('CUDA_TOOLCHAIN', 'nvcc is not installed', { fix: 'install the CUDA toolkit, or build without { cuda: true }' })
  const include = [path.join(nativeFolder, 'kernels')]
  const kernels = TORCH_KERNELS.map((name) => ({ name, file: `${name}.cu`, source: readFileSync(path.join(nativeFolder, 'kernels', `${name}.cu`), 'utf8') }))
  const made = await Promise.all(kernels.map(async ({ name, file, source }) => {
    const cpu = await compileProgram({ code: rewrite(source, file).code, source, file, kind: 'library', include })
    const entries = findKernels(source).filter((kernel) => !kernel.template).map((kernel) => kernel.name)
    const gpu = cuda ? await compileForGpu({ source, file, include, entries, library: true, ...options.architecture === undefined ? {} : { architecture: options.architecture } }) : undefined
    return { name, cpu: cpu.executable, gpu: gpu?.executable }
  }))
  const python = readFileSync(path.join(nativeFolder, 'torch', 'whetstone_torch.py'), 'utf8')
  const extension = readFileSync(path.join(nativeFolder, 'torch', 'extension.cpp'), 'utf8')
  const key = sha256([compiler().version, facts.version, ...facts.include, python, extension, ...sourcesIn('common'), ...made.flatMap((one) => [one.cpu, one.gpu ?? ''])].join('\0')).slice(0, 20)
  return once(path.join(cacheFolder(), `torch-${key}`), async (folder) => {
    const out = path.join(folder, 'libwhetstone_torch.so')
    const ran = await execute(compiler().command, [
      '-std=c++20', '-O1', '-fPIC', '-shared', `-D_GLIBCXX_USE_CXX11_ABI=${facts.abi ? 1 : 0}`, ...cuda && root !== undefined ? ['-DWS_TORCH_CUDA', '-isystem', path.join(root, 'include')] : [], ...facts.include.flatMap((name) => ['-isystem', name]),
      path.join(nativeFolder, 'torch', 'extension.cpp'), '-o', out, ...facts.lib.flatMap((name) => [`-L${name}`, `-Wl,-rpath,${name}`]), '-lc10', '-ltorch_cpu', '-ltorch',
      ...cuda && root !== undefined ? ['-lc10_cuda', '-ltorch_cuda', `-L${path.join(root, 'lib64')}`, '-lcudart'] : [], '-ldl',
    ], { seconds: 600 })
    if (ran.status !== 0) throw new CudaError('CUDA_COMPILE', 'The extension of PyTorch does not compile', { got: ran.stderr.slice(0, 2000), where: `PyTorch ${facts.version}` })
    copyFileSync(path.join(nativeFolder, 'torch', 'whetstone_torch.py'), path.join(folder, 'whetstone_torch.py'))
    for (const { name, cpu, gpu } of made) {
      copyFileSync(cpu, path.join(folder, `${name}.cpu.so`))
      if (gpu !== undefined) copyFileSync(gpu, path.join(folder, `${name}.cuda.so`))
    }
  })
}
