// Module 4: the questions of its interview preparation: compression, inference, frameworks.
import { n, one, type Question } from '../question'

const prepare = (rest: string): string => `module04/interview-preparation/model-optimization-questions/${rest}`

/** Headings of the curriculum's list, and the questions under each. */
export const HEADINGS: Readonly<Record<string, readonly string[]>> = {
  [prepare('compression')]: ['how-would-you-compress-a-100m', 'explain-the-trade-off-between-model', 'what-compression-technique-would-you-use'].map(prepare),
  [prepare('inference-optimization')]: ['your-model-is-too-slow-in', 'how-do-you-achieve-10ms-latency', 'explain-batching-strategies-for-throughput'].map(prepare),
  [prepare('framework-choices')]: ['why-convert-to-onnx', 'pytorch-vs-tensorflow-for-production', 'how-do-you-handle-framework-updates'].map(prepare),
}

export const PREPARATION_QUESTIONS: readonly Question[] = [
  {
    id: prepare('how-would-you-compress-a-100m'), question: 'How would you compress a 100M parameter model?',
    rubric: [
      { says: 'asks for the target first: device, size, latency, accuracy that may be lost', weight: 2 },
      { says: 'an order with reasons: quantize first, then distil or prune, then combine', weight: 3 },
      { says: 'numbers: 400 MB in float32, 100 MB in int8, what each step typically costs', weight: 3 },
      { says: 'measures accuracy and speed on the device after each step', weight: 2 },
    ],
    answer: 'First the goal: 400 MB in float32, to what, on which device, at which loss? Post-training int8, per channel, is an hour\'s work: 100 MB, usually under 1% lost; fp16 gives 200 MB at nearly nothing. If more is needed and it is a transformer: distil to half the layers (DistilBERT: 40% fewer parameters, 97% of the score), then quantize: about 60 MB. For a convolutional net: structured pruning with fine-tuning for latency, unstructured plus clustering and Huffman coding for download size (Deep Compression: 35 to 49 times). Embeddings are often a third of the weights: share, factorise or cut the vocabulary. Order: distil or prune in float with training, then quantize, with quantization-aware fine-tuning if that loses too much. After each step accuracy by slice and latency on the device.',
    cites: ['bench-int8-size', 'bench-int8-lost', 'bench-channels-speed', 'bench-huffman-size'],
    followUps: ['Which step would you try on the first day?', 'Where is the most redundancy in a transformer?', 'What if no training data is left?'],
    probe: {
      draw: (r) => ({ bits: one(r, 4, 8), prune: one(r, 0.3, 0.4, 0.5) }),
      ask: (k) => `100 million float32 parameters: ${100 * n(k, 'prune')}% are removed by structured pruning and the rest stored in ${n(k, 'bits')} bits. How many megabytes (10⁶ bytes) is that, scales not counted?`,
      answer: (k) => (100 * (1 - n(k, 'prune')) * n(k, 'bits')) / 8, unit: 'MB', why: 'Parameters left × bits ÷ 8.',
    },
  },
  {
    id: prepare('explain-the-trade-off-between-model'), question: 'Explain the trade-off between model size and accuracy.',
    rubric: [
      { says: 'larger models fit more, with diminishing returns (power laws), if data grows too', weight: 3 },
      { says: 'a trained model is redundant: much can be removed before accuracy falls, then it falls fast', weight: 3 },
      { says: 'size is not speed: bytes, FLOPs and latency differ', weight: 2 },
      { says: 'decides on a Pareto front with the requirement, by slices', weight: 2 },
    ],
    answer: 'Error falls with size roughly as a power law, so each halving of what is left of the error costs a multiple of parameters, and only with data to match. The other way round, a trained net is redundant: pruning or 8 bits often cost nothing at first, then there is a knee where accuracy falls fast. Large nets compressed usually beat small nets trained from scratch at the same size. Accuracy is lost unevenly: rare classes go first, so I look at slices. And size is three things: bytes on disk, memory at run time, and time, which depends on arithmetic and bandwidth. I plot accuracy against the one that is limited, keep the Pareto front and take the smallest model that meets the requirement with a margin.',
    cites: ['bench-int8-size', 'bench-int8-lost', 'bench-channels-lost'],
    followUps: ['Why do rare classes suffer first?', 'When does a larger model run faster?', 'What is a Pareto front?'],
    probe: {
      draw: (r) => ({ exponent: one(r, 0.05, 0.1, 0.2), factor: one(r, 2, 4, 10) }),
      ask: (k) => `Loss follows size^(−${n(k, 'exponent')}). A model is made ${n(k, 'factor')} times smaller. By how many percent does its loss rise?`,
      answer: (k) => 100 * (n(k, 'factor') ** n(k, 'exponent') - 1), unit: '%', why: 'factor^exponent − 1.',
    },
  },
  {
    id: prepare('what-compression-technique-would-you-use'), question: 'What compression technique would you use for edge deployment?',
    rubric: [
      { says: 'asks for the device: its accelerator, memory, energy, supported operators', weight: 3 },
      { says: 'full-integer int8 as the default, because most accelerators compute only that', weight: 3 },
      { says: 'an architecture made for the edge, or a distilled student, before exotic compression', weight: 2 },
      { says: 'measures on the device: latency when warm, peak memory, energy, thermal throttling', weight: 2 },
    ],
    answer: 'It depends on what the device computes with. A microcontroller or an NPU wants full-integer int8, inputs and outputs too, every operator in its list: one float operator sends the tensor back to the CPU. So: an edge architecture (MobileNet, EfficientNet-Lite, a small transformer) or a student of a larger model, structured pruning to reach the memory limit, then int8 with calibration on data from the device\'s own sensor, quantization-aware if it loses more than a percent. Peak activation memory is the hard limit on microcontrollers: reorder operators, smaller inputs. Then on the device: latency after ten minutes when it is warm, peak memory, millijoules an inference, and accuracy of the converted file, not of the checkpoint.',
    cites: ['bench-int8-size', 'bench-int8-lost', 'device-memory', 'device-slower'],
    followUps: ['Why avoid unstructured pruning there?', 'How do you find the peak memory?', 'How do you update models in the field?'],
    probe: {
      draw: (r) => ({ side: one(r, 96, 112, 160, 224), channels: one(r, 16, 24, 32) }),
      ask: (k) => `The largest pair of activations alive at once is two int8 maps of ${n(k, 'side')} × ${n(k, 'side')} × ${n(k, 'channels')}. How many kilobytes (1,024 bytes) is that?`,
      answer: (k) => (2 * n(k, 'side') ** 2 * n(k, 'channels')) / 1024, unit: 'KB', why: 'One byte an element, two maps.',
    },
  },
  {
    id: prepare('your-model-is-too-slow-in'), question: 'Your model is too slow in production. What do you do?',
    rubric: [
      { says: 'asks slow how: p50 or p99, since when, model or pipeline, which load', weight: 3 },
      { says: 'measures the parts of a request before changing any', weight: 3 },
      { says: 'stops the bleeding (scale out, cache, degrade) apart from the cure', weight: 2 },
      { says: 'changes one thing, verifies, watches accuracy', weight: 2 },
    ],
    answer: 'Slow for whom and since when? A jump after a release is a regression: roll back, then bisect. Slow at p99 only points to queueing, garbage collection, cold starts or long inputs; slow at p50 to the work itself. I trace a request: network, queue, preprocessing, model, postprocessing; the model is often less than half. Users first: more replicas, a cache for repeated inputs, a limit on input length, a smaller fallback. Then the largest part: in the model, profile by operator, provider fallbacks, threads fighting each other, batch size; then fp16 or int8, then a smaller model. Each change is measured under recorded load against the old one, with accuracy, and stays only if it helps. Afterwards an alert on the percentile that hurt.',
    cites: ['conv-share', 'graph-optimization', 'p99-unbatched', 'p99-batched'],
    followUps: ['p50 is fine and p99 is ten times it. Why?', 'Utilisation is 95%: what does queueing theory say?', 'How do you keep it from coming back?'],
    probe: {
      draw: (r) => ({ service: one(r, 10, 20, 40), load: one(r, 0.5, 0.8, 0.9, 0.95) }),
      ask: (k) => `One server, ${n(k, 'service')} ms of work a request on average, random arrivals and service times (M/M/1), ${100 * n(k, 'load')}% busy. What is the mean time in the system, in ms?`,
      answer: (k) => n(k, 'service') / (1 - n(k, 'load')), unit: 'ms', why: 'service ÷ (1 − utilisation): it explodes near 1.',
    },
  },
  {
    id: prepare('how-do-you-achieve-10ms-latency'), question: 'How do you achieve 10ms latency for inference?',
    rubric: [
      { says: 'a budget over the whole path, and which percentile the 10 ms are', weight: 3 },
      { says: 'a lower bound from the hardware: FLOPs and bytes against peak (roofline)', weight: 3 },
      { says: 'means: smaller model, precision, fusing, warm sessions, no copies, batch of one', weight: 2 },
      { says: 'tail: pinned threads, no garbage collection in the path, load below saturation, hedging', weight: 2 },
    ],
    answer: 'I split the 10 ms at p99: say 2 network, 2 pre- and postprocessing, 1 queue, 5 model. Then the bound: time ≥ max(FLOPs ÷ peak, bytes ÷ bandwidth). At batch 1 most models are bound by reading their weights: 100 MB at 50 GB/s is 2 ms before any work. If the bound is above 5 ms, only a smaller model or fewer bits help; if it is far below, engineering does: fused graph, static shapes, CUDA graphs, inputs bound in place, a warm session, a thread count that fits the cores, no language boundary in the loop. For the tail: load well below saturation, no garbage collection and no page faults in the path, pinned cores, timeouts with a cheaper fallback. Measure on the production machine with open-loop arrivals.',
    cites: ['session-cost', 'graph-optimization', 'p99-batched'],
    followUps: ['Why open-loop load?', 'What does batching do to the tail?', 'What would you do about cold starts?'],
    probe: {
      draw: (r) => ({ mb: one(r, 60, 100, 240, 440), gbs: one(r, 20, 40, 80) }),
      ask: (k) => `A model reads ${n(k, 'mb')} MB of weights for each sample at batch 1. At ${n(k, 'gbs')} GB/s of memory bandwidth, what is the least time a sample can take, in ms?`,
      answer: (k) => n(k, 'mb') / n(k, 'gbs'), unit: 'ms', why: 'bytes ÷ bandwidth; MB ÷ (GB/s) = ms.',
    },
  },
  {
    id: prepare('explain-batching-strategies-for-throughput'), question: 'Explain batching strategies for throughput.',
    rubric: [
      { says: 'why it helps: weights are read once a batch, kernels are filled', weight: 3 },
      { says: 'static, dynamic (size and delay limit), continuous batching for generation', weight: 3 },
      { says: 'the price: latency, padding, memory; where the curve flattens', weight: 2 },
      { says: 'tunes by measuring throughput and p99 under load', weight: 2 },
    ],
    answer: 'One sample leaves a GPU mostly idle and reads all weights for little arithmetic; a batch shares that cost. Static batching fits offline work. A dynamic batcher waits until it has the preferred size or the oldest request has waited its maximum delay, say 8 requests or 2 ms. Requests of different length are padded to the longest, so bucket them by length. For text generation, continuous batching adds and removes sequences at every step instead of waiting for the slowest. Throughput rises until arithmetic is saturated; beyond that, only latency and memory grow. I measure throughput and p99 over batch size at the expected arrival rate and take the smallest delay that reaches the throughput. On a CPU the gain is often small.',
    cites: ['batch-gain', 'batch-gain-small', 'p99-unbatched', 'p99-batched'],
    followUps: ['How do you choose the queue delay?', 'What does padding cost and how do you avoid it?', 'What is continuous batching?'],
    probe: {
      draw: (r) => ({ fixed: one(r, 4, 6, 8), each: one(r, 0.5, 1, 2), batch: one(r, 8, 16, 32) }),
      ask: (k) => `A batch of b samples takes ${n(k, 'fixed')} + ${n(k, 'each')} · b ms. How many times higher is the throughput at b = ${n(k, 'batch')} than at b = 1?`,
      answer: (k) => (n(k, 'batch') * (n(k, 'fixed') + n(k, 'each'))) / (n(k, 'fixed') + n(k, 'each') * n(k, 'batch')), unit: 'times', why: 'b ÷ time(b), against 1 ÷ time(1).',
    },
  },
  {
    id: prepare('why-convert-to-onnx'), question: 'Why convert to ONNX?',
    rubric: [
      { says: 'serving without the training framework: smaller image, faster start, other languages', weight: 3 },
      { says: 'one file, many runtimes and devices; graph optimizations and quantization tools', weight: 3 },
      { says: 'when not to: dynamic Python, unsupported operators, a runtime of the framework that is as fast', weight: 2 },
      { says: 'names the checks after converting', weight: 2 },
    ],
    answer: 'To run a model without the framework that trained it. A PyTorch image is several gigabytes, ONNX Runtime tens of megabytes, with bindings for C++, C#, Java, JavaScript. The same file runs on CPU, CUDA, TensorRT, OpenVINO or in a browser, so the choice of hardware can change later. As a static graph it can be folded, fused and quantized by tools that need no training code, often 1.5 to 3 times faster on CPU. Not for everything: data-dependent Python control flow, exotic operators, or a model served by a specialised engine (vLLM) gain nothing. After converting: checker, numbers against the original at several shapes, accuracy end to end, latency against the original, in one run.',
    cites: ['onnx-speed', 'faulty-conversion'],
    followUps: ['What can be different though the checker passes?', 'What is in the file and what is not?', 'When would you keep PyTorch in production?'],
    probe: {
      draw: (r) => ({ before: one(r, 12, 18, 30), after: one(r, 5, 6, 8), requests: one(r, 200, 500) }),
      ask: (k) => `Converting takes a request from ${n(k, 'before')} to ${n(k, 'after')} ms of processor time. At ${n(k, 'requests')} requests a second, how many fully busy cores are saved?`,
      answer: (k) => (n(k, 'requests') * (n(k, 'before') - n(k, 'after'))) / 1000, unit: 'cores', why: 'requests a second × seconds saved a request.',
    },
  },
  {
    id: prepare('pytorch-vs-tensorflow-for-production'), question: 'PyTorch vs TensorFlow for production?',
    rubric: [
      { says: 'both serve well; the difference is ecosystem, team and target, not speed', weight: 3 },
      { says: 'PyTorch: research, Hugging Face, torch.export and compile, ONNX, Triton', weight: 2 },
      { says: 'TensorFlow: TF Serving, TFLite and LiteRT, TensorFlow.js, TPU; Keras', weight: 2 },
      { says: 'separates training from serving by an exchange format; names a case for each', weight: 3 },
    ],
    answer: 'I separate the questions. For training, PyTorch has most new models and most people, and I take it unless the team or a TPU speaks for JAX or TensorFlow. For serving, the framework should not matter: I export (torch.export or SavedModel) to ONNX or TensorRT and serve with ONNX Runtime or Triton. TensorFlow keeps 2 shortest ways: to phones and microcontrollers (TFLite, now LiteRT) and to the browser (TensorFlow.js), and TF Serving is sound; PyTorch has ExecuTorch for the edge and torch.compile on servers. An existing system that works is an argument by itself: rewriting costs more than the difference. What I would measure: latency and memory of the exported model on the target, and how many operators the converter lacks.',
    cites: ['framework-ratio', 'onnx-speed'],
    followUps: ['How do their export paths differ?', 'What would make you migrate a running system?', 'How do you test that two frameworks give the same?'],
    probe: {
      draw: (r) => ({ batch: one(r, 1, 2, 4), height: one(r, 5, 7), width: one(r, 6, 8), channels: one(r, 3, 16) }),
      ask: (k) => `PyTorch keeps images as NCHW, TensorFlow as NHWC. In a contiguous NHWC tensor [${n(k, 'batch')}, ${n(k, 'height')}, ${n(k, 'width')}, ${n(k, 'channels')}], what is the flat index of sample 0, row 2, column 3, channel 1?`,
      answer: (k) => (2 * n(k, 'width') + 3) * n(k, 'channels') + 1, unit: '', tolerance: 1e-9, why: '((h × W) + w) × C + c.',
    },
  },
  {
    id: prepare('how-do-you-handle-framework-updates'), question: 'How do you handle framework updates?',
    rubric: [
      { says: 'pins versions (lock files, images) and updates on purpose, one at a time', weight: 3 },
      { says: 'golden tests: stored inputs and outputs, accuracy and latency compared before and after', weight: 3 },
      { says: 'knows what breaks: opsets, file formats, defaults, CUDA and driver pairs', weight: 2 },
      { says: 'rolls out step by step with a way back', weight: 2 },
    ],
    answer: 'Everything is pinned: lock file, image by digest, CUDA and driver as a tested pair. Updates are regular and separate from features, one dependency at a time, so that a difference has one cause. A test suite decides: golden inputs with stored outputs and tolerances, accuracy on held-out data, latency old against new in alternation, export and load of every model we serve. Exported files outlive frameworks: an ONNX file keeps its opset, and the runtime supports old ones, so serving can be updated apart from training. Release notes are read for defaults that changed (precision, threads, preprocessing). Then canary: 5% of traffic, shadow comparison, automatic rollback on error rate or latency. Security fixes go the same way, faster.',
    cites: ['faulty-conversion'],
    followUps: ['A minor update changes outputs by 1e-3: do you ship?', 'How long do you keep old model files loadable?', 'Who decides the tolerance?'],
    probe: {
      draw: (r) => ({ rate: one(r, 0.001, 0.002, 0.005), requests: one(r, 1000, 2000) }),
      ask: (k) => `A canary gets ${n(k, 'requests')} requests; the new version fails on ${100 * n(k, 'rate')}% of requests. What is the probability, in percent, that the canary sees at least one failure?`,
      answer: (k) => 100 * (1 - (1 - n(k, 'rate')) ** n(k, 'requests')), unit: '%', why: '1 − (1 − rate)^requests.',
    },
  },
]
