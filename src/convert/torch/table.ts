// The table of PyTorch operators: the families together, and what follows from them (other overloads, forms that write in
// place). docs/convert.md is written from it.
import type { Lowering } from '../operators'
import { OperatorTable } from '../operators'
import type { TorchContext } from './context'
import { arrangement, copying } from './operators/arrangement'
import { attention } from './operators/attention'
import { binary } from './operators/binary'
import { control } from './operators/control'
import { convolution } from './operators/convolution'
import { creation } from './operators/creation'
import { indexing } from './operators/indexing'
import { joining } from './operators/joining'
import { linear } from './operators/linear'
import { losses } from './operators/losses'
import { normalization } from './operators/normalization'
import { padding } from './operators/padding'
import { pooling } from './operators/pooling'
import { quantized } from './operators/quantized'
import { recurrent } from './operators/recurrent'
import { reduction } from './operators/reduction'
import { resize } from './operators/resize'
import { shape } from './operators/shape'
import { sorting } from './operators/sorting'
import { statistics } from './operators/statistics'
import { unary } from './operators/unary'

export type TorchLowering = Lowering<TorchContext>

const FAMILIES: readonly Readonly<Record<string, TorchLowering>>[] = [
  arrangement, attention, binary, control, convolution, creation, indexing, joining, linear, losses, normalization, padding,
  pooling, quantized, recurrent, reduction, resize, shape, sorting, statistics, unary,
]

/** Operators by their name without `torch.ops.`; `aten.add` stands for every overload that has no entry of its own. */
export const torchOperators: OperatorTable<TorchContext> = new OperatorTable('PyTorch', new Map(FAMILIES.flatMap((family) => Object.entries(family))), advice, derive)

function derive(operator: string, get: (name: string) => TorchLowering | undefined): TorchLowering | undefined {
  const [, base, overload] = /^(.*)\.(\w+)$/.exec(operator) ?? []
  if (base === undefined || overload === undefined) return undefined
  const plain = get(base)
  if (plain !== undefined) return plain
  if (base.endsWith('_copy')) {
    const view = get(`${base.slice(0, -'_copy'.length)}.${overload}`) ?? get(base.slice(0, -'_copy'.length))
    return view === undefined ? undefined : copying(view)
  }
  if (!base.endsWith('_') || base.endsWith('__')) return undefined
  const functional = get(`${base.slice(0, -1)}.${overload}`) ?? get(base.slice(0, -1))
  return functional === undefined ? undefined : inPlace(functional)
}

/** `x.relu_()` computes relu(x) and writes it into x's storage. */
function inPlace({ makes, lower }: TorchLowering): TorchLowering {
  return {
    makes,
    lower: (c) => {
      lower(c)
      const [result] = c.results
      if (result === undefined || result === '') return
      const self = c.cell('self')
      const made = c.lowerer.cell(result)
      if (made === self) return
      if (!self.write(made.value)) {
        throw c.error('it writes into a view through which nothing can be written in ONNX', {
          fix: 'write out of place: x = x.clone() before, or torch.where, or torch.cat of the parts',
        })
      }
      c.lowerer.define(result, self)
    },
  }
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/fft|stft|istft/, 'compute the spectrum outside the model, or by a convolution with a fixed basis (as torchaudio does for its exportable front ends)'],
  [/linalg|cholesky|svd|eig|qr|inverse|lstsq|solve|det/, 'matrix decompositions have no ONNX operator: compute the result before exporting and keep it as a buffer'],
  [/rand|normal_|bernoulli|multinomial|uniform_|exponential_/, 'give the random numbers to the model as an input'],
  [/nonzero|unique|masked_select|item|_local_scalar/, 'the shape of the result depends on the data: use torch.where with a fixed shape, or torch.topk with a fixed k'],
  [/^torchvision\.(nms|roi|ps_roi|deform)/, 'export the backbone and the head, and choose the boxes outside the model'],
  [/backward|grad/, 'export the module for inference: module.eval() and torch.no_grad()'],
  [/quantize|quantized|_choose_qparams/, 'export the float module, and quantize the ONNX model here'],
  [/nested|jagged/, 'use padded tensors with a mask'],
  [/mode|unique_consecutive|histogram|gradient|renorm/, 'there is no ONNX operator: write it with sort, cumsum or a matrix product'],
  [/special_|lgamma|digamma|polygamma|igamma|erfinv|i0/, 'ONNX has no such function: compute it before exporting, or register a lowering with a polynomial'],
  [/^aten\.\w+_copy/, 'export with a current PyTorch without functionalizing views: torch.export.export'],
]

function advice(operator: string): string {
  const known = ADVICE.find(([pattern]) => pattern.test(operator))
  if (known !== undefined) return known[1]
  if (!operator.startsWith('aten.') && !operator.startsWith('_operator.')) {
    return 'it is a custom operator: register a lowering, torchOperators.registerLowering, or give convert() a function for it'
  }
  return 'run exported.run_decompositions() before torch.export.save: it writes the operator with simpler ones'
}
