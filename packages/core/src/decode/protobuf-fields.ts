import protobuf from 'protobufjs'
import { decimalText, plainOf, scaled, type Value, type ValueKind } from './schema-values.ts'

/** A field's value out of a decoded message. */
export interface MessageField {
  readonly kind: ValueKind
  of(message: object): Value
}

interface Scalar {
  readonly kind: ValueKind
  convert(value: unknown): Value
}

const same = (value: unknown) => value as Value
const INT: Scalar = { kind: 'int', convert: same }
const LONG: Scalar = { kind: 'long', convert: (value) => wholeOf(value) }
const FLOAT: Scalar = { kind: 'float', convert: same }

const SCALARS: Readonly<Record<string, Scalar>> = {
  double: FLOAT,
  float: FLOAT,
  int32: INT,
  uint32: INT,
  sint32: INT,
  fixed32: INT,
  sfixed32: INT,
  int64: LONG,
  uint64: LONG,
  sint64: LONG,
  fixed64: LONG,
  sfixed64: LONG,
  bool: { kind: 'boolean', convert: same },
  string: { kind: 'text', convert: same },
  bytes: { kind: 'bytes', convert: same },
}

/** The library's 64 bits, in two halves. */
interface Halves {
  readonly low: number
  readonly high: number
  readonly unsigned: boolean
}

function wholeOf(value: unknown): number | bigint {
  if (typeof value === 'number') return value
  const { low, high, unsigned } = value as Halves
  const top = unsigned ? high >>> 0 : high
  const whole = top * 2 ** 32 + (low >>> 0)
  return Number.isSafeInteger(whole) ? whole : (BigInt(top) << 32n) + BigInt(low >>> 0)
}

/** Messages that stand for one value, by their full names. */
const VALUES: Readonly<Record<string, Scalar>> = {
  '.google.protobuf.Timestamp': {
    kind: 'timestamp',
    convert(message) {
      const { seconds, nanos } = message as { seconds: unknown; nanos: number }
      const micros = scaled(wholeOf(seconds), 1_000_000)
      const rest = Math.floor(nanos / 1000)
      return typeof micros === 'number' && Number.isSafeInteger(micros + rest)
        ? micros + rest
        : BigInt(micros) + BigInt(rest)
    },
  },
  '.google.protobuf.Duration': {
    kind: 'float',
    convert(message) {
      const { seconds, nanos } = message as { seconds: unknown; nanos: number }
      return Number(wholeOf(seconds)) + nanos / 1e9
    },
  },
  '.confluent.type.Decimal': {
    kind: 'text',
    convert(message) {
      const { value, scale } = message as { value: Uint8Array; scale: number }
      return decimalText(value, scale)
    },
  },
}

const WRAPPER = /^\.google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/

/** How a field is read. A field without presence (proto3's plain ones) has its default where the bytes have none. */
export function messageField(field: protobuf.Field): MessageField {
  const { name } = field
  if (field.repeated || field instanceof protobuf.MapField) {
    const plain = plainField(field, new Map())
    return { kind: 'json', of: (message) => JSON.stringify(plain(message)) }
  }
  const { kind, convert } = scalarOf(field)
  return {
    kind,
    of(message) {
      const value = (message as Record<string, unknown>)[name]
      if (value === null || value === undefined) return null
      return field.hasPresence && !Object.hasOwn(message, name) ? null : convert(value)
    },
  }
}

function scalarOf(field: protobuf.Field): Scalar {
  const type = field.resolvedType
  if (type instanceof protobuf.Enum) return enumOf(type)
  if (type === null) return SCALARS[field.type] as Scalar
  const value = VALUES[type.fullName]
  if (value !== undefined) return value
  const [inner] = type.fieldsArray
  if (WRAPPER.test(type.fullName) && inner !== undefined) {
    const { kind, convert } = SCALARS[inner.type] as Scalar
    return { kind, convert: (message) => convert((message as { value: unknown }).value) }
  }
  const plain = plainMessage(type, new Map())
  return { kind: 'json', convert: (message) => JSON.stringify(plain(message)) }
}

/** By name; a number that the file does not know stays one. */
function enumOf(type: protobuf.Enum): Scalar {
  return { kind: 'text', convert: (value) => type.valuesById[value as number] ?? String(value) }
}

type Plain = (value: unknown) => unknown

/** A message as JSON has it. Messages may hold themselves. */
function plainMessage(type: protobuf.Type, known: Map<protobuf.Type, Plain>): Plain {
  const found = known.get(type)
  if (found !== undefined) return found
  let fields: (readonly [name: string, plain: Plain])[] = []
  const plain: Plain = (message) => Object.fromEntries(fields.map(([name, read]) => [name, read(message)]))
  known.set(type, plain)
  fields = type.fieldsArray.map((field) => [field.name, plainField(field, known)] as const)
  return plain
}

/** From the message that has the field. */
function plainField(field: protobuf.Field, known: Map<protobuf.Type, Plain>): Plain {
  const { name } = field
  const own = plainValue(field, known)
  const of = (message: unknown) => (message as Record<string, unknown>)[name]
  if (field instanceof protobuf.MapField) {
    return (message) => Object.fromEntries(Object.entries((of(message) ?? {}) as object).map(([k, v]) => [k, own(v)]))
  }
  if (field.repeated) return (message) => ((of(message) ?? []) as unknown[]).map(own)
  return (message) => {
    const value = of(message)
    const isThere = value !== null && value !== undefined
    return isThere && (!field.hasPresence || Object.hasOwn(message as object, name)) ? own(value) : null
  }
}

function plainValue(field: protobuf.Field, known: Map<protobuf.Type, Plain>): Plain {
  const type = field.resolvedType
  const isMessage = type instanceof protobuf.Type && VALUES[type.fullName] === undefined && !WRAPPER.test(type.fullName)
  if (isMessage) return plainMessage(type, known)
  const { kind, convert } = scalarOf(field)
  return (value) => plainOf(kind, convert(value))
}
