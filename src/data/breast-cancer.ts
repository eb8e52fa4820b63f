// Breast cancer Wisconsin (diagnostic): a table with 30 correlated features of very different scale.
import type { Dataset } from './dataset'
import { UCI_LICENCE } from './licences'
import type { DataFile, Source } from './source'
import { loadTable } from './table'

const table: DataFile = {
  path: 'breast-cancer.csv', bytes: 123865,
  sha256: 'af399a019264f7999e6b395ee90576e46564867aa4c8a40797c96be87dc1be55',
}

export const breastCancerSource: Source = {
  name: 'breast-cancer',
  title: 'Breast cancer Wisconsin (diagnostic)',
  summary: 'Shape and texture of cell nuclei in 569 fine needle aspirates of a breast mass, and the diagnosis.',
  origin: 'W. H. Wolberg, W. N. Street, O. L. Mangasarian, University of Wisconsin, 1995; taken from scikit-learn 1.9.1, '
    + '`breast_cancer.csv`.',
  licence: UCI_LICENCE,
  citation: 'W. N. Street, W. H. Wolberg, O. L. Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", '
    + 'SPIE 1905, 1993, 861–870',
  files: { table },
  notes: [
    'Ten measures of a nucleus, each as mean, standard error and "worst" (mean of the three largest) over an image.',
    'The features differ in scale by a factor of 100,000 (area against fractal dimension error): normalise.',
    'Accuracy hides the costly error: a missed malignant tumour. Report recall of `malignant` too.',
  ],
}

/** 569 samples, 30 features, 2 classes: malignant (index 0) and benign (1), as in scikit-learn. */
export function loadBreastCancer(): Dataset {
  return loadTable(breastCancerSource, table, { classNames: ['malignant', 'benign'] })
}
