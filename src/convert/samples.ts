// Sample inputs with a framework's outputs as files hold them: tensors `input/0`, `input/1`, …, `output/0`, … of a safetensors
// file, which may lie inside an archive of torch.export.
import type { Tensor } from '../onnx'
import { readSafetensors } from './safetensors'
import { byteSource } from './source'
import type { TensorFile } from './tensor-file'
import { ZipArchive } from './zip'

/** A {@link Sample} in the order of the model's inputs and outputs. */
export interface ListedSample {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** The sample under these names; without tensors where there is none. */
export function sampleIn(file: TensorFile, prefix = ''): ListedSample {
  const list = (kind: string): Tensor[] => {
    const found: Tensor[] = []
    while (file.info(`${prefix}${kind}/${found.length}`) !== undefined) found.push(file.tensor(`${prefix}${kind}/${found.length}`))
    return found
  }
  return { inputs: list('input'), outputs: list('output') }
}

/** The sample that was put into an archive, as `extra/samples.safetensors`. */
export function archivedSample(archive: Uint8Array): ListedSample {
  return sampleIn(readSafetensors(ZipArchive.open(byteSource(archive)).read('extra/samples.safetensors')))
}
