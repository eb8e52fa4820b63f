// The projects of the curriculum and how each of their lines is measured. Adding a project is one entry: its notebook's
// name, which is also the folder of the learner's files (beside the notebook), and a measure for each of its lines.
import { adapter, accuracyKept, all, beyond, dynamicBatch, federated, learned, pruned, quantized, sameAsSource, smaller, speedUp, student, tensorRt, tflite, valid, type Measure } from './measures'
import { claims } from './claims'
import { kernelRight, lessTraffic } from './kernels'

/** One project. */
export interface ProjectDefinition {
  /** The notebook in notebooks/ without `.ipynb`, and the folder beside it for what the learner makes. */
  readonly id: string
  readonly title: string
  /** A measure for each line of the curriculum, by the id of its point. */
  readonly lines: Readonly<Record<string, Measure>>
}

const under = (prefix: string, lines: Readonly<Record<string, Measure>>): Record<string, Measure> =>
  Object.fromEntries(Object.entries(lines).map(([name, measure]) => [name === '' ? prefix : `${prefix}/${name}`, measure]))

const IN_PYTORCH = beyond('a kernel inside PyTorch needs PyTorch with its C++ toolchain, which the course does not drive for a learner')
const ON_GPU = beyond('the speed of a CUDA kernel needs an NVIDIA GPU; the emulator tells results and memory traffic, not time')
const NSIGHT = beyond('Nsight needs an NVIDIA GPU')
const PHONE = beyond('no phone or board is attached to this machine')
const SERVER = beyond('the course has no model server yet to measure the learner\'s against')
const ENGINE_ROOM = beyond('the course cannot yet run a learner\'s C++ program as evidence')
const NOT_FIXED = beyond('the course does not define yet what a program would measure for this line')

const TRADE_OFFS = (document: string, reference: string): Measure => claims(document, ['bytes', 'accuracy', 'milliseconds'], 2, reference)

// Module 4: one network, from its baseline to the fastest form.
const compressed = all(pruned('baseline.onnx', 'pruned.onnx'), student('baseline.onnx', 'student.onnx'), quantized('quantized.onnx'), accuracyKept('baseline.onnx', 'quantized.onnx', 0.02))
const pipeline = {
  'train-baseline-model': learned('baseline.onnx'),
  'apply-compression': compressed,
  'convert-to-onnx': all(valid('baseline.onnx'), dynamicBatch('baseline.onnx')),
  'optimize-with-onnx-runtime': all(valid('optimized.onnx'), speedUp('baseline.onnx', 'optimized.onnx', 1)),
  'benchmark-improvements': claims('benchmarks.md', ['milliseconds', 'speedup'], 1, 'baseline.onnx'),
  'document-trade-offs': TRADE_OFFS('trade-offs.md', 'baseline.onnx'),
}
const conversions = all(sameAsSource('converted/first'), sameAsSource('converted/second'), sameAsSource('converted/third'))

// Month 11, advanced: the deliverables are folders.
const toOnnx = sameAsSource('optimization/model', 'torch')
const withTensorRt = tensorRt('optimization/model.onnx', 1)
const suite = claims('benchmarks/results.md', ['bytes', 'accuracy', 'milliseconds'], 2, 'optimization/model.onnx')
const guide = TRADE_OFFS('docs/guide.md', 'optimization/model.onnx')
const lora = adapter('finetuning')
const fedavg = federated('federated')
const edge = tflite('edge/model.tflite', 'optimization/model.onnx')

