import {
  type Decoded,
  type Encodable,
  type Field,
  type Fields,
  fieldOf,
  type Shape,
  type Versions,
  type WireType,
} from './field.ts'
import type { ProtocolReader } from './protocol-reader.ts'
import type { ProtocolWriter } from './protocol-writer.ts'
import { structType } from './struct.ts'

interface FieldMaker<Out, In = Out> {
  (options: Versions & { readonly default: Out }): Field<Out, In, true>
  (options?: Versions): Field<Out, In, false>
}

function makerOf<Out, In = Out>(wire: WireType<Out, In>): FieldMaker<Out, In> {
  const make = (options: Versions & { readonly default?: Out } = {}) =>
    fieldOf(wire, options, options.default !== undefined)
  return make as FieldMaker<Out, In>
}

function scalarOf<T>(
  kind: string,
  zero: T,
  read: (reader: ProtocolReader, shape: Shape) => T | null,
  write: (writer: ProtocolWriter, value: T, shape: Shape) => void,
): FieldMaker<T> {
  return makerOf<T>({
    kind,
    zero,
    read,
    write: (writer, value, shape) => write(writer, value as T, shape),
  })
}

/** A UUID of zeros: Kafka's way of saying that there is none. */
export const ZERO_UUID = '00000000-0000-0000-0000-000000000000'

export const boolean = scalarOf(
  'bool',
  false as boolean,
  (r) => r.int8() !== 0,
  (w, value) => w.int8(value ? 1 : 0),
)
export const int8 = scalarOf(
  'int8',
  0,
  (r) => r.int8(),
  (w, value) => w.int8(value),
)
export const int16 = scalarOf(
  'int16',
  0,
  (r) => r.int16(),
  (w, value) => w.int16(value),
)
export const int32 = scalarOf(
  'int32',
  0,
  (r) => r.int32(),
  (w, value) => w.int32(value),
)
/** A number, exact within ±2^53. */
export const int64 = scalarOf(
  'int64',
  0,
  (r) => r.int64(),
  (w, value) => w.int64(value),
)
export const float64 = scalarOf(
  'float64',
  0,
  (r) => r.float64(),
  (w, value) => w.float64(value),
)
export const uuid = scalarOf(
  'uuid',
  ZERO_UUID,
  (r) => r.uuid(),
  (w, value) => w.uuid(value),
)

// The length says whether it is null: a fixed-size type has no such place.
export const string = scalarOf<string>(
  'string',
  '',
  (r, shape) => r.string(shape.flexible),
  (w, value, shape) => w.string(value, shape.flexible),
)
export const bytes = makerOf<Buffer, Uint8Array>({
  kind: 'bytes',
  zero: Buffer.alloc(0),
  read: (r, shape) => r.bytes(shape.flexible),
  write: (w, value, shape) => w.bytes(value, shape.flexible),
})
/** Record batches end to end. Written from one buffer or several, by reference. */
export const records = makerOf<Buffer, Buffer | readonly Buffer[]>({
  kind: 'records',
  zero: Buffer.alloc(0),
  read: (r, shape) => r.bytes(shape.flexible),
  write: (w, value, shape) => w.records(value, shape.flexible),
})

interface ListOptions extends Versions {
  readonly default?: readonly []
}

/** An array of `element`s, such as `arrayOf(int32())`. */
export function arrayOf<Out, In>(
  element: Field<Out, In>,
  options: Versions & { readonly default: readonly [] },
): Field<readonly Out[], readonly In[], true>
export function arrayOf<Out, In>(
  element: Field<Out, In>,
  options?: Versions,
): Field<readonly Out[], readonly In[], false>
export function arrayOf<Out, In>(
  element: Field<Out, In>,
  options: ListOptions = {},
): Field<readonly Out[], readonly In[]> {
  return fieldOf(arrayType(element), options, options.default !== undefined)
}

/** An array of structs. */
export function structs<F extends Fields>(
  fields: F,
  options: Versions & { readonly default: readonly [] },
): Field<readonly Decoded<F>[], readonly Encodable<F>[], true>
export function structs<F extends Fields>(
  fields: F,
  options?: Versions,
): Field<readonly Decoded<F>[], readonly Encodable<F>[], false>
export function structs<F extends Fields>(
  fields: F,
  options: ListOptions = {},
): Field<readonly Decoded<F>[], readonly Encodable<F>[]> {
  const element = fieldOf(structType(fields), {}, false)
  return fieldOf(arrayType(element), options, options.default !== undefined)
}

/** One struct within another that may be missing: nullable, or tagged. */
export function struct<F extends Fields>(
  fields: F,
  options: Versions = {},
): Field<Decoded<F> | null, Encodable<F> | null, true> {
  const field: Field<Decoded<F>, Encodable<F>, true> = fieldOf(structType(fields), options, true)
  return { ...field, default: null } as Field<Decoded<F> | null, Encodable<F> | null, true>
}

function arrayType<Out, In>(element: Field<Out, In>): WireType<readonly Out[], readonly In[]> {
  return {
    kind: `[]${element.wire.kind}`,
    zero: [],
    ...(element.wire.fields && { fields: element.wire.fields }),
    read(reader, shape) {
      const length = reader.arrayLength(shape.flexible)
      if (length === null) return null
      const values: Out[] = []
      for (let index = 0; index < length; index++) values.push(element.read(reader, shape))
      return values
    },
    write(writer, values, shape) {
      writer.arrayLength(values === null ? null : values.length, shape.flexible)
      for (const value of values ?? []) element.write(writer, value, shape)
    },
  }
}
