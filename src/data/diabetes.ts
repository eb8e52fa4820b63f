// Diabetes progression: the small regression.
import type { Dataset } from './dataset'
import type { DataFile, Source } from './source'
import { loadTable } from './table'

const table: DataFile = {
  path: 'diabetes.csv', bytes: 18506, sha256: '9193026b7622ff944f0a6855a10107b24caf50dad69787c46e6890e69c27faca',
}

export const diabetesSource: Source = {
  name: 'diabetes',
  title: 'Diabetes',
  summary: 'Ten measurements of 442 diabetes patients, and how far the disease had progressed a year later.',
  origin: 'B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004), published at '
    + 'https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html; taken from scikit-learn 1.9.1, '
    + '`diabetes_data_raw.csv.gz` and `diabetes_target.csv.gz`.',
  licence: 'None is stated with the data. The copy comes from scikit-learn, whose package is under the BSD 3-Clause '
    + 'licence.',
  citation: 'B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression", Annals of Statistics 32(2), 2004, '
    + '407–499',
  files: { table },
  notes: [
    'Raw values (age in years, bmi in kg/m²), not the centred and scaled ones that scikit-learn returns by default.',
    's1 total serum cholesterol, s2 LDL, s3 HDL, s4 total cholesterol / HDL, s5 possibly the logarithm of serum '
      + 'triglycerides, s6 blood sugar. `sex` is coded 1 and 2; the source does not say which is which.',
    'Linear models explain about half of the variance; a much better score on it is a sign of a leak.',
  ],
}

/** 442 samples, 10 features; the label is a number from 25 to 346. */
export function loadDiabetes(): Dataset {
  return loadTable(diabetesSource, table)
}
