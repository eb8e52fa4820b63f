// Optimizers written in TensorFlow.js operators, with the learning rate as a tensor, so that a whole step compiles to one
// graph and the rate can change without another compilation.
import * as tf from '@tensorflow/tfjs'
import { NnError } from '../errors'

/** Turns gradients into new weights; its state belongs to one list of variables. */
export interface Optimizer {
  /** Makes the state. `train` calls it; a second call with the same variables keeps the state. */
  prepare(variables: readonly tf.Variable[]): void
  /** w ← w − update(gradient, rate), for each variable in the order of `prepare`. */
  apply(gradients: readonly tf.Tensor[], rate: tf.Scalar): void
  /** Frees the state. */
  dispose(): void
}

/** What the optimizers take. */
export interface OptimizerOptions {
  /** Decoupled weight decay λ: w ← w − rate λ w (arXiv 1711.05101), on variables of two axes and more. Default 0. */
  readonly weightDecay?: number
}

abstract class WithState implements Optimizer {
  protected variables: readonly tf.Variable[] = []
  protected state: tf.Variable[][] = []
  protected scalars: tf.Variable[] = []

  constructor(private readonly slots: number, protected readonly weightDecay: number) {}

  prepare(variables: readonly tf.Variable[]): void {
    if (variables.length === this.variables.length && variables.every((v, i) => v === this.variables[i])) return
    this.dispose()
    this.variables = variables
    this.state = variables.map((v) => Array.from({ length: this.slots }, () => tf.tidy(() => tf.variable(tf.zeros(v.shape), false))))
    this.scalars = this.start().map((value) => tf.tidy(() => tf.variable(tf.scalar(value), false)))
  }

  apply(gradients: readonly tf.Tensor[], rate: tf.Scalar): void {
    tf.tidy(() => {
      const common = this.common()
      this.variables.forEach((variable, i) => {
        const gradient = gradients[i]
        if (gradient === undefined) return
        const update = this.update(gradient, this.state[i] ?? [], common).mul(rate)
        const decay = this.weightDecay > 0 && variable.rank > 1 ? variable.mul(rate.mul(this.weightDecay)) : undefined
        variable.assign(variable.sub(decay ? update.add(decay) : update))
      })
    })
  }

  dispose(): void {
    tf.dispose(this.state)
    tf.dispose(this.scalars)
    this.state = []
    this.scalars = []
    this.variables = []
  }

  protected start(): number[] {
    return []
  }

  protected common(): tf.Tensor[] {
    return []
  }

  protected abstract update(gradient: tf.Tensor, state: readonly tf.Variable[], common: readonly tf.Tensor[]): tf.Tensor
}

class Sgd extends WithState {
  constructor(private readonly momentum: number, weightDecay: number) {
    super(momentum > 0 ? 1 : 0, weightDecay)
  }

  protected override update(gradient: tf.Tensor, [velocity]: readonly tf.Variable[]): tf.Tensor {
    if (!velocity) return gradient
    velocity.assign(velocity.mul(this.momentum).add(gradient))
    return velocity
  }
}

class Adam extends WithState {
  constructor(private readonly beta1: number, private readonly beta2: number, private readonly epsilon: number, weightDecay: number) {
    super(2, weightDecay)
  }

  protected override start(): number[] {
    return [1, 1]
  }

  protected override common(): tf.Tensor[] {
    const [power1, power2] = this.scalars
    if (!power1 || !power2) return []
    power1.assign(power1.mul(this.beta1))
    power2.assign(power2.mul(this.beta2))
    return [tf.sub(1, power1), tf.sub(1, power2).sqrt()]
  }

  protected override update(gradient: tf.Tensor, [m, v]: readonly tf.Variable[], [correct1, correct2]: readonly tf.Tensor[]): tf.Tensor {
    if (!m || !v || !correct1 || !correct2) return gradient
    m.assign(m.mul(this.beta1).add(gradient.mul(1 - this.beta1)))
    v.assign(v.mul(this.beta2).add(gradient.square().mul(1 - this.beta2)))
    return m.div(correct1).div(v.sqrt().div(correct2).add(this.epsilon))
  }
}

/** Stochastic gradient descent: v ← μ v + g; w ← w − η v. */
export function sgd(options: OptimizerOptions & { readonly momentum?: number } = {}): Optimizer {
  return new Sgd(options.momentum ?? 0.9, options.weightDecay ?? 0)
}

/** Adam (Kingma and Ba, arXiv 1412.6980), with decoupled weight decay when asked for. */
export function adam(options: OptimizerOptions & { readonly beta1?: number; readonly beta2?: number; readonly epsilon?: number } = {}): Optimizer {
  return new Adam(options.beta1 ?? 0.9, options.beta2 ?? 0.999, options.epsilon ?? 1e-7, options.weightDecay ?? 0)
}

/** Variables that are trained alike. */
export interface ParameterGroup {
  readonly variables: readonly tf.Variable[]
  /** Their rate is this times the rate of the schedule; 0 leaves them as they are. */
  readonly factor: number
}

class Grouped implements Optimizer {
  #parts: { readonly optimizer: Optimizer; readonly factor: number; readonly places: readonly number[] }[] = []
  #prepared: readonly tf.Variable[] = []

  constructor(private readonly groups: readonly ParameterGroup[], private readonly make: () => Optimizer) {}

  prepare(variables: readonly tf.Variable[]): void {
    if (variables.length === this.#prepared.length && variables.every((v, i) => v === this.#prepared[i])) return
    this.dispose()
    const named = this.groups.flatMap((group) => group.variables)
    const homeless = variables.find((v) => named.filter((other) => other === v).length !== 1)
    if (homeless) {
      throw new NnError('NN_OPTION', 'A variable is not in exactly one group', {
        got: `${homeless.name} in ${named.filter((other) => other === homeless).length} groups`, fix: 'give each trained variable one group',
      })
    }
    this.#parts = this.groups.filter(({ factor }) => factor !== 0).map(({ variables: own, factor }) => {
      const places = own.map((v) => variables.indexOf(v)).filter((place) => place >= 0)
      const optimizer = this.make()
      optimizer.prepare(places.flatMap((place) => variables[place] ?? []))
      return { optimizer, factor, places }
    })
    this.#prepared = variables
  }

  apply(gradients: readonly tf.Tensor[], rate: tf.Scalar): void {
    for (const { optimizer, factor, places } of this.#parts) {
      tf.tidy(() => { optimizer.apply(places.flatMap((place) => gradients[place] ?? []), rate.mul(factor)) })
    }
  }

  dispose(): void {
    for (const { optimizer } of this.#parts) optimizer.dispose()
    this.#parts = []
    this.#prepared = []
  }
}

/**
 * Discriminative rates (Howard and Ruder, arXiv 1801.06146, section 3.2): each group of variables has its own optimizer and
 * η_group = factor · η. Every trained variable is in one group.
 *
 * @throws NnError `NN_OPTION`, when training begins, for a variable in no group or in several
 */
export function parameterGroups(groups: readonly ParameterGroup[], make: () => Optimizer = adam): Optimizer {
  return new Grouped(groups, make)
}
