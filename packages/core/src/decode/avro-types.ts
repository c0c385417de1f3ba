import avsc, { type types as avroTypes, type Type } from 'avsc'
import { decimalText, plainOf, scaled, textOf, type Value, type ValueKind } from './schema-values.ts'

// A CommonJS module: its classes come with the default export alone.
const { types: avro } = avsc

/** A logical type whose values come out in the form of their kind. */
abstract class Logical extends avro.LogicalType {
  abstract readonly kind: ValueKind

  protected override _toValue(): never {
    throw new Error('these types only read')
  }

  protected override _resolve(): undefined {
    return undefined
  }
}

/** A logical type that is a number times something, counted from where its kind counts. */
function counted(kind: ValueKind, factor: number) {
  return class extends Logical {
    readonly kind = kind
    protected override _fromValue(value: number | bigint): number | bigint {
      return scaled(value, factor)
    }
  }
}

class NanosecondsType extends Logical {
  readonly kind = 'timestamp'
  protected override _fromValue(value: number | bigint): number | bigint {
    if (typeof value === 'number') return Math.floor(value / 1000)
    return (value - (((value % 1000n) + 1000n) % 1000n)) / 1000n
  }
}

class DecimalType extends Logical {
  readonly kind = 'text'
  readonly #scale: number

  constructor(schema: unknown, options?: unknown) {
    super(schema as never, options)
    this.#scale = (schema as { scale?: number }).scale ?? 0
  }

  protected override _fromValue(bytes: Uint8Array): string {
    return decimalText(bytes, this.#scale)
  }
}

class UuidType extends Logical {
  readonly kind = 'text'
  protected override _fromValue(value: string | Uint8Array): string {
    if (typeof value === 'string') return value
    return Buffer.from(value)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}

const LOGICAL_TYPES = {
  date: counted('date', 1),
  'time-millis': counted('time', 1000),
  'time-micros': counted('time', 1),
  'timestamp-millis': counted('timestamp', 1000),
  'timestamp-micros': counted('timestamp', 1),
  'timestamp-nanos': NanosecondsType,
  'local-timestamp-millis': counted('timestamp', 1000),
  'local-timestamp-micros': counted('timestamp', 1),
  'local-timestamp-nanos': NanosecondsType,
  decimal: DecimalType,
  uuid: UuidType,
}

/** 64 bits without loss: the library's own longs end at 2^53. */
const EXACT_LONG = avro.LongType.__with({
  fromBuffer(buffer: Buffer): number | bigint {
    const value = buffer.readInt32LE(4) * 2 ** 32 + buffer.readUInt32LE(0)
    return Number.isSafeInteger(value) ? value : buffer.readBigInt64LE()
  },
  toBuffer(value: number | bigint): Buffer {
    const buffer = Buffer.allocUnsafe(8)
    buffer.writeBigInt64LE(BigInt(value))
    return buffer
  },
  fromJSON: (value: unknown) => value,
  toJSON: (value: unknown) => String(value),
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** The library's type of a schema, with those that it refers to known by their names. Throws what is wrong with it. */
export function avroType(schema: unknown, references: readonly unknown[] = []): Type {
  const entered = new WeakSet<object>()
  const options = {
    registry: {},
    wrapUnions: 'always' as const,
    logicalTypes: LOGICAL_TYPES as never,
    typeHook: (part: unknown) => {
      if (part === 'long') return EXACT_LONG
      if (typeof part !== 'object' || part === null || !('type' in part) || part.type !== 'long') return undefined
      const isLogical = 'logicalType' in part && Object.hasOwn(LOGICAL_TYPES, String(part.logicalType))
      // A logical type comes twice, the second time for what lies under it.
      if (!isLogical || entered.has(part)) return EXACT_LONG
      entered.add(part)
      return undefined
    },
  }
  for (const reference of references) avsc.Type.forSchema(reference as never, options)
  return avsc.Type.forSchema(schema as never, options)
}

/** How values of a type are brought to the form of their kind. */
export interface FieldReader {
  readonly kind: ValueKind
  convert(value: unknown): Value
}

const same = (value: unknown) => value as Value

export function fieldReader(type: Type): FieldReader {
  if (type instanceof Logical) return { kind: type.kind, convert: same }
  switch (type.typeName) {
    case 'boolean':
    case 'int':
    case 'bytes':
      return { kind: type.typeName, convert: same }
    case 'abstract:long' as never:
      return { kind: 'long', convert: same }
    case 'float':
    case 'double':
      return { kind: 'float', convert: same }
    case 'string':
    case 'enum':
      return { kind: 'text', convert: same }
    case 'fixed':
      return { kind: 'bytes', convert: same }
    case 'null':
      return { kind: 'text', convert: () => null }
    case 'union:wrapped':
      return unionReader((type as avroTypes.WrappedUnionType).types)
    default: {
      const plain = plainReader(type, new Map())
      return { kind: 'json', convert: (value) => JSON.stringify(plain(value)) }
    }
  }
}

/** One of several types, wrapped as `{ name: value }`; those of several kinds meet as text. */
function unionReader(types: readonly Type[]): FieldReader {
  const branches = new Map(types.map((type) => [type.branchName as string, fieldReader(type)]))
  branches.delete('null')
  const kinds = new Set([...branches.values()].map(({ kind }) => kind))
  const [only] = branches
  if (only !== undefined && branches.size === 1) {
    const [name, { kind, convert }] = only
    return { kind, convert: (value) => (value === null ? null : convert((value as Record<string, unknown>)[name])) }
  }
  const kind = kinds.size === 1 ? ([...kinds][0] as ValueKind) : 'text'
  return {
    kind,
    convert(value) {
      if (value === null) return null
      const name = Object.keys(value as object)[0] as string
      const branch = branches.get(name) as FieldReader
      const own = branch.convert((value as Record<string, unknown>)[name])
      return branch.kind === kind || own === null ? own : (textOf(branch.kind, own) ?? null)
    },
  }
}

type Plain = (value: unknown) => unknown

/** A value with parts as JSON has it. Types may hold themselves. */
function plainReader(type: Type, known: Map<Type, Plain>): Plain {
  const found = known.get(type)
  if (found !== undefined) return (value) => (known.get(type) as Plain)(value)
  known.set(type, (value) => value)
  const reader = makePlainReader(type, known)
  known.set(type, reader)
  return reader
}

function makePlainReader(type: Type, known: Map<Type, Plain>): Plain {
  switch (type.typeName) {
    case 'record': {
      const fields = (type as avroTypes.RecordType).fields.map(
        (field) => [field.name, plainReader(field.type, known)] as const,
      )
      return (value) => Object.fromEntries(fields.map(([name, read]) => [name, read((value as never)[name])]))
    }
    case 'array': {
      const read = plainReader((type as avroTypes.ArrayType).itemsType, known)
      return (value) => (value as unknown[]).map(read)
    }
    case 'map': {
      const read = plainReader((type as unknown as { valuesType: Type }).valuesType, known)
      return (value) => Object.fromEntries(Object.entries(value as object).map(([key, own]) => [key, read(own)]))
    }
    case 'union:wrapped': {
      const types = (type as avroTypes.WrappedUnionType).types
      const branches = new Map(types.map((one) => [one.branchName as string, plainReader(one, known)]))
      return (value) => {
        if (value === null) return null
        const name = Object.keys(value as object)[0] as string
        return branches.get(name)?.((value as Record<string, unknown>)[name])
      }
    }
    default: {
      const { kind, convert } = fieldReader(type)
      return (value) => plainOf(kind, convert(value))
    }
  }
}
