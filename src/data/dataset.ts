// A dataset in memory: features, labels and their names, and what training asks of them (split, shuffle, batches,
// normalisation). Every operation gives a new dataset; the data of the old one never changes.
import { elementCount, random } from '../core'
import { DataError } from './errors'
import { makeFrame } from './frame'
import { applyNormaliser, fitNormaliser, type Normalisation, type Normaliser } from './normalise'

/** What a dataset is made of. */
export interface DatasetParts {
  readonly name: string
  /** `[n, ...sampleShape]`, row-major. */
  readonly features: Uint8Array | Float32Array
  /** Axes of one sample: `[4]` for a table, `[28, 28, 1]` (height, width, channels) for an image. */
  readonly sampleShape: readonly number[]
  /** One for each sample: the index of its class (a whole number), or the number to predict. */
  readonly labels: Float32Array
  /** Names of the classes; empty where a number is predicted (regression). */
  readonly classNames: readonly string[]
  /** One name for each feature of a sample. */
  readonly featureNames: readonly string[]
  readonly labelName: string
}

/** What `batches` gives, one at a time: `tf.tensor(batch.features, batch.shape)`. */
export interface Batch {
  readonly features: Float32Array
  readonly shape: number[]
  readonly labels: Float32Array
  readonly size: number
}

/** Batches of one dataset: iterate once for each epoch; each pass is ordered anew, the same way for the same seed. */
export interface Batches extends Iterable<Batch> {
  /** Number of batches in one pass. */
  readonly length: number
}

/** How `split` divides. */
export interface SplitOptions {
  /** The part held out: a fraction below 1, or a number of samples. Default 0.2. */
  readonly test?: number
  /** Default 0. */
  readonly seed?: number
  /** Keep the share of every class equal in both parts. Default: yes, where there are classes. */
  readonly stratify?: boolean
}

/** Samples with their labels. */
export class Dataset implements DatasetParts {
  readonly name: string
  readonly features: Uint8Array | Float32Array
  readonly sampleShape: readonly number[]
  readonly labels: Float32Array
  readonly classNames: readonly string[]
  readonly featureNames: readonly string[]
  readonly labelName: string

  /** @throws DataError `DATA_SHAPE` when features, labels and names do not fit together */
  constructor(parts: DatasetParts) {
    const { name, features, sampleShape, labels, classNames, featureNames, labelName } = parts
    const width = elementCount(sampleShape)
    if (features.length !== labels.length * width || featureNames.length !== width) {
      throw new DataError('DATA_SHAPE', 'The parts of a dataset do not fit together', {
        expected: `${labels.length} samples of ${width} features, and ${width} names`,
        got: `${features.length} numbers and ${featureNames.length} names`, where: name,
      })
    }
    this.name = name
    this.features = features
    this.sampleShape = sampleShape
    this.labels = labels
    this.classNames = classNames
    this.featureNames = featureNames
    this.labelName = labelName
  }

  /** Number of samples. */
  get length(): number {
    return this.labels.length
  }

  /** `[n, ...sampleShape]`. */
  get shape(): number[] {
    return [this.length, ...this.sampleShape]
  }

