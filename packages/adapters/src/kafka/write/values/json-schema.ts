import { type Field, type ParsedType, parseType } from '@headrace/core'
import { eachElement, eachEntry } from '../row-spans.ts'
import type { ByteWriter } from './byte-writer.ts'
import { blobAt, daysAt, endOfTime, secondsAt, textAt, ValueRefusedError } from './staged-scalars.ts'
import { isNull, named, type ValueFormat, type WriteValue } from './value-encoder.ts'

const DIALECT = 'http://json-schema.org/draft-07/schema#'
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const MINUS = 0x2d
const UPPER_I = 0x49
const UPPER_N = 0x4e
const UPPER_T = 0x54
const UTC = Buffer.from('Z"')

interface JsonType {
  readonly schema: Readonly<Record<string, unknown>>
  /** Where the value is not simply what DuckDB has staged. */
  readonly write?: WriteValue
}

/** The row's JSON with a schema that is closed: a column that is added later stays compatible with it. */
export function jsonSchemaFormat(recordName: string, columns: readonly Field[]): ValueFormat {
  const types = columns.map(({ name, type }) => ({ name, ...jsonType(parseType(type)) }))
  return {
    type: 'JSON',
    schema: JSON.stringify({ $schema: DIALECT, title: recordName, type: 'object', ...properties(types) }),
    columns: types.map(({ name, write = copy }, i) => {
      const value = orNull(write)
      const key = Buffer.from(`${i === 0 ? '' : ','}${JSON.stringify(name)}:`)
      return {
        name,
        mayRefuse: write !== copy,
        write: named(name, (row, start, end, out) => {
          out.bytes(key)
          value(row, start, end, out)
        }),
      }
    }),
    head: Buffer.from('{'),
    tail: Buffer.from('}'),
  }
}

function properties(types: readonly (JsonType & { readonly name: string })[]) {
  return {
    properties: Object.fromEntries(types.map(({ name, schema }) => [name, nullable(schema)])),
    additionalProperties: false,
  }
}

/** What says nothing of a type takes null as it is. */
function nullable(schema: JsonType['schema']): JsonType['schema'] {
  return schema.type === undefined ? schema : { ...schema, type: [schema.type, 'null'] }
}

function copy(row: Buffer, start: number, end: number, out: ByteWriter): void {
  out.copy(row, start, end)
}

function orNull(write: WriteValue): WriteValue {
  return (row, start, end, out) => (isNull(row, start) ? copy : write)(row, start, end, out)
}

function jsonType(type: ParsedType): JsonType {
  switch (type.kind) {
    case 'scalar':
      return scalar(type.text)
    case 'list':
      return list(jsonType(type.element))
    case 'array': {
      const { schema, ...rest } = list(jsonType(type.element))
      return { schema: { ...schema, minItems: type.size, maxItems: type.size }, ...rest }
    }
    case 'map': {
      const { schema, write } = jsonType(type.value)
      return {
        schema: { type: 'object', additionalProperties: nullable(schema) },
        ...(write !== undefined && { write: objectWriter([orNull(write)]) }),
      }
    }
    case 'struct': {
      const types = type.fields.map((field) => ({ name: field.name, ...jsonType(field.type) }))
      const isCopied = types.every(({ write }) => write === undefined)
      const writes = types.map(({ write = copy }) => orNull(write))
      return {
        schema: { type: 'object', ...properties(types) },
        ...(!isCopied && { write: objectWriter(writes) }),
      }
    }
  }
}

function list({ schema, write }: JsonType): JsonType {
  const element = write === undefined ? undefined : orNull(write)
  return {
    schema: { type: 'array', items: nullable(schema) },
    ...(element !== undefined && {
      write(row, start, _end, out) {
        let separator = OPEN_BRACKET
        const count = eachElement(row, start, (from, to) => {
          out.byte(separator)
          separator = COMMA
          element(row, from, to, out)
        })
        if (count === 0) out.byte(OPEN_BRACKET)
        out.byte(CLOSE_BRACKET)
      },
    }),
  }
}

/** The last of `writes` is for all further entries too. */
function objectWriter(writes: readonly WriteValue[]): WriteValue {
  const last = writes.length - 1
  return (row, start, _end, out) => {
    let separator = OPEN_BRACE
    const count = eachEntry(row, start, (key, from, to, i) => {
      out.byte(separator)
      separator = COMMA
      out.copy(row, key, from - 1)
      out.byte(COLON)
      writes[Math.min(i, last)]?.(row, from, to, out)
    })
    if (count === 0) out.byte(OPEN_BRACE)
    out.byte(CLOSE_BRACE)
  }
}

function scalar(type: string): JsonType {
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/.test(type)) return { schema: { type: 'integer' } }
  if (/^DECIMAL/.test(type)) return { schema: { type: 'number' } }
  if (type === 'FLOAT' || type === 'DOUBLE') return { schema: { type: 'number' }, write: finite }
  if (type === 'BOOLEAN') return { schema: { type: 'boolean' } }
  if (type === 'DATE') return { schema: { type: 'string', format: 'date' }, write: date }
  if (/^TIMESTAMP/.test(type)) return { schema: { type: 'string', format: 'date-time' }, write: dateTime }
  if (type === 'BLOB') return { schema: { type: 'string', contentEncoding: 'base64' }, write: base64 }
  if (type === 'UUID') return { schema: { type: 'string', format: 'uuid' } }
  if (type === 'JSON' || type === 'VARIANT') return { schema: {} }
  return type === 'BIGNUM' ? { schema: { type: 'integer' } } : { schema: { type: 'string' } }
}

function finite(row: Buffer, start: number, end: number, out: ByteWriter): void {
  const first = row[row[start] === MINUS ? start + 1 : start]
  if (first === UPPER_N || first === UPPER_I) {
    throw new ValueRefusedError(`${textAt(row, start, end).toString()} is no number in JSON`)
  }
  out.copy(row, start, end)
}

function date(row: Buffer, start: number, end: number, out: ByteWriter): void {
  daysAt(row, start, end)
  out.copy(row, start, end)
}

function base64(row: Buffer, start: number, end: number, out: ByteWriter): void {
  out.bytes(Buffer.from(`"${blobAt(row, start, end).toString('base64')}"`))
}

/** As RFC 3339 has it: `2026-11-20T01:02:03.123456Z`. */
function dateTime(row: Buffer, start: number, end: number, out: ByteWriter): void {
  secondsAt(row, start, end)
  out.copy(row, start, start + 11)
  out.byte(UPPER_T)
  out.copy(row, start + 12, endOfTime(row, start))
  out.bytes(UTC)
}
