// Failures of model files, inputs, opsets and exports: what ONNX Runtime and PyTorch say, and what it means.
import type { FailureCase } from './case'
import { bakedReshape, byHand, fixedAxes, int64Inputs, invalid, irTooNew, largeModel, missingExternal, notAModel, ofText, opsetTooNew, unknownOperators } from './checks'

export const MODEL_CASES: readonly FailureCase[] = [
  {
    id: 'fixed-shape', area: 'dynamic shapes', title: 'The model has one size baked in, and was given another',
    patterns: [/Got invalid dimensions for input: (\S+)/, /The input "(\S+)" does not fit/],
    causes: [
      { why: 'the export declared no dynamic axis, so the example\'s batch became the only batch', check: fixedAxes, fix: 'export again with dynamic_shapes={"x": {0: torch.export.Dim("batch")}} (older exporter: dynamic_axes={"x": {0: "batch"}}), or from TensorFlow.js with engine.toOnnx(model), whose batch is dynamic' },
      { why: 'the input has its axes in another order (NHWC instead of NCHW), or lacks the batch axis', check: int64Inputs, fix: 'compare with the shape above: transpose, or add an axis of 1 in front' },
    ],
  },
  {
    id: 'baked-reshape', area: 'dynamic shapes', title: 'A Reshape inside the model still has the example\'s batch',
    patterns: [/cannot be reshaped to the requested shape\. Input shape:(\{[\d,]+\}, requested shape:\{[-\d,]+\})/],
    causes: [
      { why: 'x.view(2, -1) or x.reshape(x.shape[0], …) was traced with a number instead of a size that varies', check: bakedReshape, fix: 'in the model write x.flatten(1) or x.reshape(-1, n) so that the batch axis is inferred, and export again with a batch other than 1' },
      { why: 'the input\'s axes are declared dynamic, but the graph was made for one size', check: fixedAxes, fix: 'run the exported model at two batch sizes before it goes anywhere: npm run whetstone -- harden model.onnx does' },
    ],
  },
  {
    id: 'export-specialised', area: 'dynamic shapes', title: 'torch.export: an axis was declared dynamic, but the code fixes it',
    patterns: [/Constraints violated \(([^)]*)\)/, /You marked (\S+) as dynamic but your code specialized it to be a constant/],
    causes: [
      { why: 'the code uses the size as a number: x.view(2, 6), a comparison x.shape[0] == 2, a Python loop over it', check: ofText('the suggested fix', /specialized it to be a constant \(\d+\)|Suggested fixes:/), fix: 'replace the number: x.view(-1, 6), x.shape[0] as it is; or give the axis up where it never varies: Dim.STATIC' },
      { why: 'the example has size 0 or 1 on that axis, which torch.export always specialises', check: ofText('a constant of 0 or 1', /to be a constant \([01]\)/), fix: 'export with an example of size 2 or more on every dynamic axis' },
    ],
  },
  {
    id: 'export-data-dependent', area: 'export', title: 'torch.export: the code decides by a value that only a run knows',
    patterns: [/Could not guard on data-dependent expression (.+?)(?: \(|$)/m, /Could not extract specialized integer from data-dependent expression (\S+)/, /GuardOnDataDependentSymNode/, /Dynamic control flow is not supported/],
    causes: [
      { why: 'an if on the values of a tensor', check: ofText('a condition', /if .*(?:sum|any|all|max|min|\[).*|Eq\(u0, 1\)/), fix: 'write it as torch.where(condition, a, b), or torch.cond for whole branches' },
      { why: '.item(), int(tensor) or a size that comes from data', check: ofText('a number taken out of a tensor', /item|TruncToInt|\.nonzero|specialized integer/), fix: 'keep it a tensor; or torch._check(n <= 512) after n = x.item(), so that the size has bounds; torch.export.draft_export names every such place' },
    ],
  },
  {
    id: 'export-unsupported', area: 'export', title: 'The exporter has no translation for an operator',
    patterns: [/Exporting the operator '([^']+)' to ONNX opset version \d+ is not supported/, /No ONNX function found for (\S+)/, /DispatchError: No decompositions registered for the.*?(\S+) target/],
    causes: [
      { why: 'the operator came into ONNX with a later opset', check: ofText('the version it was added in', /was added in version (\d+)/), fix: 'export with opset_version at least that number; the newer exporter (dynamo=True) chooses 18 and more by itself' },
      { why: 'the old exporter does not know it at any opset', check: ofText('an operator without a version', /is not supported(?!.*added in version)/s), fix: 'use torch.onnx.export(..., dynamo=True); or write the layer with operators that ONNX has; or give custom_translation_table={torch.ops.…: your function}' },
    ],
  },
  {
    id: 'opset-too-new', area: 'opset', title: 'The model is of a newer operator set than this runtime',
    patterns: [/Opset (\d+) is under development/, /till opset (\d+)/],
    causes: [
      { why: 'the exporter or converter is newer than ONNX Runtime here', check: opsetTooNew, fix: 'export with a lower opset_version (18 to 21 run everywhere), or convert: onnx.version_converter.convert_version(model, 21); or update onnxruntime' },
    ],
  },
  {
    id: 'ir-too-new', area: 'opset', title: 'The file format\'s version is newer than this runtime reads',
    patterns: [/Unsupported model IR version: (\d+)/],
    causes: [
      { why: 'the onnx package that wrote the file is newer than the runtime', check: irTooNew, fix: 'if no newer feature is used, lower it: model.irVersion = 10 in Whetstone, then onnx.saveModel; or update onnxruntime' },
    ],
  },
  {
    id: 'unknown-operator', area: 'opset', title: 'The runtime does not know an operator of the model',
    patterns: [/Fatal error: (\S+?)\(-?\d+\) is not a registered function\/op/, /No Op registered for (\S+)/, /No opset import for domain '?([^']+)'?/],
    causes: [
      { why: 'an operator of another domain, or of no opset: a custom operator, or one of a framework\'s own', check: unknownOperators, fix: 'carry it as a function of the model (lesson 7, "A custom operator"), rewrite it with standard operators, or register its library with the session' },
      { why: 'an operator of ONNX that this opset does not have yet', check: ofText('a version', /domain_version of (\d+)/), fix: 'export with a higher opset_version' },
    ],
  },
  {
    id: 'no-kernel', area: 'provider', title: 'The operator is known, but no kernel here computes it with these types',
    patterns: [/Could not find an implementation for (\S+?)\(\d+\)/, /NOT_IMPLEMENTED.*?(\w+)\(\d+\) node/],
    causes: [
      { why: 'a type that the CPU provider lacks: bfloat16, float16 for some operators, int8 convolutions in odd combinations', check: int64Inputs, fix: 'keep float32 for that operator (Cast before and after), use uint8 activations with int8 weights, or the provider that has it' },
    ],
  },
  {
    id: 'invalid-model', general: true, area: 'model file', title: 'The model breaks a rule of ONNX',
    patterns: [/This is an invalid model\.(.{0,120})/s, /Type Error: Type (.{0,120})/, /ModelProto does not have a graph/],
    causes: [
      { why: 'a node has an input, attribute or type that its operator does not allow: mostly a graph edited by hand or by a pass', check: invalid, fix: 'npm run whetstone -- harden model.onnx names the node and the rule; undo the edit, or cast to one type' },
    ],
  },
  {
    id: 'broken-file', area: 'model file', title: 'The file is not a whole ONNX model',
    patterns: [/protobuf parsing failed/i, /ONNX_TRUNCATED|The file ends|is cut off/, /INVALID_PROTOBUF/],
    causes: [
      { why: 'it is something else under this name', check: notAModel, fix: 'get the file again: git lfs pull, or look at what the download gave' },
      { why: 'it is cut off: an upload or a disk that ended too early', check: { looksAt: 'whether the file can be read to its end', run: ({ file, model }) => (file === undefined ? { applies: undefined, saw: 'no file was given: add --model FILE' } : model ? { applies: false, saw: 'it can be read to its end' } : { applies: true, saw: 'it cannot be read to its end' }) }, fix: 'compare its size and checksum with the original\'s, and copy it again' },
    ],
  },
  {
    id: 'external-data', area: 'model file', title: 'Weights lie in another file, which is not there',
    patterns: [/External data path (?:validation failed|does not exist).*?"?([^"\s]+\.\w+)"?/s, /External data/],
    causes: [
      { why: 'the .onnx was copied without the .data file beside it', check: missingExternal, fix: 'copy both into one folder under their old names; or save as one file where it is under 2 GB: onnx.saveModel(model, file, { externalData: false })' },
    ],
  },
  {
    id: 'no-file', area: 'model file', title: 'The file is not where it was looked for',
    patterns: [/Load model (?:from )?(\S+) failed.*?File doesn't exist/s, /NO_SUCHFILE/, /ENOENT: no such file.*?'([^']+)'/],
    causes: [{ why: 'a relative path, seen from another folder: a notebook\'s folder is not the project\'s', check: { looksAt: 'the folder of this command', run: () => ({ applies: undefined, saw: process.cwd() }) }, fix: 'use path.resolve, or a path from the project\'s root' }],
  },
  {
    id: 'wrong-dtype', area: 'inputs', title: 'An input has another element type than the model wants',
    patterns: [/Unexpected input data type\. Actual: \((.+?)\) , expected: \((.+?)\)/, /bound to different types \((.+?)\)/],
    causes: [
      { why: 'numbers of Python and JavaScript are float64, whole numbers int64; the model wants float32', check: int64Inputs, fix: 'x.astype(numpy.float32), new Float32Array(x); for token ids int64: BigInt64Array' },
      { why: 'the graph itself mixes types', check: invalid, fix: 'put a Cast before the node that is named' },
    ],
  },
  {
    id: 'missing-input', area: 'inputs', title: 'An input of the model was not given, or under another name',
    patterns: [/Missing Input: (\S+)/, /The input "(\S+)" is missing/, /no input named "(\S+)"/, /Invalid Feed Input Name:? ?(\S+)/],
    causes: [{ why: 'names are those of the file, not of the training code', check: int64Inputs, fix: 'take them from session.inputs, or give input_names=["x"] at the export' }],
  },
  {
    id: 'shape-mismatch', area: 'inputs', title: 'Two shapes inside the model do not fit each other at this input',
    patterns: [/MatMul dimension mismatch/, /Attempting to broadcast an axis by a dimension other than 1\. (.+)/, /Concat.*dimensions.*mismatch/i],
    causes: [
      { why: 'the input\'s size is one the model cannot take: another number of features, or an image not a multiple of the strides', check: int64Inputs, fix: 'feed the size it was trained with; declare only the axes as dynamic that the layers really allow' },
      { why: 'a size inside was baked in by the export', check: bakedReshape, fix: 'export again with dynamic shapes and an example of another size' },
    ],
  },
  {
    id: 'index-out-of-range', area: 'inputs', title: 'An index is outside the table it looks into',
    patterns: [/indices element out of data bounds, idx=(-?\d+)/, /index out of range in self/],
    causes: [{ why: 'a token or category that the vocabulary of the model does not have: another tokenizer, or a class added later', check: byHand('the vocabulary beside the model'), fix: 'use the tokenizer that was saved with the model; map unknown ones to its unknown token' }],
  },
  {
    id: 'unsafe-pickle', area: 'model file', title: 'PyTorch refuses a checkpoint that could run code',
    patterns: [/Weights only load failed/, /Unsupported global: GLOBAL (\S+)/],
    causes: [
      { why: 'the file holds a whole pickled model, not only tensors', check: ofText('a class in the file', /GLOBAL \S+/), fix: 'ask for a state_dict or safetensors. Only for a file that you made yourself: torch.serialization.safe_globals([TheClass]). Never weights_only=False on a stranger\'s file: it runs what is in it' },
    ],
  },
  {
    id: 'state-dict', area: 'model file', title: 'A checkpoint does not fit the model\'s code',
    patterns: [/Error\(s\) in loading state_dict/, /size mismatch for (\S+):/, /Missing key\(s\) in state_dict/],
    causes: [{ why: 'another number of classes, another version of the architecture, or names with a prefix (module., _orig_mod.)', check: ofText('a size or a prefix', /size mismatch for \S+|module\.|_orig_mod\./), fix: 'build the model with the checkpoint\'s sizes; strip the prefix of the names; for a new head, leave its two tensors out and load with strict=False' }],
  },
  {
    id: 'out-of-memory', area: 'model file', title: 'The process ran out of memory',
    patterns: [/heap out of memory/, /std::bad_alloc|bad allocation/, /Failed to allocate memory for requested buffer of size (\d+)/],
    causes: [
      { why: 'the model or one batch is larger than what is free', check: largeModel, fix: 'a smaller batch; external data instead of one buffer; tf.tidy around loops, session.dispose() when done' },
      { why: 'calibration that keeps every activation', check: ofText('calibration', /calib/i), fix: 'calibrate with streaming statistics, fewer samples at a time' },
    ],
  },
]
