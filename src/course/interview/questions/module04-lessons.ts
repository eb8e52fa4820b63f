// Module 4: the interview questions of its eight lessons.
import { n, one, type Question } from '../question'

const lesson = (rest: string): string => `module04/${rest}`

export const LESSON_QUESTIONS: readonly Question[] = [
  {
    id: lesson('lesson-1-model-selection-and-development/interview-questions/how-do-you-choose-between-models'),
    question: 'How do you choose between models?',
    rubric: [
      { says: 'starts from the requirement: the metric that matters, and limits on latency, memory and cost', weight: 3 },
      { says: 'begins with a simple baseline and asks what each step beyond it buys', weight: 2 },
      { says: 'compares on the same held-out data, with an interval, and looks at slices, not only the mean', weight: 3 },
      { says: 'weighs what running it costs: training, serving, explaining, keeping it up to date', weight: 2 },
    ],
    answer: 'I write down the decision the model serves, its metric and its hard limits (say p99 below 20 ms, 50 MB). Models over a limit drop out first. I fit the simplest baseline, then candidates of rising cost, each tuned with the same budget and cross-validated on the same splits. A difference counts only when its confidence interval excludes zero; between equals the cheaper wins. I look at slices (rare classes, new users) because a better mean can hide a worse group, and I confirm the choice once on a test set that nothing was tuned on, then in an A/B test.',
    followUps: ['Two models differ by 0.3% on 1,000 samples: what do you say?', 'When is a worse model the right choice?', 'What do you do if the offline winner loses online?'],
    probe: {
      draw: (r) => ({ p: one(r, 0.8, 0.85, 0.9, 0.95), samples: one(r, 400, 900, 1600, 2500) }),
      ask: (k) => `A model is right on ${100 * n(k, 'p')}% of ${n(k, 'samples')} held-out samples. What is the standard error of that accuracy, in percentage points?`,
      answer: (k) => 100 * Math.sqrt((n(k, 'p') * (1 - n(k, 'p'))) / n(k, 'samples')), unit: 'percentage points', tolerance: 0.05,
      why: '√(p(1 − p) ÷ n): the standard error of a share.',
    },
  },
  {
    id: lesson('lesson-1-model-selection-and-development/interview-questions/what-s-your-process-for-model'),
    question: 'What\'s your process for model development?',
    rubric: [
      { says: 'frames the problem and its metric with the people who use it, before any model', weight: 2 },
      { says: 'looks at the data and splits it so that nothing leaks (by time, by group)', weight: 3 },
      { says: 'iterates from a baseline by error analysis, one change at a time, tracked', weight: 3 },
      { says: 'plans deployment and monitoring from the start', weight: 2 },
    ],
    answer: 'Frame: who decides what with it, what an error costs, which metric follows from that. Data: where it comes from, how it is labelled, what will be known at prediction time; split by time or group as it will be used, and lock the test part away. Baseline: a rule or a linear model in the first day, end to end, also deployed. Then a loop: look at the worst errors, form one hypothesis, change one thing, measure on validation with the run tracked (code, data, seed). Stop when the gain no longer pays. Test once, ship behind a flag or to 5% of the traffic, watch inputs, outputs and the business metric, and say beforehand what triggers a rollback or a retraining.',
    followUps: ['How do you notice leakage?', 'What goes into an experiment record?', 'How large must the validation set be?'],
    probe: {
      draw: (r) => ({ samples: one(r, 10_000, 24_000, 50_000), folds: one(r, 4, 5, 8, 10) }),
      ask: (k) => `You run ${n(k, 'folds')}-fold cross-validation on ${n(k, 'samples')} samples. How many samples is each model trained on?`,
      answer: (k) => n(k, 'samples') * (1 - 1 / n(k, 'folds')), unit: 'samples', why: 'All folds but one: n (k − 1) ÷ k.',
    },
  },
  {
    id: lesson('lesson-2-hyperparameter-tuning-advanced/interview-questions/explain-bayesian-optimization'),
    question: 'Explain Bayesian optimization.',
    rubric: [
      { says: 'a surrogate model of the objective with uncertainty (Gaussian process, TPE)', weight: 3 },
      { says: 'an acquisition function that trades exploring against exploiting (expected improvement, UCB)', weight: 3 },
      { says: 'the loop: fit, maximise the acquisition, evaluate, repeat', weight: 2 },
      { says: 'when it pays (few, dear evaluations, few dimensions) and when not', weight: 2 },
    ],
    answer: 'It minimises an expensive function with few evaluations. A surrogate, often a Gaussian process, gives for every setting a mean and an uncertainty. An acquisition function such as expected improvement, EI(x) = E[max(0, best − f(x))], is high where the mean is good or the uncertainty large. Each round: fit the surrogate to all trials, take the x that maximises the acquisition, evaluate it, add it. TPE, Optuna\'s default, models p(x | good) and p(x | bad) instead and takes the largest ratio, which copes with categories and conditions. It beats random search when a trial costs minutes or more and there are up to some twenty dimensions; with cheap or massively parallel trials, random search or Hyperband is as good.',
    followUps: ['How do you run it on 64 workers at once?', 'What does noise in the objective change?', 'How does Hyperband differ?'],
    probe: {
      draw: (r) => ({ share: one(r, 0.02, 0.05, 0.1), trials: one(r, 20, 30, 60) }),
      ask: (k) => `The baseline: random search with ${n(k, 'trials')} independent trials. What is the probability, in percent, that at least one is among the best ${100 * n(k, 'share')}% of all settings?`,
      answer: (k) => 100 * (1 - (1 - n(k, 'share')) ** n(k, 'trials')), unit: '%', why: '1 − (1 − share)^trials.',
    },
  },
  {
    id: lesson('lesson-2-hyperparameter-tuning-advanced/interview-questions/how-do-you-tune-hyperparameters-efficiently'),
    question: 'How do you tune hyperparameters efficiently?',
    rubric: [
      { says: 'learning rate first, log scales, sensible ranges; few parameters that matter', weight: 3 },
      { says: 'stops bad trials early (successive halving, Hyperband, median pruning)', weight: 3 },
      { says: 'smaller proxies: a part of the data, a smaller model, fewer epochs, and when they mislead', weight: 2 },
      { says: 'guards against overfitting the validation set, and repeats the winner with several seeds', weight: 2 },
    ],
    answer: 'I tune what matters most: learning rate and its schedule, then batch size, regularisation and size of the model, on log scales in ranges from the literature. Random or Sobol points find the region, TPE refines it. Most of the saving comes from stopping: successive halving gives many settings a small budget and keeps the best 1/η each time, so that the budget goes to the promising ones. Proxies (10% of the data, a narrower net) are used after checking that they rank settings as the full run does. All trials are stored with seed and code. The winner is retrained with three to five seeds against the default, because the best of 100 noisy trials looks better than it is, and judged once on the test set.',
    followUps: ['How does the learning rate change with the batch size?', 'Which trials would early stopping kill wrongly?', 'How do you tune for latency and accuracy at once?'],
    probe: {
      draw: (r) => ({ trials: one(r, 27, 81, 64, 16), epochs: one(r, 1, 2, 3) }),
      ask: (k) => `Successive halving starts ${n(k, 'trials')} settings with ${n(k, 'epochs')} epochs each, and each rung keeps the best ${[27, 81].includes(n(k, 'trials')) ? 'third with three times' : 'quarter with four times'} the epochs of the rung before, counted anew, until one is left. How many epochs are run in all?`,
      answer: (k) => {
        const eta = [27, 81].includes(n(k, 'trials')) ? 3 : 4
        return n(k, 'trials') * n(k, 'epochs') * (Math.round(Math.log(n(k, 'trials')) / Math.log(eta)) + 1)
      },
      unit: 'epochs', why: 'Each rung costs settings × epochs = the same; there are log_η(settings) + 1 rungs.',
    },
  },
  {
    id: lesson('lesson-3-transfer-learning-and-fine/interview-questions/when-would-you-use-transfer-learning'),
    question: 'When would you use transfer learning?',
    rubric: [
      { says: 'little labelled data and a source task whose features carry over', weight: 3 },
      { says: 'the cases by size of data and distance of domain: frozen features, partial, full fine-tuning', weight: 3 },
      { says: 'when it hurts: negative transfer, preprocessing that differs, licence or size of the base', weight: 2 },
      { says: 'measures it against training from scratch and against a linear probe', weight: 2 },
    ],
    answer: 'Nearly always when a model of a related domain exists and labels are few. Few labels, near domain: freeze the backbone and train a head, a linear probe, which takes minutes. More labels or a farther domain: unfreeze from the top with a learning rate 10 to 100 times smaller than from scratch. Much data in a far domain (spectrograms, medical volumes): a good start still speeds up convergence, but from scratch can match it, so I measure both. It hurts when the source is too far away (negative transfer), when preprocessing does not match what the base was trained with, or when the base is too large for where the model must run; then distilling it is the better use.',
    followUps: ['What must match between your preprocessing and the base\'s?', 'What is negative transfer and how do you see it?', 'Full fine-tuning or LoRA?'],
    probe: {
      draw: (r) => ({ features: one(r, 512, 1024, 2048), classes: one(r, 5, 12, 37, 120) }),
      ask: (k) => `A linear probe on a frozen backbone with ${n(k, 'features')} features, for ${n(k, 'classes')} classes: how many parameters are trained?`,
      answer: (k) => (n(k, 'features') + 1) * n(k, 'classes'), unit: 'parameters', tolerance: 1e-9, why: 'Weights and one bias a class: (features + 1) × classes.',
    },
  },
  {
    id: lesson('lesson-3-transfer-learning-and-fine/interview-questions/explain-progressive-layer-unfreezing'),
    question: 'Explain progressive layer unfreezing.',
    rubric: [
      { says: 'trains the head first, then unfreezes groups of layers from the output towards the input', weight: 3 },
      { says: 'why: a random head\'s gradients would destroy good features; early layers are general', weight: 3 },
      { says: 'smaller learning rates for earlier layers (discriminative rates), warm-up', weight: 2 },
      { says: 'practice: batch normalization statistics, the optimizer\'s list of parameters', weight: 2 },
    ],
    answer: 'With everything frozen but a new head, the head is trained until its loss flattens. Then the last block is unfrozen and trained on with a smaller rate, then the next, and so on towards the input (ULMFiT, Howard and Ruder 2018). A random head sends large gradients; on day one they would overwrite features that took a million images to learn. Early layers hold edges and textures, or syntax, that rarely need change, so they come last or never, and each earlier group gets a smaller rate, 1/2.6 of the one above in ULMFiT. Batch normalization stays in inference mode while its layers are frozen, or its running statistics drift; and the optimizer must be given the newly trainable parameters.',
    followUps: ['What happens to batch normalization in frozen layers?', 'How do you know that unfreezing one more block pays?', 'How does it compare with LoRA?'],
    probe: {
      draw: (r) => ({ rate: one(r, 1e-3, 2e-3, 5e-4), groups: one(r, 3, 4, 5) }),
      ask: (k) => `Discriminative rates: the top group trains at ${n(k, 'rate')}, and each group below at 1/2.6 of the one above it. What is the rate of group ${n(k, 'groups')}, counted from the top, which is group 1?`,
      answer: (k) => n(k, 'rate') / 2.6 ** (n(k, 'groups') - 1), unit: '', why: 'rate ÷ 2.6^(group − 1).',
    },
  },
  {
    id: lesson('lesson-4-model-pruning/interview-questions/what-is-model-pruning'),
    question: 'What is model pruning?',
    rubric: [
      { says: 'removing weights, channels or heads that matter little, by a criterion (magnitude, gradient, norm)', weight: 3 },
      { says: 'the loop: prune, fine-tune, repeat; gradual schedules', weight: 2 },
      { says: 'distinguishes parameters removed from time saved, and says which hardware uses which sparsity', weight: 3 },
      { says: 'how the amount is chosen: sensitivity by layer, accuracy on held-out data', weight: 2 },
    ],
    answer: 'Pruning sets to zero, or cuts out, what contributes least to the output. The criterion can be |w|, the norm of a filter, or a first-order estimate |w ∂L/∂w|; scope can be a layer or the whole net. After each cut the rest is fine-tuned, and sparsity rises gradually, for example as in Zhu and Gupta: s_t = s_f (1 − (1 − t/T)³) from a start of zero. Deep Compression took AlexNet to a ninth of its weights without losing accuracy. But zeros take time like any number unless the kernel skips them: unstructured sparsity saves file size after compression, while 2:4 patterns on Ampere GPUs or removed channels save time. So I report size, accuracy and measured latency.',
    followUps: ['Your 90% sparse model is not faster. Why?', 'What is the lottery ticket hypothesis?', 'Which layers do you prune least?'],
    probe: {
      draw: (r) => ({ final: one(r, 0.8, 0.9, 0.95), at: one(r, 0.25, 0.5, 0.75) }),
      ask: (k) => `Gradual pruning s = s_f (1 − (1 − t/T)³) to a final sparsity of ${100 * n(k, 'final')}%: what is the sparsity, in percent, at t/T = ${n(k, 'at')}?`,
      answer: (k) => 100 * n(k, 'final') * (1 - (1 - n(k, 'at')) ** 3), unit: '%', why: 'Most is removed early, while there is much that is redundant.',
    },
  },
  {
    id: lesson('lesson-4-model-pruning/interview-questions/structured-vs-unstructured-pruning'),
    question: 'Structured vs unstructured pruning?',
    rubric: [
      { says: 'what is removed: single weights against channels, heads, layers', weight: 2 },
      { says: 'unstructured: higher sparsity for the same accuracy, faster only with sparse kernels', weight: 3 },
      { says: 'structured: dense smaller shapes, faster everywhere; dependencies (residuals, concat) must follow', weight: 3 },
      { says: 'knows the middle: 2:4 semi-structured, blocks; chooses by target hardware', weight: 2 },
    ],
    answer: 'Unstructured pruning zeroes any weight. It keeps accuracy at 80 to 95% sparsity, but a dense matrix product does the same work, so it pays in download size or with sparse kernels and very high sparsity. Structured pruning removes whole channels, heads or layers; what is left is a smaller dense network that is faster on every runtime, at the price of more accuracy lost per weight. A channel is bound to others: the next layer\'s inputs, batch normalization, and everything that a residual sum joins must lose the same index. 2:4 sparsity, two zeros in each four, lies between: up to twice the matrix throughput on NVIDIA\'s sparse tensor cores. CPU or phone: structured. Recent NVIDIA GPU: 2:4. Storage alone: unstructured and entropy coding.',
    followUps: ['How do residual connections limit channel pruning?', 'How much faster should a model with half the channels be?', 'How does 2:4 store its indices?'],
    probe: {
      draw: (r) => ({ input: one(r, 64, 128, 256), output: one(r, 64, 128, 256), keep: one(r, 0.5, 0.75) }),
      ask: (k) => `Structured pruning keeps ${100 * n(k, 'keep')}% of the channels in every layer. Of a 3 × 3 convolution between two pruned layers (${n(k, 'input')} to ${n(k, 'output')} channels before), what percentage of the multiplications is left?`,
      answer: (k) => 100 * n(k, 'keep') ** 2, unit: '%', why: 'Work is proportional to input × output channels: the square of what is kept.',
    },
  },
  {
    id: lesson('lesson-5-knowledge-distillation/interview-questions/explain-knowledge-distillation'),
    question: 'Explain knowledge distillation.',
    rubric: [
      { says: 'a student is trained on the teacher\'s softened outputs besides the labels', weight: 3 },
      { says: 'temperature: what it does to the distribution, and the factor T² of the loss', weight: 3 },
      { says: 'why it works: dark knowledge, similarity of classes, smoother targets', weight: 2 },
      { says: 'variants (features, attention, sequence) and what to measure', weight: 2 },
    ],
    answer: 'A small student learns to give what a large teacher gives. The loss is α T² KL(softmax(z_t/T) ‖ softmax(z_s/T)) + (1 − α) CE(y, softmax(z_s)) (Hinton et al. 2015). A temperature of 2 to 10 raises the small probabilities that say which wrong classes are nearly right; a label has no such information. Gradients of the soft part shrink as 1/T², and the factor T² keeps both parts in balance when T changes. Beside outputs one can match feature maps through a projection, attention maps, or, for language, train on sequences the teacher wrote. It also needs no labels, so unlabelled data helps. I compare with the same student trained on labels alone, because that is the honest baseline.',
    followUps: ['Why the factor T²?', 'What if the teacher is wrong?', 'How would you distil without the training data?'],
    probe: {
      draw: (r) => ({ gap: one(r, 2, 3, 4, 6), T: one(r, 2, 4, 5) }),
      ask: (k) => `A teacher's two logits are ${n(k, 'gap')} and 0. What is the probability of the second class, in percent, at temperature ${n(k, 'T')}?`,
      answer: (k) => 100 / (1 + Math.exp(n(k, 'gap') / n(k, 'T'))), unit: '%', why: '1 ÷ (1 + e^(gap ÷ T)).',
    },
  },
  {
    id: lesson('lesson-5-knowledge-distillation/interview-questions/how-do-you-choose-student-architecture'),
    question: 'How do you choose student architecture?',
    rubric: [
      { says: 'starts from the budget on the target device: latency, memory, measured there', weight: 3 },
      { says: 'same family, thinner or shallower, or an architecture made for the device; teacher\'s inputs and outputs fit', weight: 3 },
      { says: 'capacity gap: too small a student cannot follow; teacher assistants', weight: 2 },
      { says: 'tries a few sizes and plots accuracy against latency', weight: 2 },
    ],
    answer: 'From the device backwards. I measure the latency of a few untrained candidates on the target: speed does not need weights. Those in the budget are students: the teacher\'s family with half the depth or width (DistilBERT keeps every second layer and starts from the teacher\'s weights), or a family made for the device (MobileNet with operators its accelerator has). Operators count: a depthwise convolution has few FLOPs and can still be slow. If the student is more than ten times smaller, the gap itself costs accuracy, and a middle-sized assistant helps (Mirzadeh et al. 2020). I train three sizes for a short time, plot accuracy against measured latency, and take the knee.',
    followUps: ['Why can fewer FLOPs be slower?', 'How would you start the student\'s weights?', 'When would you rather quantize than distil?'],
    probe: {
      draw: (r) => ({ width: one(r, 512, 768, 1024), narrower: one(r, 2, 3, 4), shallower: one(r, 2, 3) }),
      ask: (k) => `A transformer block has about 12 d² parameters. A teacher has blocks of width d = ${n(k, 'width')}; its student has 1/${n(k, 'shallower')} of the blocks and 1/${n(k, 'narrower')} of the width. How many times fewer parameters do its blocks have?`,
      answer: (k) => n(k, 'shallower') * n(k, 'narrower') ** 2, unit: 'times', why: 'Parameters of a block fall with the square of the width.',
    },
  },
  {
    id: lesson('lesson-6-quantization/interview-questions/what-is-quantization'),
    question: 'What is quantization?',
    rubric: [
      { says: 'the map: q = round(x / scale) + zero point, clamped; x ≈ scale (q − zero point)', weight: 3 },
      { says: 'what gains: size, bandwidth, integer arithmetic; what it costs and where', weight: 2 },
      { says: 'post-training (dynamic, static with calibration) against quantization-aware training', weight: 3 },
      { says: 'granularity and symmetry: per tensor, per channel, weights against activations', weight: 2 },
    ],
    answer: 'Representing numbers by few bits: q = clamp(round(x/s) + z), x ≈ s (q − z). In int8 weights take a quarter of the bytes, and with integer dot products (VNNI, tensor cores) the arithmetic is two to four times faster. The error of a step is at most s/2, so the range decides: outliers stretch s and coarsen everything else. Weights are usually symmetric (z = 0) and per output channel, activations per tensor and asymmetric. Dynamic quantization takes activation ranges at run time, static ones come from calibration data (min-max, entropy, percentile) that must look like production and must not be the test set. If that loses too much: leave sensitive layers in float, equalise across layers, correct biases, or train with simulated quantization and a straight-through gradient.',
    followUps: ['Why per-channel for weights and not for activations?', 'What does calibration need?', 'An int8 model is slower than float32. Why?'],
    probe: {
      draw: (r) => ({ low: one(r, -1, -2, -0.5), high: one(r, 3, 4, 6) }),
      ask: (k) => `Asymmetric uint8 (0 to 255) for activations between ${n(k, 'low')} and ${n(k, 'high')}: which integer is the zero point?`,
      answer: (k) => Math.round((-n(k, 'low') * 255) / (n(k, 'high') - n(k, 'low'))), unit: '', tolerance: 1e-9, why: 'scale = (high − low) ÷ 255; zero point = round(−low ÷ scale).',
    },
  },
  {
    id: lesson('lesson-6-quantization/interview-questions/int8-vs-fp16-when-to-use'),
    question: 'INT8 vs FP16 - when to use what?',
    rubric: [
      { says: 'fp16: nearly no accuracy lost, no calibration, half the bytes; needs hardware (GPU, ARM)', weight: 3 },
      { says: 'int8: a quarter of the bytes and more speed, but calibration and validation', weight: 3 },
      { says: 'decides by hardware and measurement: x86 has no fast fp16 but VNNI, GPUs have both', weight: 3 },
      { says: 'pitfalls: fp16 overflow above 65,504, int8 without VNNI saturates or is slower; mixing', weight: 1 },
    ],
    answer: 'On a GPU I start with fp16: half the memory traffic, tensor cores, and accuracy within noise, at no work beyond watching for overflow (largest number 65,504; softmax and norms stay in fp32, or bf16 instead). I go to int8 when that is not enough and the model is bound by arithmetic or weights: up to twice as fast again, against calibration and a check of accuracy, by layer if it drops. On x86 processors fp16 has mostly no arithmetic, so it saves only disk; int8 with VNNI or AMX gives two to four times, and without VNNI the gain is small and 8-bit products can saturate. On phones and DSPs int8 is often the only fast path. Large language models at batch 1 are bound by reading weights, so there weight-only int4 with fp16 arithmetic wins.',
    followUps: ['Where does bf16 fit?', 'Which layers stay in float?', 'Why does weight-only quantization help language models?'],
    probe: {
      draw: (r) => ({ millions: one(r, 25, 86, 110, 350) }),
      ask: (k) => `A model has ${n(k, 'millions')} million parameters. How many megabytes (10⁶ bytes) does int8 save compared with fp16?`,
      answer: (k) => n(k, 'millions'), unit: 'MB', why: 'Two bytes against one a parameter.',
    },
  },
  {
    id: lesson('lesson-7-onnx-fundamentals/interview-questions/what-is-onnx-and-why-use'),
    question: 'What is ONNX and why use it?',
    rubric: [
      { says: 'an open format: a typed graph of operators with versions, in protobuf', weight: 3 },
      { says: 'what it separates: training from running; n + m adapters instead of n × m', weight: 2 },
      { says: 'operator sets, IR version, and what happens with an unknown operator', weight: 2 },
      { says: 'validates: numbers compared with the source, dynamic axes, several batches', weight: 3 },
    ],
    answer: 'A file format for trained models: a protobuf with a graph of typed values and operators, weights as initializers, and the versions of the operator sets it uses. A framework exports it, and ONNX Runtime, TensorRT, OpenVINO, Core ML converters read it, so n frameworks and m runtimes need n + m adapters. It also is a good place to optimise: fold constants, fuse, quantize, as graph in and graph out. It has no training loop and no Python: what the export traced is all there is. Hence the discipline: pick an opset that the runtime has, declare the axes that vary, run the checker, compare outputs on real inputs at batches of 1, 2 and 7 within 1e-3, then test accuracy end to end.',
    followUps: ['What is the difference between opset and IR version?', 'What is lost when tracing control flow?', 'What do you do about a file above 2 GB?'],
    probe: {
      draw: (r) => ({ frameworks: one(r, 4, 5, 6), runtimes: one(r, 6, 8, 9) }),
      ask: (k) => `${n(k, 'frameworks')} frameworks and ${n(k, 'runtimes')} runtimes: how many converters fewer does a common format need than one for each pair?`,
      answer: (k) => n(k, 'frameworks') * n(k, 'runtimes') - n(k, 'frameworks') - n(k, 'runtimes'), unit: '', tolerance: 1e-9, why: 'n × m − (n + m).',
    },
  },
  {
    id: lesson('lesson-7-onnx-fundamentals/interview-questions/how-do-you-handle-custom-layers'),
    question: 'How do you handle custom layers?',
    rubric: [
      { says: 'first choice: express it with standard operators', weight: 3 },
      { says: 'an ONNX function or a registered symbolic/translation in the exporter', weight: 2 },
      { says: 'a custom operator with a kernel for each runtime, and what that costs', weight: 3 },
      { says: 'tests: numbers against the original, in every runtime used, and behaviour where the kernel is missing', weight: 2 },
    ],
    answer: 'In order of cost. Rewrite it from standard operators: Mish is x · tanh(softplus(x)); most layers are such a formula, and every runtime then runs and fuses it. If the exporter does not know the framework\'s operator, register a translation to those operators. To keep it one node, define an ONNX function in a domain of your own: runtimes without a kernel inline its body. Only when neither is fast enough, write a custom operator: a C++ or CUDA kernel registered with ONNX Runtime, a plugin for TensorRT, to build and ship for every platform and to keep up with their releases. Whatever the way: compare numbers with the original to 1e-5, edge cases too, and let loading fail clearly where the kernel is missing.',
    followUps: ['How would you export grid sampling to an old opset?', 'What does a TensorRT plugin need for dynamic shapes?', 'When is the custom kernel worth it?'],
    probe: {
      draw: (r) => ({ x: one(r, 0.5, 1, 2, -1) }),
      ask: (k) => `Mish(x) = x · tanh(ln(1 + eˣ)). What is Mish(${n(k, 'x')})?`,
      answer: (k) => n(k, 'x') * Math.tanh(Math.log1p(Math.exp(n(k, 'x')))), unit: '', why: 'Three standard operators: Softplus, Tanh, Mul.',
    },
  },
  {
    id: lesson('lesson-8-onnx-runtime-production-inference/interview-questions/how-do-you-optimize-inference'),
    question: 'How do you optimize inference?',
    rubric: [
      { says: 'measures first: profile, where the time goes, percentiles, end to end', weight: 3 },
      { says: 'the cheap steps in order: graph optimizations, threads, batch, input copies, provider', weight: 3 },
      { says: 'then the model: fp16/int8, pruning, distilling', weight: 2 },
      { says: 'verifies accuracy and latency after each change, under production\'s load', weight: 2 },
    ],
    answer: 'I set a target (p99, throughput, cost) and a benchmark that looks like production, then profile: often half the time is decoding, copying or tokenising. Cheap first: the right execution provider, graph optimizations on and saved, as many threads as physical cores and no spinning between sessions, inputs bound in place, a warm session kept alive, static shapes where possible. Then batch: dynamic batching trades a few milliseconds for throughput. Then the model: fp16 on GPU, int8 where the processor has the instructions, fused attention, fewer channels, a student. After each step accuracy on held-out data and latency, alternating old and new in one run, with an interval; what does not help is taken out again.',
    followUps: ['The profile shows 40% in Transpose. What now?', 'How many threads, and why?', 'Why did int8 make it slower?'],
    probe: {
      draw: (r) => ({ share: one(r, 0.5, 0.6, 0.8), faster: one(r, 2, 4, 5) }),
      ask: (k) => `The model takes ${100 * n(k, 'share')}% of a request's time and becomes ${n(k, 'faster')} times faster. How many times faster is the request?`,
      answer: (k) => 1 / (1 - n(k, 'share') + n(k, 'share') / n(k, 'faster')), unit: 'times', why: 'Amdahl: 1 ÷ ((1 − p) + p ÷ s).',
    },
  },
  {
    id: lesson('lesson-8-onnx-runtime-production-inference/interview-questions/explain-onnx-runtime-execution-providers'),
    question: 'Explain ONNX Runtime execution providers.',
    rubric: [
      { says: 'a provider runs nodes on a device through its own library; a list in order of preference', weight: 3 },
      { says: 'partitioning: each provider claims subgraphs, the CPU takes the rest', weight: 3 },
      { says: 'the cost of boundaries: copies and many small partitions; how to see them', weight: 2 },
      { says: 'options and pitfalls: engine caches, shapes, silent fallback, versions of libraries', weight: 2 },
    ],
    answer: 'An execution provider is ONNX Runtime\'s adapter to a device and its kernels: CPU, CUDA, TensorRT, OpenVINO, WebGPU, Core ML and others. One gives a list in order of preference. When the session is made, each in turn claims the nodes it can run; compiling providers such as TensorRT take whole subgraphs and build an engine. What nobody claims goes to the CPU, with copies at each boundary, so one unsupported operator in the middle can cost more than the accelerator saves: the log at verbose level or the profile shows the placement. TensorRT builds for 1 to 10 minutes at the first run and at every new shape: cache engines, give shape ranges. A provider whose library is missing falls away silently in some bindings, so I check which ones the session really uses.',
    followUps: ['How do you find nodes that fell back to the CPU?', 'What belongs into a TensorRT engine cache key?', 'What does I/O binding save?'],
    probe: {
      draw: (r) => ({ mb: one(r, 24, 48, 96), gbs: one(r, 12, 24) }),
      ask: (k) => `At a provider boundary ${n(k, 'mb')} MB are copied to the CPU and back to the GPU, at ${n(k, 'gbs')} GB/s each way. How many milliseconds does that cost a run?`,
      answer: (k) => (2 * n(k, 'mb')) / n(k, 'gbs'), unit: 'ms', why: 'Two copies; MB ÷ (GB/s) = ms.',
    },
  },
]
