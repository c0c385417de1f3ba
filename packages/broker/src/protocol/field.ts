import { MalformedMessageError } from './errors.ts'
import type { ProtocolReader } from './protocol-reader.ts'
import type { ProtocolWriter } from './protocol-writer.ts'

/** How a message is laid out on the wire: its version, and whether that version is one of the flexible ones (KIP-482). */
export interface Shape {
  readonly version: number
  readonly flexible: boolean
}

/** How values of one type are written. `Out` is what reading gives, `In` what writing takes. */
export interface WireType<Out, In = Out> {
  readonly kind: string
  /** What a field holds in a version that lacks it, unless the field says otherwise. */
  readonly zero: Out
  /** The fields of a struct, or of the structs in an array. */
  readonly fields?: Fields
  read(reader: ProtocolReader, shape: Shape, nullable: boolean): Out | null
  write(writer: ProtocolWriter, value: In | null, shape: Shape, nullable: boolean): void
}

/** One field of a message in all its versions. */
export interface Field<Out, In = Out, Optional extends boolean = boolean> {
  readonly wire: WireType<unknown>
  /** The versions that have the field, both included. */
  readonly from: number
  readonly to: number
  /** The first version in which the field may be null; Infinity where it never may. */
  readonly nullableFrom: number
  /** The number of a tagged field, which flexible versions write only where its value is not the default. */
  readonly tag: number | undefined
  readonly default: Out
  /** Whether a writer may leave the field out, and so write its default. */
  readonly optional: Optional
  read(reader: ProtocolReader, shape: Shape): Out
  write(writer: ProtocolWriter, value: In, shape: Shape): void
}

// biome-ignore lint/suspicious/noExplicitAny: what a field takes is checked where its message is written, by Encodable
export type Fields = { readonly [name: string]: Field<unknown, any> }

/** What reading these fields gives: each of them, in a version that lacks it with its default. */
export type Decoded<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends { read(reader: ProtocolReader, shape: Shape): infer Out } ? Out : never
}

type OptionalNames<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly optional: true } ? K : never
}[keyof F]

type Written<F> = F extends { write(writer: ProtocolWriter, value: infer In, shape: Shape): void } ? In : never

type Simplify<T> = { [K in keyof T]: T[K] }

/** What writing these fields takes: one with a default may be left out. */
export type Encodable<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: Written<F[K]> } & {
    readonly [K in OptionalNames<F>]?: Written<F[K]>
  }
>

/** The versions that have a field, both included: all unless told. */
export interface Versions {
  readonly from?: number
  readonly to?: number
}

export function fieldOf<Out, In, Optional extends boolean>(
  wire: WireType<Out, In>,
  options: Versions & { readonly default?: Out },
  optional: Optional,
): Field<Out, In, Optional> {
  return {
    wire: wire as WireType<unknown>,
    from: options.from ?? 0,
    to: options.to ?? Number.POSITIVE_INFINITY,
    nullableFrom: Number.POSITIVE_INFINITY,
    tag: undefined,
    default: options.default === undefined ? wire.zero : options.default,
    optional,
    read: (reader, shape) => present(wire.read(reader, shape, false), wire.kind),
    write: (writer, value, shape) => wire.write(writer, value, shape, false),
  }
}

/** The same field, which may be null from version `nullable.from` on. */
export function nullable<Out, In, Optional extends boolean>(
  field: Field<Out, In, Optional>,
  options?: { readonly from?: number },
): Field<Out | null, In | null, Optional>
export function nullable<Out, In>(
  field: Field<Out, In>,
  options: { readonly from?: number; readonly default: null },
): Field<Out | null, In | null, true>
export function nullable<Out, In>(
  field: Field<Out, In>,
  options: { readonly from?: number; readonly default?: null } = {},
): Field<Out | null, In | null> {
  const wire = field.wire as WireType<Out, In>
  const nullableFrom = options.from ?? 0
  return {
    ...field,
    nullableFrom,
    default: options.default === null ? null : field.default,
    optional: options.default === null || field.optional,
    read: (reader, shape) =>
      shape.version >= nullableFrom ? wire.read(reader, shape, true) : field.read(reader, shape),
    write: (writer, value, shape) => {
      if (shape.version >= nullableFrom) wire.write(writer, value, shape, true)
      else if (value !== null) field.write(writer, value, shape)
      else throw new TypeError(`a ${wire.kind} cannot be null in version ${shape.version}`)
    },
  }
}

/** The same field as tagged field number `tag`. A struct that is not there is null. */
export function tagged<Out, In>(tag: number, field: Field<Out, In>): Field<Out, In, true> {
  return { ...field, tag, optional: true }
}

function present<T>(value: T | null, kind: string): T {
  if (value === null) throw new MalformedMessageError(`a ${kind} is null where it must not be`)
  return value
}
