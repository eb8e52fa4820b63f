// Looks at this machine: what is here, and for each thing missing what it would add and how to get it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { cpuFlags } from '../core'
import { projectPython, root } from './root'

/** One line of the doctor's report. */
export interface Finding {
  readonly name: string
  /** needed: the course does not run without it. optional: it adds something. fact: neither. */
  readonly kind: 'needed' | 'optional' | 'fact'
  readonly found: boolean
  /** Version, model, size: what was seen. */
  readonly value: string
  /** What it is for, said when it is missing. */
  readonly adds?: string
  /** How to get it, said when it is missing. */
  readonly get?: string
}

/** First line that a program prints, or undefined when it is not there or fails. */
function ask(command: string, ...args: string[]): string | undefined {
  const asked = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 })
  if (asked.error || asked.status !== 0) return undefined
  return (asked.stdout.trim() || asked.stderr.trim()).split('\n').pop()?.trim() ?? ''
}

/** The instruction-set extensions that decide how fast int8 and float16 run (x86: CPUID names as the kernel prints them). */
export function cpuFeatures(): readonly { readonly name: string; readonly found: boolean; readonly means: string }[] {
  const flags = cpuFlags()
  const arm = process.arch === 'arm64'
  const list: [string, string, string][] = arm
    ? [['asimd', 'NEON', 'vector arithmetic'], ['asimddp', 'dot product', 'int8 products at full rate'], ['asimdhp', 'half precision', 'float16 arithmetic'], ['i8mm', 'I8MM', 'int8 matrix products'], ['sve', 'SVE', 'longer vectors']]
    : [['avx2', 'AVX2', 'vector arithmetic of 256 bits; int8 without VNNI may saturate: quantize with a reduced range'], ['fma', 'FMA', 'multiply and add in one'],
        ['avx512f', 'AVX-512', 'vector arithmetic of 512 bits'], ['avx512_vnni', 'AVX-512 VNNI', 'int8 products without saturation, up to 4 times float32'],
        ['avx_vnni', 'AVX VNNI', 'int8 products without saturation, 256 bits'], ['avx512_bf16', 'AVX-512 BF16', 'bfloat16 products'], ['amx_int8', 'AMX', 'int8 matrix tiles']]
  return list.map(([flag, name, means]) => ({ name, means, found: flags.has(flag) }))
}

