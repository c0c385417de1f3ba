import { type Field, type ParsedType, parseType } from '@headrace/core'
import avsc, { type Type } from 'avsc'
import { blobOf } from './blob-text.ts'

/** Rows as Avro: the schema to register, and each row's bytes. */
export interface AvroRows {
  readonly schema: string
  encode(row: Buffer): Buffer
}

interface AvroColumn {
  readonly schema: unknown
  /** From the staged JSON, in which numbers are given as their text. */
  readonly convert: (value: unknown) => unknown
}

/** 64 bits without loss: the library's own longs end at 2^53. */
const EXACT_LONG = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer(value: bigint): Buffer {
    const buffer = Buffer.allocUnsafe(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: (value: unknown) => value,
  toJSON: (value: unknown) => String(value),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** A record of these columns under the name, each of which may be null. */
export function avroRows(name: string, columns: readonly Field[]): AvroRows {
  const fields = columns.map((column) => ({
    name: column.name,
    ...avroColumn(parseType(column.type), `${name}_${column.name}`),
  }))
  const schema = recordOf(name, fields)
  const type = typeOf(schema)
  return {
    schema: JSON.stringify(schema),
    encode(row) {
      const values = JSON.parse(row.toString(), numbersAsText) as Record<string, unknown>
      return type.toBuffer(
        Object.fromEntries(fields.map((field) => [field.name, orNull(values[field.name], field.convert)])),
      )
    },
  }
}

function typeOf(schema: unknown): Type {
  const typeHook = (part: unknown) => {
    const isLong =
      part === 'long' || (typeof part === 'object' && part !== null && 'type' in part && part.type === 'long')
    return isLong ? EXACT_LONG : undefined
  }
  return avsc.Type.forSchema(schema as never, { typeHook })
}

function numbersAsText(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value
}

function orNull(value: unknown, convert: (value: unknown) => unknown): unknown {
  return value === null || value === undefined ? null : convert(value)
}

function recordOf(name: string, fields: readonly { readonly name: string; readonly schema: unknown }[]) {
  return {
    type: 'record',
    name,
    fields: fields.map((field) => ({ name: field.name, type: ['null', field.schema], default: null })),
  }
}

/** `name` is what a record within is called: Avro wants each to have one of its own. */
function avroColumn(type: ParsedType, name: string): AvroColumn {
  switch (type.kind) {
    case 'scalar':
      return avroScalar(type.text)
    case 'list':
    case 'array': {
      const { schema, convert } = avroColumn(type.element, name)
      return {
        schema: { type: 'array', items: ['null', schema] },
        convert: (value) => (value as unknown[]).map((one) => orNull(one, convert)),
      }
    }
    case 'map': {
      const { schema, convert } = avroColumn(type.value, name)
      return {
        schema: { type: 'map', values: ['null', schema] },
        convert: (value) => mapped(value, () => convert),
      }
    }
    case 'struct': {
      const fields = type.fields.map((field) => ({
        name: field.name,
        ...avroColumn(field.type, `${name}_${field.name}`),
      }))
      const converts = new Map(fields.map((field) => [field.name, field.convert]))
      return {
        schema: recordOf(name, fields),
        convert: (value) => mapped(value, (key) => converts.get(key) ?? ((own) => own)),
      }
    }
  }
}

function mapped(value: unknown, convertOf: (key: string) => (value: unknown) => unknown): unknown {
  return Object.fromEntries(Object.entries(value as object).map(([key, own]) => [key, orNull(own, convertOf(key))]))
}

function avroScalar(text: string): AvroColumn {
  if (/^U?(TINYINT|SMALLINT)$|^INTEGER$/.test(text)) return { schema: 'int', convert: Number }
  if (text === 'BIGINT' || text === 'UINTEGER') return { schema: 'long', convert: (value) => BigInt(value as string) }
  if (text === 'UBIGINT') return avroDecimal(20, 0)
  if (/^U?HUGEINT$/.test(text)) return avroDecimal(39, 0)
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(text) ?? []
  if (precision !== undefined) return avroDecimal(Number(precision), Number(scale))
  if (text === 'FLOAT' || text === 'DOUBLE') return { schema: 'double', convert: (value) => doubleOf(value as string) }
  if (text === 'BOOLEAN') return { schema: 'boolean', convert: (value) => value }
  if (text === 'DATE') {
    const days = (value: unknown) => Date.parse(`${value as string}T00:00:00Z`) / 86_400_000
    return { schema: { type: 'int', logicalType: 'date' }, convert: days }
  }
  if (/^TIMESTAMP/.test(text)) {
    return { schema: { type: 'long', logicalType: 'timestamp-micros' }, convert: (value) => microsOf(value as string) }
  }
  if (text === 'BLOB') return { schema: 'bytes', convert: (value) => blobOf(value as string) }
  const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return { schema: text === 'UUID' ? { type: 'string', logicalType: 'uuid' } : 'string', convert: asText }
}

/** Numbers that are none are words: `nan`, `inf`, `-inf`, in one spelling or another. */
function doubleOf(text: string): number {
  if (/nan/i.test(text)) return Number.NaN
  return /inf/i.test(text) ? (text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number(text)
}

/** DuckDB's text form, `2026-11-20 01:02:03.123456`, with `+00` where it has a zone, which is UTC. */
function microsOf(text: string): bigint {
  const [, seconds = '', fraction = ''] = /^(\S+ \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?/.exec(text) ?? []
  return BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'))
}

function avroDecimal(precision: number, scale: number): AvroColumn {
  return {
    schema: { type: 'bytes', logicalType: 'decimal', precision, scale },
    convert(value) {
      const [whole = '0', fraction = ''] = (value as string).split('.')
      return twosComplement(BigInt(whole + fraction.padEnd(scale, '0')))
    },
  }
}

/** Big-endian, in as few bytes as hold the sign as well. */
function twosComplement(value: bigint): Buffer {
  let bytes = 1
  while (BigInt.asIntN(8 * bytes, value) !== value) bytes++
  const unsigned = BigInt.asUintN(8 * bytes, value)
  return Buffer.from(unsigned.toString(16).padStart(2 * bytes, '0'), 'hex')
}
