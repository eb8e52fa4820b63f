// Values of untrusted JSON with the type that they must have, or an error that says where they stand.
import { ConvertError } from './errors'

/** A part of a JSON document and where it is. */
export class Json {
  constructor(readonly value: unknown, readonly where: string) {}

  private wrong(expected: string): ConvertError {
    const got = this.value === null ? 'null' : Array.isArray(this.value) ? 'a list' : typeof this.value
    return new ConvertError('CONVERT_MALFORMED', 'A part of the file has the wrong form', {
      expected, got, where: this.where, fix: 'save the file again with its framework',
    })
  }

  private get fields(): Record<string, unknown> {
    if (typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value)) return this.value as Record<string, unknown>
    throw this.wrong('an object')
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  has(key: string): boolean {
    return Object.hasOwn(this.fields, key)
  }

  get(key: string): Json {
    return new Json(Object.hasOwn(this.fields, key) ? this.fields[key] : undefined, `${this.where}.${key}`)
  }

  /** The field, or undefined when it is not there or null. */
  maybe(key: string): Json | undefined {
    const found = this.get(key)
    return found.isNull ? undefined : found
  }

  get entries(): [string, Json][] {
    return Object.entries(this.fields).map(([key, value]) => [key, new Json(value, `${this.where}.${key}`)])
  }

  get list(): Json[] {
    if (!Array.isArray(this.value)) throw this.wrong('a list')
    return this.value.map((value: unknown, i) => new Json(value, `${this.where}[${i}]`))
  }

  get text(): string {
    if (typeof this.value !== 'string') throw this.wrong('text')
    return this.value
  }

  get bool(): boolean {
    if (typeof this.value !== 'boolean') throw this.wrong('true or false')
    return this.value
  }

  /** A whole number; beyond ±2^53 the nearest double. */
  get int(): number {
    if (typeof this.value !== 'number' || !Number.isInteger(this.value)) throw this.wrong('a whole number')
    return this.value
  }

  /** A number; PyTorch writes the ones that JSON has no form for as text. */
  get float(): number {
    if (typeof this.value === 'number') return this.value
    if (this.value === 'Infinity') return Infinity
    if (this.value === '-Infinity') return -Infinity
    if (this.value === 'NaN') return NaN
    throw this.wrong('a number')
  }

  /** A size: a whole number from 0 to 2^53. */
  get size(): number {
    const value = this.int
    if (value < 0 || !Number.isSafeInteger(value)) throw this.wrong('a whole number from 0 on')
    return value
  }
}