/** The Python modules that are optional sources and oracles, asked of the project's own Python or of WHETSTONE_PYTHON. */
function pythonModules(): Finding[] {
  const modules: [string, string, string][] = [
    ['torch', 'PyTorch', 'exporting your own PyTorch models, and measuring against PyTorch'],
    ['tensorflow', 'TensorFlow', 'SavedModels from your own code, and measuring against TensorFlow'],
    ['onnx', 'onnx (Python)', 'its checker as an independent opinion on exported models'],
  ]
  const pythons = [process.env['WHETSTONE_PYTHON'], projectPython].filter((python): python is string => python !== undefined && (existsSync(python) || !python.includes('/')))
  return modules.map(([module, name, adds]) => {
    // Reading the installed metadata does not import the framework, which takes seconds.
    const version = pythons.map((python) => ask(python, '-c', `import importlib.metadata as m; print(m.version(${JSON.stringify(module)}))`)
      ?? (module === 'tensorflow' ? ask(python, '-c', 'import importlib.metadata as m; print(m.version("tensorflow_cpu"))') : undefined)).find((text) => text !== undefined)
    return { name, kind: 'optional', found: version !== undefined, value: version ?? '', adds, get: `.venv/bin/python -m pip install ${module}` }
  })
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome']

/** The command of a Chromium, for the browser tests. */
export function findBrowser(): string | undefined {
  const named = process.env['WHETSTONE_BROWSER']
  return [...(named === undefined ? [] : [named]), ...BROWSERS].find((name) => ask(name, '--version') !== undefined)
}

function browser(): Finding {
  const found = findBrowser()
  return { name: 'Chromium', kind: 'optional', found: found !== undefined, value: found === undefined ? '' : ask(found, '--version') ?? '',
    adds: 'the browser tests of JupyterLab in `npm test`', get: 'Debian, Ubuntu: sudo apt install chromium; or name one in WHETSTONE_BROWSER' }
}

function tensorrt(): Finding {
  const libraries = ask('sh', '-c', 'ldconfig -p 2>/dev/null | grep -o "libnvinfer\\.so\\.[0-9]*" | sort -u | tail -1')
  const trtexec = ask('sh', '-c', 'command -v trtexec')
  const value = [libraries, trtexec].filter(Boolean).join(', ')
  return { name: 'TensorRT', kind: 'optional', found: value !== '', value, adds: 'engines built and timed on an NVIDIA GPU', get: 'see developer.nvidia.com/tensorrt (major version 10 or 11); needs an NVIDIA GPU' }
}

/** Whether a bubblewrap sandbox can really be entered, not only whether the program is there. */
function bubblewrap(): Finding {
  const version = ask('bwrap', '--version')
  const works = version !== undefined && ask('bwrap', '--ro-bind', '/', '/', '--unshare-all', 'echo', 'inside') === 'inside'
  return { name: 'bubblewrap', kind: 'optional', found: works, value: version === undefined ? '' : works ? version : `${version}, but this system does not let it make a sandbox`,
    adds: 'grading of notebooks from strangers in a sandbox', get: version === undefined ? 'Debian, Ubuntu: sudo apt install bubblewrap' : 'allow unprivileged user namespaces' }
}

function packageVersion(name: string): string | undefined {
  const file = path.join(root, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined
}

/** In a process of its own, because a library of the wrong CUDA version can end the process that loads it. */
function loads(name: string): string | undefined {
  const asked = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(name)})`], { cwd: root, encoding: 'utf8', timeout: 60_000 })
  if (asked.status === 0) return undefined
  return /Error: (.*)/.exec(asked.stderr)?.[1] ?? (asked.stderr.trim().split('\n').pop() || `it ended with ${asked.signal ?? String(asked.status)}`)
}

function tfjsNode(): Finding {
  const version = packageVersion('@tensorflow/tfjs-node-gpu')
  const failure = version === undefined ? 'not installed' : loads('@tensorflow/tfjs-node-gpu')
  return { name: 'tfjs-node-gpu', kind: 'optional', found: failure === undefined, value: failure === undefined ? (version ?? '') : failure.slice(0, 120),
    adds: 'TensorFlow\'s own kernels as an alternative engine (CUDA 11, Node before 23)', get: 'npm rebuild @tensorflow/tfjs-node-gpu --ignore-scripts=false  (downloads libtensorflow)' }
}

/** Everything the doctor looks at, in the order of the report. */
export function examine(): Finding[] {
  const gpu = ask('nvidia-smi', '--query-gpu=name,memory.total,driver_version', '--format=csv,noheader')
  const nvcc = ask('nvcc', '--version')
  const python = ask(projectPython, '-c', 'import sys; print(sys.version.split()[0])')
  const lab = ask(projectPython, '-c', 'import importlib.metadata as m; print(m.version("jupyterlab"))')
  const compiler = ask('sh', '-c', 'g++ --version | head -1') ?? ask('sh', '-c', 'clang++ --version | head -1')
  return [
    { name: 'Node.js', kind: 'needed', found: true, value: process.versions.node },
    { name: 'Python', kind: 'needed', found: python !== undefined, value: python ?? '', adds: 'Jupyter', get: 'install Python 3.10 or later, then npm start' },
    { name: 'JupyterLab', kind: 'needed', found: lab !== undefined, value: lab ?? '', adds: 'the course in the browser', get: 'npm start sets it up' },
    { name: 'processor', kind: 'fact', found: true, value: `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.cpus().length} cores` },
    ...cpuFeatures().map(({ name, found, means }): Finding => ({ name, kind: 'fact', found, value: means })),
    { name: 'memory', kind: 'needed', found: os.totalmem() >= 3.5 * 2 ** 30, value: `${(os.totalmem() / 2 ** 30).toFixed(1)} GB, ${(os.freemem() / 2 ** 30).toFixed(1)} GB free`, adds: 'lessons need 4 GB', get: 'close other programs' },
    ...providerFindings(),
    { name: 'NVIDIA GPU', kind: 'optional', found: gpu !== undefined, value: gpu ?? '', adds: 'CUDA and TensorRT lessons on the device; without one they run in the emulator', get: 'a machine with an NVIDIA GPU and driver' },
    { name: 'nvcc', kind: 'optional', found: nvcc !== undefined, value: nvcc ?? '', adds: 'compiling CUDA for a GPU, register counts', get: 'install the CUDA toolkit' },
    { name: 'C++ compiler', kind: 'optional', found: compiler !== undefined, value: compiler ?? '', adds: 'the CUDA emulator', get: 'Debian, Ubuntu: sudo apt install g++' },
    tensorrt(), tfjsNode(), ...pythonModules(), bubblewrap(), browser(),
  ]
}

interface Probed {
  readonly name: string
  readonly works: boolean
  readonly reason?: string
}

/** In a process of its own: a provider's libraries write to the terminal, and a broken driver can end the process. */
function providerFindings(): Finding[] {
  const how: Record<string, { adds: string; get: string }> = {
    cpu: { adds: 'running any model', get: 'npm ci' },
    webgpu: { adds: 'running models on a GPU of any make', get: 'a GPU with a Vulkan, Metal or Direct3D 12 driver' },
    cuda: { adds: 'running models on an NVIDIA GPU', get: 'npm rebuild onnxruntime-node --ignore-scripts=false  (downloads its CUDA libraries)' },
    tensorrt: { adds: 'running models through TensorRT', get: 'install TensorRT, then as for cuda' },
  }
  const script = `console.log(JSON.stringify(require(${JSON.stringify(path.join(__dirname, '..', 'runtime'))}).providers()))`
  const asked = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 })
  const answer = asked.stdout.split('\n').find((line) => line.startsWith('['))
  const reason = /Error: (.*)/.exec(asked.stderr)?.[1] ?? `the probe ended with ${asked.signal ?? asked.status ?? 'nothing'}`
  const probed = answer === undefined ? [{ name: 'cpu', works: false, reason }] : JSON.parse(answer) as Probed[]
  return probed.map((one) => ({
    name: `ONNX Runtime ${one.name}`, kind: one.name === 'cpu' ? 'needed' : 'optional', found: one.works,
    value: one.works ? 'a session was created and run' : gist(one.reason ?? ''), ...how[one.name],
  }))
}

/** What a provider's long message comes down to. */
function gist(reason: string): string {
  const library = /(lib\w+\.so[.\d]*): cannot open/.exec(reason)?.[1]
  return library === undefined ? (/got:\s*(.*)/.exec(reason)?.[1] ?? reason).slice(0, 120) : `${library} is not there`
}
