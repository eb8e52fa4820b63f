// Failures of quantization, execution providers, TensorRT, CUDA and installing.
import type { FailureCase } from './case'
import { byHand, diskFull, fixedAxes, floatBetween, int64Inputs, noEnvironment, ofText, oldNode, perTensor, program, provider, strangeScales, vnni } from './checks'

const gpu = program('nvidia-smi', '--query-gpu=name,driver_version,memory.total,memory.used', '--format=csv,noheader')

export const DEVICE_CASES: readonly FailureCase[] = [
  {
    id: 'int8-accuracy', area: 'quantization', title: 'Accuracy fell after quantization',
    patterns: [/accuracy (?:drop|fell|collaps|loss)/i, /(?:int8|quantiz\w+) (?:model )?.*(?:wrong|worse|bad) (?:results|accuracy|predictions)/i],
    causes: [
      { why: 'one scale for a whole weight, where channels differ by orders of magnitude (depthwise convolutions)', check: perTensor, fix: 'quantize weights per channel; before that, cross-layer equalization' },
      { why: 'outliers in activations stretch the ranges', check: strangeScales, fix: 'calibrate by percentile or entropy instead of min-max; leave the first, the last and the widest layers in float' },
      { why: 'int8 products saturate on a processor without VNNI', check: vnni, fix: 'reduce the range of the weights to 7 bits (reduce_range=True), or u8 × u8' },
      { why: 'calibration data that does not look like production: other preprocessing, too few samples', check: byHand('the calibration data'), fix: 'a few hundred samples of the training set, through the same preprocessing' },
    ],
  },
  {
    id: 'int8-slow', area: 'quantization', title: 'The quantized model is not faster, or slower',
    patterns: [/(?:int8|quantiz\w+) (?:model )?.*(?:slower|not faster|no speed)/i],
    causes: [
      { why: 'arithmetic is still in float: quantization nodes only add work', check: floatBetween, fix: 'quantize both inputs of every Conv and MatMul; keep Q and DQ next to them, so that the runtime fuses them' },
      { why: 'the processor has no fast int8', check: vnni, fix: 'measure on the target; here float32 with fewer channels may be the better way' },
      { why: 'dynamic quantization of convolutions: ranges are found anew at every run', check: ofText('dynamic quantization', /dynamic/i), fix: 'static quantization with calibration for convolutional nets; dynamic for transformers and LSTMs' },
    ],
  },
  {
    id: 'quantize-types', area: 'quantization', title: 'A quantization node has types that its operator does not allow',
    patterns: [/operator \((?:Quantize|Dequantize)Linear\)/, /zero.?point.*(?:type|must)/i, /Failed to find proper ai\.onnx domain/, /Unable to find (?:data )?type for weight_name=?(\S*)/],
    causes: [
      { why: 'zero point and quantized tensor differ in type, or the scale is not positive', check: strangeScales, fix: 'zero point of the same integer type as the result, scale float32 and above 0' },
      { why: 'shapes were not inferred before quantizing', check: int64Inputs, fix: 'run shape inference first: onnx.inferShapes(model), or quant_pre_process in onnxruntime' },
    ],
  },
  {
    id: 'provider-library', area: 'provider', title: 'An execution provider cannot be loaded',
    patterns: [/Failed to load (?:shared )?library/, /libonnxruntime_providers_(\w+)\.so/, /The execution provider (\S+) does not work here/, /Specified provider '(\w+)' is not in available provider names/],
    causes: [
      { why: 'the CUDA provider\'s libraries are not installed: the package brings them by its install script only', check: provider('cuda'), fix: 'npm rebuild onnxruntime-node --ignore-scripts=false with a network; in Python: pip install onnxruntime-gpu and not onnxruntime beside it' },
      { why: 'no GPU or no driver', check: gpu, fix: 'run on the provider cpu here, and on a machine with a GPU there; nothing in the course needs one' },
      { why: 'cuDNN or CUDA is of another major version than the provider wants', check: ofText('a library of another version', /lib(?:cudnn|cublas|cudart|cufft)\w*\.so\.\d+/), fix: 'ONNX Runtime 1.19 and later want CUDA 12 with cuDNN 9: put their folders on LD_LIBRARY_PATH, or install nvidia-cudnn-cu12' },
    ],
  },
  {
    id: 'provider-fallback', area: 'provider', title: 'The session uses the CPU although a GPU was asked for',
    patterns: [/fall(?:ing)? ?back to.*CPU/i, /Some nodes were not assigned to the preferred execution providers/, /GPU (?:is )?(?:not used|idle)/i],
    causes: [
      { why: 'the provider did not load, and the next in the list was taken', check: provider('cuda'), fix: 'ask the session which providers it has, and fail at start if the wanted one is missing' },
      { why: 'some operators have no kernel there: every boundary is a copy', check: ofText('nodes not assigned', /not assigned to the preferred/), fix: 'log severity 0 lists the nodes; replace those operators, or move them to the ends of the graph' },
    ],
  },
  {
    id: 'trt-profile', area: 'TensorRT', title: 'TensorRT: a dynamic input has no optimization profile',
    patterns: [/dynamic or shape inputs, but no optimization profile/, /Network has dynamic.*profile/i, /optimization profile.*(?:missing|not been defined|invalid)/i, /setBinding ?Dimensions.*(?:profile|Error)/i],
    causes: [
      { why: 'the engine must know the least, usual and largest size of each dynamic axis', check: fixedAxes, fix: 'trtexec --minShapes=x:1x3x224x224 --optShapes=x:8x3x224x224 --maxShapes=x:32x3x224x224; with ONNX Runtime: trt_profile_min_shapes, trt_profile_opt_shapes, trt_profile_max_shapes' },
    ],
  },
  {
    id: 'trt-engine-version', area: 'TensorRT', title: 'TensorRT: the engine was built by another version or for another GPU',
    patterns: [/stdVersionRead == serializationVersion|Version tag does not match/, /Serialization assertion/, /engine plan file is (?:generated on an incompatible device|not compatible)/i],
    causes: [{ why: 'an engine runs only with the TensorRT version and GPU architecture it was built with', check: gpu, fix: 'ship the ONNX file and build on the target; key the cache by model hash, TensorRT version and compute capability' }],
  },
  {
    id: 'trt-unsupported', area: 'TensorRT', title: 'TensorRT: an operator or type that its parser does not have',
    patterns: [/UNSUPPORTED_NODE|No importer registered for op: (\S+)|getPluginCreator could not find plugin:? ?(\S+)/, /generated with INT64 weights/, /TensorRT does not natively support INT64/],
    causes: [
      { why: 'the graph still has constants and shape arithmetic that could be folded away', check: int64Inputs, fix: 'simplify first: optimization.simplify(model); INT64 weights are only a warning where they fit 32 bits' },
      { why: 'an operator without an importer', check: ofText('its name', /No importer registered for op: \S+|plugin:? ?\S+/), fix: 'rewrite it with supported operators, write a plugin, or let ONNX Runtime\'s TensorRT provider leave that node to CUDA' },
    ],
  },
  {
    id: 'trt-int8', area: 'TensorRT', title: 'TensorRT: int8 without scales, or implicit precision in a version that has none',
    patterns: [/[Cc]alibrat(?:or|ion).*(?:not provided|required|missing|no scaling factors)/, /kINT8.*(?:deprecated|removed|unknown)/i, /missing scale and zero-point/i],
    causes: [{ why: 'int8 needs Q/DQ nodes in the graph; TensorRT 11 has no calibrator any more', check: floatBetween, fix: 'quantize explicitly (Q/DQ, symmetric, zero point 0) before building the engine' }],
  },
  {
    id: 'cuda-memory', area: 'CUDA', title: 'CUDA: out of memory',
    patterns: [/CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|failed to allocate memory.*CUDA/i],
    causes: [
      { why: 'the batch, the activations or another process take it all', check: gpu, fix: 'a smaller batch with gradient accumulation, mixed precision, gradient checkpointing; end other processes; gpu_mem_limit for ONNX Runtime' },
    ],
  },
  {
    id: 'cuda-architecture', area: 'CUDA', title: 'CUDA: the program holds no code for this GPU',
    patterns: [/no kernel image is available/, /sm_(\d+) is not compatible with the current PyTorch installation/, /unsupported gpu architecture/i],
    causes: [{ why: 'it was compiled for other compute capabilities', check: gpu, fix: 'nvcc -arch=native, or -gencode for each target and one with PTX; for PyTorch the wheel of the CUDA version that knows the GPU' }],
  },
  {
    id: 'cuda-driver', area: 'CUDA', title: 'CUDA: no driver, no device, or too old a driver',
    patterns: [/driver version is insufficient/, /no CUDA-capable device/, /Torch not compiled with CUDA enabled/, /Found no NVIDIA driver/, /cudaGetDeviceCount/],
    causes: [
      { why: 'no GPU or no driver here', check: gpu, fix: 'the course\'s CPU path needs none; on a GPU machine install the driver, nvidia-smi must list the GPU' },
      { why: 'the package is the CPU build', check: ofText('a CPU build', /not compiled with CUDA/), fix: 'install the CUDA build of PyTorch from its own package index' },
    ],
  },
  {
    id: 'cuda-access', area: 'CUDA', title: 'CUDA: a kernel read or wrote outside its memory',
    patterns: [/illegal memory access|misaligned address|device-side assert/i],
    causes: [
      { why: 'an index past the end in the last block, or a class index outside the logits', check: ofText('which of them', /device-side assert|illegal memory access|misaligned/), fix: 'compute-sanitizer ./program, or CUDA_LAUNCH_BLOCKING=1 to get the right line; guard with if (i < n)' },
    ],
  },
  {
    id: 'install-onnxruntime', area: 'installation', title: 'onnxruntime-node does not install',
    patterns: [/onnxruntime-node.*(?:install|postinstall|ENOTFOUND|ECONNREFUSED|ETIMEDOUT)/is, /Cannot find module.*onnxruntime(?:_binding\.node|-node)/],
    causes: [
      { why: 'its install script wants CUDA libraries from a host that is not reached; the CPU part is in the package', check: ofText('a network error', /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ECONNRESET|getaddrinfo/), fix: 'ONNXRUNTIME_NODE_INSTALL=skip npm ci; npm start does so by itself' },
      { why: 'no binary for this platform, or another Node', check: oldNode, fix: 'Linux x64 and arm64 with glibc, macOS arm64, Windows; not Alpine (musl)' },
    ],
  },
  {
    id: 'install-native', area: 'installation', title: 'A native package was built for another Node, or could not be built',
    patterns: [/NODE_MODULE_VERSION (\d+)/, /node-gyp|gyp ERR!/, /GLIBC_(\d+\.\d+).*not found/, /invalid ELF header/],
    causes: [
      { why: 'Node was changed after installing', check: oldNode, fix: 'rm -r node_modules && npm start' },
      { why: 'an old system library', check: ofText('a library version', /GLIBC_[\d.]+/), fix: 'a current distribution, or Node and the packages in a container' },
    ],
  },
  {
    id: 'install-python', area: 'installation', title: 'Jupyter or a Python package is not there',
    patterns: [/No module named '?([\w.]+)'?/, /externally-managed-environment/, /jupyter: (?:command )?not found/, /Jupyter command .* not found/],
    causes: [
      { why: 'the project\'s environment was not made', check: noEnvironment, fix: 'npm start makes it; npm run doctor shows what it has' },
      { why: 'another Python than the project\'s runs', check: program('python3', '--version'), fix: 'use .venv/bin/python, or set WHETSTONE_PYTHON to the Python that has the module' },
    ],
  },
  {
    id: 'install-disk', area: 'installation', title: 'The disk is full, or the folder cannot be written to',
    patterns: [/ENOSPC|No space left on device/, /EACCES|EROFS|Permission denied/],
    causes: [
      { why: 'too little space', check: diskFull, fix: 'about 2 GB are needed in the project folder' },
      { why: 'files of another user, after a run with sudo', check: ofText('no permission', /EACCES|EROFS|Permission denied/), fix: 'chown the project folder to yourself; never sudo npm' },
    ],
  },
  {
    id: 'install-network', general: true, area: 'installation', title: 'A package registry is not reached',
    patterns: [/ENOTFOUND|ETIMEDOUT|ECONNREFUSED|EAI_AGAIN|ECONNRESET|Could not find a version that satisfies|certificate/],
    causes: [{ why: 'no network, a proxy, or a certificate of a company\'s proxy', check: program('npm', 'config', 'get', 'registry'), fix: 'set HTTPS_PROXY, NODE_EXTRA_CA_CERTS and PIP_INDEX_URL as your network wants; once installed, nothing needs a network' }],
  },
]