// Month 11, performance.
const kernel = kernelRight('cuda')
const lighterKernel = lessTraffic('cuda')
const pytorch = sameAsSource('onnx/pytorch', 'torch')
const tensorflow = sameAsSource('onnx/tensorflow', 'tensorflow')
const bothValid = all(valid('onnx/pytorch.onnx'), valid('onnx/tensorflow.onnx'))
const baselineTimes = claims('benchmarks/results.md', ['milliseconds'], 1, 'onnx/pytorch.onnx')
const threeTimes = tensorRt('onnx/pytorch.onnx', 3)
const toTflite = tflite('edge/model.tflite', 'onnx/pytorch.onnx')
const edgePruned = all(pruned('onnx/pytorch.onnx', 'edge/pruned.onnx'), accuracyKept('onnx/pytorch.onnx', 'edge/pruned.onnx', 0.03))
const halfPrecision = all(quantized('tensorrt/quantized.onnx'), accuracyKept('onnx/pytorch.onnx', 'tensorrt/quantized.onnx', 0.02))

/** Every project of the curriculum. */
export const PROJECTS: readonly ProjectDefinition[] = [
  {
    id: 'module_04/projects/optimized_model_pipeline', title: 'Optimized Model Pipeline',
    lines: {
      ...under('module04/project/optimized-model-pipeline/build-a-complete-optimization-pipeline', pipeline),
      'module04/project/optimized-model-pipeline/10x-inference-speedup-with-2-percent':
        all(speedUp('baseline.onnx', 'optimized.onnx', 10), accuracyKept('baseline.onnx', 'optimized.onnx', 0.02)),
      'module04/checklist/build-optimized-model-pipeline': all(...Object.values(pipeline)),
      'module04/checklist/achieve-5xplus-speedup-on-a-model': speedUp('baseline.onnx', 'optimized.onnx', 5),
      'module04/checklist/convert-3plus-models-to-onnx': conversions,
    },
  },
  {
    id: 'month_11_advanced/project_optimized_ml_system', title: 'Optimized ML System',
    lines: {
      ...under('advanced', {
        'converts-pytorch-model-to-onnx': toOnnx, 'optimizes-with-tensorrt': withTensorRt, 'benchmarks-performance-improvements': suite,
        'implements-efficient-fine-tuning': lora, 'explores-federated-learning-concepts': fedavg,
        'week-1-onnx-and-model-portability/onnx-model-running-with-validated-outputs': toOnnx,
        'week-2-tensorrt-and-gpu-optimization/tensorrt-model-with-measured-speedup': withTensorRt,
        'week-3-efficient-fine-tuning/lora-fine-tuned-model-for-custom': lora,
        'week-4-advanced-topics/federated-learning-poc-and-edge-deployment': all(fedavg, edge),
        'stretch-goals/build-multi-gpu-training': beyond('there are not several GPUs'),
      }),
      ...under('advanced/deliverables', {
        'optimization-model-conversion-and-optimization': all(toOnnx, speedUp('optimization/model.onnx', 'optimization/optimized.onnx', 1)),
        'benchmarks-performance-benchmarks': suite, 'finetuning-lora-qlora-implementation': lora,
        'federated-federated-learning-experiment': fedavg, 'edge-edge-deployment': edge, 'docs-optimization-guide': guide,
      }),
      ...under('advanced/definition-of-done', {
        'pytorch-to-onnx-conversion-works': toOnnx, 'tensorrt-optimization-showing-speedup': withTensorRt, 'benchmark-suite-with-metrics': suite,
        'lora-fine-tuning-on-custom-task': lora, 'federated-learning-poc-running': fedavg, 'edge-deployment-working': edge,
        'optimization-guide-documented': guide,
      }),
    },
  },
  {
    id: 'month_11_performance/project_optimized_inference_system', title: 'Optimized Inference System',
    lines: {
      ...under('performance/deliverables/onnx-conversion', {
        '': all(pytorch, tensorflow, bothValid, baselineTimes), 'pytorch-to-onnx-export': pytorch, 'tensorflow-to-onnx-export': tensorflow,
        'model-validation': bothValid, 'performance-baseline': baselineTimes,
      }),
      ...under('performance/deliverables/tensorrt-optimization', {
        '': all(threeTimes, halfPrecision), 'tensorrt-engine-building': tensorRt('onnx/pytorch.onnx', 0), 'fp16-int8-quantization': halfPrecision,
        'dynamic-batching': all(dynamicBatch('onnx/pytorch.onnx'), tensorRt('onnx/pytorch.onnx', 0)), 'performance-profiling': NSIGHT,
      }),
      ...under('performance/deliverables/cuda-custom-operations', {
        '': all(kernel, lighterKernel), 'custom-cuda-kernel': kernel, 'memory-optimization': lighterKernel, 'profiling-with-nsight': NSIGHT,
        'integration-with-pytorch': all(kernel, IN_PYTORCH),
      }),
      ...under('performance/deliverables/edge-deployment', {
        '': all(toTflite, edgePruned), 'tflite-conversion': toTflite, 'model-pruning': edgePruned, 'on-device-inference': PHONE, 'battery-memory-constraints': PHONE,
      }),
      ...under('performance/definition-of-done', {
        'onnx-model-exports-correctly': all(pytorch, dynamicBatch('onnx/pytorch.onnx')), 'tensorrt-achieves-3xplus-speedup': threeTimes,
        'custom-cuda-kernel-works': kernel, 'tflite-runs-on-mobile-edge-device': PHONE, 'latency-benchmarks-documented': baselineTimes,
        'optimization-trade-offs-analyzed': TRADE_OFFS('docs/trade-offs.md', 'onnx/pytorch.onnx'),
      }),
      ...under('performance/stretch-goals', {
        'implement-dynamic-batching-server': SERVER, 'build-cuda-extension-for-pytorch': all(kernel, IN_PYTORCH), 'deploy-to-jetson-device': beyond('no Jetson board is attached'),
        'compare-inference-frameworks': beyond('OpenVINO and TensorRT are not both installed'),
      }),
      ...under('performance/demo', {
        'before-after-latency-comparison': speedUp('onnx/pytorch.onnx', 'onnx/optimized.onnx', 1), 'gpu-utilization-visualization': NSIGHT,
        'edge-device-deployment': PHONE, 'real-time-inference-demo': NOT_FIXED,
      }),
    },
  },
  {
    id: 'ml_frameworks/project_custom_model', title: 'Custom Model Training and Deployment',
    lines: under('frameworks/projects/custom-model-training-and-deployment', {
      '': all(learned('model.onnx'), sameAsSource('model'), ENGINE_ROOM), 'train-a-model-with-tensorflow-or': all(learned('model.onnx'), sameAsSource('model')),
      'convert-to-an-optimized-format': all(valid('model.onnx'), speedUp('model.onnx', 'optimized.onnx', 1)), 'deploy-with-a-cplus-plus-inference': ENGINE_ROOM,
    }),
  },
  {
    id: 'ml_frameworks/project_accelerated_inference', title: 'Hardware-Accelerated Inference',
    lines: under('frameworks/projects/hardware-accelerated-inference', {
      '': all(quantized('quantized.onnx'), pruned('model.onnx', 'pruned.onnx'), PHONE), 'optimize-a-model-for-edge-deployment': all(valid('quantized.onnx'), smaller('model.onnx', 'quantized.onnx', 2)),
      'implement-quantization-and-pruning': all(quantized('quantized.onnx'), accuracyKept('model.onnx', 'quantized.onnx', 0.02), pruned('model.onnx', 'pruned.onnx'), accuracyKept('model.onnx', 'pruned.onnx', 0.03)),
      'benchmark-on-different-hardware-targets': beyond('only one processor is here, and no GPU was found'),
    }),
  },
  {
    id: 'ml_frameworks/project_multi_framework', title: 'Multi-Framework Integration',
    lines: under('frameworks/projects/multi-framework-integration', {
      '': all(sameAsSource('from_pytorch', 'torch'), sameAsSource('from_tensorflow', 'tensorflow'), valid('system.onnx')),
      'create-a-system-using-models-from': all(sameAsSource('from_pytorch', 'torch'), sameAsSource('from_tensorflow', 'tensorflow')),
      'implement-common-preprocessing-and-postprocessing': all(learned('from_pytorch.onnx'), learned('from_tensorflow.onnx')),
      'optimize-for-production-deployment': all(learned('system.onnx'), dynamicBatch('system.onnx')),
    }),
  },
  {
    id: 'ml_frameworks/project_cuda_kernel', title: 'Custom CUDA Kernel for ML',
    lines: under('frameworks/projects/custom-cuda-kernel-for-ml', {
      '': all(kernel, IN_PYTORCH, ON_GPU), 'implement-a-specialized-operation-in-cuda': kernel, 'integrate-with-a-ml-framework': all(kernel, IN_PYTORCH),
      'benchmark-against-standard-implementations': all(kernel, ON_GPU),
    }),
  },
  {
    id: 'ml_frameworks/project_llm', title: 'LLM Fine-tuning and Optimization',
    lines: under('frameworks/projects/llm-fine-tuning-and-optimization', {
      '': all(lora, quantized('optimized.onnx')), 'fine-tune-a-llm-for-a': lora,
      'optimize-for-inference': all(quantized('optimized.onnx'), speedUp('finetuning/tuned.onnx', 'optimized.onnx', 1)), 'create-a-deployment-pipeline': SERVER,
    }),
  },
  {
    id: 'optimization_deployment/project_model_library', title: 'Optimized Model Library',
    lines: under('deployment/projects/optimized-model-library', {
      '': all(compressed, TRADE_OFFS('library.md', 'baseline.onnx')), 'build-a-suite-of-optimized-models': all(smaller('baseline.onnx', 'small.onnx', 4), speedUp('baseline.onnx', 'fast.onnx', 2)),
      'implement-various-optimization-techniques': compressed, 'create-benchmarking-tools-for-comparison': TRADE_OFFS('library.md', 'baseline.onnx'),
    }),
  },
  {
    id: 'optimization_deployment/project_serving_platform', title: 'Model Serving Platform',
    lines: under('deployment/projects/model-serving-platform', {
      '': SERVER, 'develop-a-scalable-system-for-serving': SERVER, 'implement-batching-and-caching-strategies': SERVER, 'create-monitoring-and-alerting-components': SERVER,
    }),
  },
  {
    id: 'optimization_deployment/project_edge_framework', title: 'Edge ML Deployment Framework',
    lines: under('deployment/projects/edge-ml-deployment-framework', {
      '': all(tflite('model.tflite', 'model.onnx'), PHONE), 'build-tools-for-optimizing-and-deploying': tflite('model.tflite', 'model.onnx'),
      'implement-device-specific-optimizations': PHONE, 'create-update-mechanisms-and-management-tools': NOT_FIXED,
    }),
  },
  {
    id: 'optimization_deployment/project_mlops_pipeline', title: 'MLOps Pipeline',
    lines: under('deployment/projects/mlops-pipeline', {
      '': NOT_FIXED, 'develop-an-end-to-end-pipeline': all(learned('model.onnx'), dynamicBatch('model.onnx')), 'implement-automated-testing-and-validation': NOT_FIXED,
      'create-model-registry-and-versioning-system': NOT_FIXED,
    }),
  },
  {
    id: 'optimization_deployment/project_automl', title: 'Optimization AutoML System',
    lines: under('deployment/projects/optimization-automl-system', {
      '': all(accuracyKept('baseline.onnx', 'chosen.onnx', 0.02), speedUp('baseline.onnx', 'chosen.onnx', 2)), 'build-a-system-that-automatically-optimizes': all(accuracyKept('baseline.onnx', 'chosen.onnx', 0.02), speedUp('baseline.onnx', 'chosen.onnx', 2)),
      'implement-multiple-optimization-strategies': claims('search.md', ['accuracy', 'milliseconds'], 3, 'baseline.onnx'),
      'create-visualizations-of-tradeoff-spaces': claims('search.md', ['accuracy', 'milliseconds'], 5, 'baseline.onnx'),
    }),
  },
]
