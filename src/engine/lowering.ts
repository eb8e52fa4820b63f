// The contract of the table: what a kernel's entry consists of. One entry drives the eager run, export, compile and the
// coverage page.
import type { Shape } from '../core'
import type { Builder } from './builder'
import type { V } from './graph'
import type { EngineData, EngineDType } from './record'

/** Shape and type of a kernel's input or output. */
export interface KernelSpec {
  readonly shape: Shape
  readonly dtype: EngineDType
}

/** Says that this call has no ONNX form, so that the CPU kernel does it. */
export class Declined {
  constructor(readonly reason: string) {}
}

/** `return decline('…')` in an `infer`. */
export function decline(reason: string): Declined {
  return new Declined(reason)
}

type Named<Required extends string, Optional extends string, T> =
  Readonly<Record<Required, T>> & Readonly<Partial<Record<Optional, T>>>

/** An entry as its author writes it, typed by the kernel's attributes and inputs. */
export interface Rule<Attributes, Required extends string, Optional extends string> {
  /** Checks the arguments as the CPU kernel does, and gives the outputs' shapes and types, or declines. */
  infer(inputs: Named<Required, Optional, KernelSpec>, attributes: Attributes): KernelSpec | readonly KernelSpec[] | Declined
  /** Writes the ONNX nodes; the values must have the shapes and types that `infer` gave. */
  emit(
    b: Builder, inputs: Named<Required, Optional, V>, attributes: Attributes, outputs: readonly KernelSpec[],
  ): V | readonly V[]
  /** Throws for values that cannot work. Called with the data of inputs that is there already. */
  check?(data: Named<never, Required | Optional, EngineData>, inputs: Named<Required, Optional, KernelSpec>, attributes: Attributes): void
  /** When a call of this kernel is left to the CPU, for the coverage page. */
  readonly except?: string
}

/** An entry as the engine calls it. */
export type Lowering = Rule<unknown, string, string>

/** An entry for a kernel that always runs on the CPU. */
export interface Fallback {
  readonly fallback: string
}

/** An entry for a kernel that only looks at its input with another shape. */
export interface Viewing {
  view(input: { readonly shape: Shape }, attributes: unknown): Shape
}

/** What the table holds for a kernel. */
export type Entry = Lowering | Fallback | Viewing

/**
 * Forgets the types of attributes and inputs. TensorFlow.js hands both over untyped, so this is the border where the
 * kernel's own declaration is trusted.
 */
export function lowering<Attributes, Required extends string, Optional extends string = never>(
  rule: Rule<Attributes, Required, Optional>,
): Lowering {
  return rule
}

/** The inputs of a kernel that takes a list, in order. */
export function listed<T>(inputs: Readonly<Record<string, T>>): T[] {
  return Object.values(inputs)
}
