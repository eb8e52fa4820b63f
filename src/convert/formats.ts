// Every format that convert() reads, in the order in which they are tried. A new one is one entry here.
import type { Format } from './convert'
import { frozenGraphFormat, graphModelFormat, savedModelFormat } from './tensorflow/formats'
import { h5Format, kerasFormat, layersModelFormat } from './keras/format'
import { exportedProgramFormat } from './torch/format'

export const FORMATS: readonly Format[] = [exportedProgramFormat, savedModelFormat, kerasFormat, h5Format, graphModelFormat, layersModelFormat, frozenGraphFormat]