  /** Features of one sample, row-major, looking into the dataset. */
  sample(index: number): Uint8Array | Float32Array {
    const width = elementCount(this.sampleShape)
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new DataError('DATA_RANGE', 'There is no such sample', {
        expected: `0 to ${this.length - 1}`, got: `${index}`, where: this.name,
      })
    }
    return this.features.subarray(index * width, (index + 1) * width)
  }

  /** The samples at `indices`, in that order. */
  select(indices: ArrayLike<number>): Dataset {
    const width = elementCount(this.sampleShape)
    const Features = this.features instanceof Uint8Array ? Uint8Array : Float32Array
    const features = new Features(indices.length * width)
    const labels = new Float32Array(indices.length)
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] ?? -1
      features.set(this.sample(index), i * width)
      labels[i] = this.labels[index] ?? 0
    }
    return new Dataset({ ...this.parts(), features, labels })
  }

  /**
   * The same samples with other labels: numbers of classes, or of the samples themselves.
   *
   * @throws DataError `DATA_SHAPE` when there is not one for each sample
   */
  withLabels(labels: Float32Array): Dataset {
    return new Dataset({ ...this.parts(), labels })
  }

  /** The first `n` samples, or all where there are fewer. */
  take(n: number): Dataset {
    const count = Math.min(whole('take', n), this.length)
    const width = elementCount(this.sampleShape)
    return new Dataset({
      ...this.parts(), features: this.features.subarray(0, count * width), labels: this.labels.subarray(0, count),
    })
  }

  /**
   * The samples of these classes only; labels count anew, in the order of the names.
   *
   * @throws DataError `DATA_LABELS` for a class that the dataset does not have
   */
  ofClasses(names: readonly string[]): Dataset {
    const numbers = names.map((name) => this.classNames.indexOf(name))
    const missing = names.find((_, i) => (numbers[i] ?? -1) < 0)
    if (missing !== undefined) {
      throw new DataError('DATA_LABELS', 'There is no such class', { expected: this.classNames.join(', '), got: missing, where: this.name })
    }
    const kept = this.select(Array.from(this.labels, (label, i) => (numbers.includes(label) ? i : -1)).filter((i) => i >= 0))
    return new Dataset({ ...kept.parts(), classNames: [...names], labels: kept.labels.map((label) => numbers.indexOf(label)) })
  }

  /** All samples in an order that the seed decides. */
  shuffle(seed: number): Dataset {
    return this.select(random(seed).shuffle(Int32Array.from({ length: this.length }, (_, i) => i)))
  }

  /** `n` samples drawn without replacement, in an order that the seed decides. */
  sampled(n: number, seed: number): Dataset {
    const order = random(seed).shuffle(Int32Array.from({ length: this.length }, (_, i) => i))
    return this.select(order.subarray(0, whole('sampled', n)))
  }

  /**
   * Divides into a training and a held-out part, both shuffled.
   *
   * @throws DataError `DATA_RANGE` when a part would be empty, `DATA_LABELS` when a regression is to be stratified
   */
  split({ test = 0.2, seed = 0, stratify = this.classNames.length > 0 }: SplitOptions = {}): Split {
    const held = test < 1 ? Math.round(test * this.length) : test
    if (!Number.isInteger(held) || held < 1 || held >= this.length) {
      throw new DataError('DATA_RANGE', 'The split leaves a part empty', {
        expected: `a fraction between 0 and 1, or 1 to ${this.length - 1} samples`, got: `test: ${test}`, where: this.name,
      })
    }
    if (stratify && this.classNames.length === 0) {
      throw new DataError('DATA_LABELS', 'A dataset without classes cannot be stratified', {
        where: this.name, fix: 'leave out stratify',
      })
    }
    const generator = random(seed)
    const order = generator.shuffle(Int32Array.from({ length: this.length }, (_, i) => i))
    // Sorting the shuffled order by class (stably) and taking every class's share of the running total keeps the
    // shares equal to within one sample, and their sum exact.
    const groups = stratify ? this.classNames.map((_, c) => order.filter((i) => this.labels[i] === c)) : [order]
    const parts: { train: number[], test: number[] } = { train: [], test: [] }
    let seen = 0
    for (const group of groups) {
      const taken = Math.round(((seen + group.length) * held) / this.length) - Math.round((seen * held) / this.length)
      seen += group.length
      for (const index of group.subarray(0, taken)) parts.test.push(index)
      for (const index of group.subarray(taken)) parts.train.push(index)
    }
    return new Split(this.select(generator.shuffle(parts.train)), this.select(generator.shuffle(parts.test)))
  }

  /**
   * Batches of `size` samples as float32, the last one smaller unless `dropLast`.
   *
   * @param options.seed shuffles, each pass anew; without it the order is the dataset's
   */
  batches(size: number, options: { readonly seed?: number, readonly dropLast?: boolean } = {}): Batches {
    const { seed, dropLast = false } = options
    whole('batches', size, 1)
    const count = dropLast ? Math.floor(this.length / size) : Math.ceil(this.length / size)
    const generator = seed === undefined ? undefined : random(seed)
    const iterate = function* (dataset: Dataset): Generator<Batch, void, undefined> {
      const width = elementCount(dataset.sampleShape)
      const order = Int32Array.from({ length: dataset.length }, (_, i) => i)
      generator?.fork().shuffle(order)
      for (let b = 0; b < count; b++) {
        const indices = order.subarray(b * size, (b + 1) * size)
        const features = new Float32Array(indices.length * width)
        const labels = new Float32Array(indices.length)
        indices.forEach((index, i) => {
          features.set(dataset.features.subarray(index * width, (index + 1) * width), i * width)
          labels[i] = dataset.labels[index] ?? 0
        })
        yield { features, shape: [indices.length, ...dataset.sampleShape], labels, size: indices.length }
      }
    }
    return { length: count, [Symbol.iterator]: () => iterate(this) }
  }

  /** Fits a normaliser to these samples; apply it to these and to the held-out ones. See `Split.normalise`. */
  fit(method: Normalisation = this.sampleShape.length > 1 ? 'global' : 'standard'): Normaliser {
    return fitNormaliser(this.features, this.sampleShape, method)
  }

  /** Applies a normaliser that was fitted elsewhere (on the training part). */
  apply(normaliser: Normaliser): Dataset {
    if (normaliser.offset.length !== this.featureNames.length) {
      throw new DataError('DATA_SHAPE', 'The normaliser was fitted to samples of another shape', {
        expected: `${this.featureNames.length} features`, got: `${normaliser.offset.length}`, where: this.name,
      })
    }
    return new Dataset({ ...this.parts(), features: applyNormaliser(this.features, normaliser) })
  }

  /** Labels as rows of zeros with a one, `[n, classes]`. */
  oneHot(): Float32Array {
    const classes = this.classNames.length
    const out = new Float32Array(this.length * classes)
    for (let i = 0; i < this.length && classes > 0; i++) out[i * classes + (this.labels[i] ?? 0)] = 1
    return out
  }

  /** Samples of each class by its name; empty for a regression. */
  classCounts(): Record<string, number> {
    const counts = this.classNames.map(() => 0)
    for (const label of this.labels) if (counts[label] !== undefined) counts[label]++
    return Object.fromEntries(this.classNames.map((name, c) => [name, counts[c] ?? 0]))
  }

  /** A danfojs data frame: a column for each feature, then the label by name. */
  toFrame(): import('danfojs-node').DataFrame {
    const width = this.featureNames.length
    const columns: Record<string, (number | string)[]> = {}
    this.featureNames.forEach((name, j) => {
      columns[name] = Array.from({ length: this.length }, (_, i) => readable(this.features[i * width + j] ?? 0))
    })
    columns[this.labelName] = Array.from(this.labels, (label) => this.classNames[label] ?? readable(label))
    return makeFrame(columns)
  }

  private parts(): DatasetParts {
    const { name, features, sampleShape, labels, classNames, featureNames, labelName } = this
    return { name, features, sampleShape, labels, classNames, featureNames, labelName }
  }
}

/** A training part and a held-out part of the same data. */
export class Split {
  constructor(readonly train: Dataset, readonly test: Dataset) {}

  /**
   * Both parts scaled by a normaliser that was fitted to the training part only.
   *
   * @param method default: `standard` for tables, `global` for images
   */
  normalise(method?: Normalisation): Split {
    const normaliser = this.train.fit(method)
    return new Split(this.train.apply(normaliser), this.test.apply(normaliser))
  }
}

/** A float32 number as people write it: 5.1, not 5.099999904632568. */
function readable(value: number): number {
  return Number(value.toPrecision(7))
}

function whole(operation: string, n: number, least = 0): number {
  if (Number.isInteger(n) && n >= least) return n
  throw new DataError('DATA_RANGE', `${operation} needs a whole number`, { expected: `${least} or more`, got: `${n}` })
}
