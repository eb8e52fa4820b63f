// UCI's handwritten digits, 8 × 8: images small enough to train on in a second.
import type { Dataset } from './dataset'
import { UCI_LICENCE } from './licences'
import type { DataFile, Source } from './source'
import { loadTable } from './table'

const table: DataFile = {
  path: 'digits.csv.gz', bytes: 53593, sha256: '0f622aac121cc3fc5d83397199887f8019d6db33381d033e73e300a2ce17c1ed',
}

export const digitsSource: Source = {
  name: 'digits',
  title: 'Optical recognition of handwritten digits',
  summary: '1,797 handwritten digits as 8 × 8 images; a pixel counts the dark points of a 4 × 4 block, 0 to 16.',
  origin: 'E. Alpaydin, C. Kaynak, Bogazici University, 1998; taken from scikit-learn 1.9.1, `digits.csv.gz`.',
  licence: UCI_LICENCE,
  citation: 'C. Kaynak, "Methods of Combining Multiple Classifiers and Their Applications to Handwritten Digit '
    + 'Recognition", MSc thesis, Bogazici University, 1995',
  files: { table },
  notes: [
    'This is the test part of the UCI data (13 writers), as scikit-learn ships it; UCI\'s training part has 3,823 more.',
    'A random split puts digits of the same writer on both sides: accuracy on new writers is lower.',
  ],
}

/** 1,797 samples of shape [8, 8, 1], values 0 to 16, 10 classes. */
export function loadDigits(): Dataset {
  const classNames = Array.from({ length: 10 }, (_, digit) => String(digit))
  return loadTable(digitsSource, table, { classNames, sampleShape: [8, 8, 1] })
}
