// PyTorch's element types in the three ways in which its files name them.
import type { DType } from '../../core'
import { ConvertError } from '../errors'

/** ScalarType of the torch.export schema (torch/_export/serde/schema.py, schema 8): not c10's numbers. */
const EXPORT_CODES: Readonly<Record<number, DType>> = {
  1: 'uint8', 2: 'int8', 3: 'int16', 4: 'int32', 5: 'int64', 6: 'float16', 7: 'float32', 8: 'float64',
  10: 'complex64', 11: 'complex128', 12: 'bool', 13: 'bfloat16', 28: 'uint16', 29: 'float8e4m3fn', 30: 'float8e5m2',
  31: 'float8e4m3fnuz', 32: 'float8e5m2fnuz', 33: 'float8e8m0', 34: 'uint32', 35: 'uint64',
}

/** Storage classes in checkpoints: `torch.FloatStorage`. */
const STORAGES: Readonly<Record<string, DType>> = {
  DoubleStorage: 'float64', FloatStorage: 'float32', HalfStorage: 'float16', BFloat16Storage: 'bfloat16', LongStorage: 'int64',
  IntStorage: 'int32', ShortStorage: 'int16', CharStorage: 'int8', ByteStorage: 'uint8', BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64', ComplexDoubleStorage: 'complex128',
}

/** Types as attributes of the module `torch`: `torch.float32`. */
const NAMES: Readonly<Record<string, DType>> = {
  float64: 'float64', double: 'float64', float32: 'float32', float: 'float32', float16: 'float16', half: 'float16', bfloat16: 'bfloat16',
  int64: 'int64', long: 'int64', int32: 'int32', int: 'int32', int16: 'int16', short: 'int16', int8: 'int8', uint8: 'uint8',
  uint16: 'uint16', uint32: 'uint32', uint64: 'uint64', bool: 'bool', complex64: 'complex64', complex128: 'complex128',
  float8_e4m3fn: 'float8e4m3fn', float8_e5m2: 'float8e5m2', float8_e4m3fnuz: 'float8e4m3fnuz', float8_e5m2fnuz: 'float8e5m2fnuz',
  float8_e8m0fnu: 'float8e8m0',
}

/**
 * The type of a code in an exported program.
 *
 * @throws ConvertError `CONVERT_DTYPE`
 */
export function exportDType(code: number, where: string): DType {
  const found = EXPORT_CODES[code]
  if (found !== undefined) return found
  throw new ConvertError('CONVERT_DTYPE', 'A tensor has an element type that is not known', {
    expected: 'a ScalarType of the torch.export schema', got: String(code), where, fix: 'convert it in PyTorch first: module.to(torch.float32)',
  })
}

/** Whether ONNX operators compute with the type, or an error that says what to do instead. */
export function requireComputable(dtype: DType, where: string): void {
  if (!/^(float8|complex)/.test(dtype)) return
  throw new ConvertError('CONVERT_DTYPE', `The model computes in ${dtype}, for which ONNX has no operators`, {
    expected: 'floating point of 16 bits and more, integers, booleans', got: dtype, where,
    fix: dtype.startsWith('float8') ? 'export the module in bfloat16 or float32, module.to(torch.bfloat16), and quantize the ONNX model here'
      : 'write the module with real and imaginary parts as two tensors',
  })
}

/** The type of a storage class's name, or undefined. */
export const storageDType = (name: string): DType | undefined => (Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined)

/** The type that `torch.NAME` is, or undefined. */
export const namedDType = (name: string): DType | undefined => (Object.hasOwn(NAMES, name) ? NAMES[name] : undefined)
