import { type Field, type ParsedType, parseType } from '@headrace/core'
import { eachElement, eachEntry } from '../row-spans.ts'
import type { ByteWriter } from './byte-writer.ts'
import { blobAt, daysAt, floatAt, nanosAt, secondsAt, textAt, unscaledAt, wholeAt } from './staged-scalars.ts'
import { isNull, named, type ValueFormat, type WriteValue } from './value-encoder.ts'

interface AvroType {
  readonly schema: unknown
  /** Of a value that is not null. */
  readonly write: WriteValue
  readonly mayRefuse: boolean
}

/** Branches of `["null", …]`, as zigzag varints. */
const NULL_BRANCH = 0
const VALUE_BRANCH = 2
const END_OF_BLOCKS = 0
const T = 0x74

/** A record of these columns, each of which may be null. `recordName` may have a namespace before it. */
export function avroFormat(recordName: string, columns: readonly Field[]): ValueFormat {
  const dot = recordName.lastIndexOf('.')
  const name = recordName.slice(dot + 1)
  const names = new RecordNames(name)
  const fields = columns.map((column) => ({
    name: column.name,
    ...avroType(parseType(column.type), `${name}_${column.name}`, names),
  }))
  const namespace = dot < 0 ? {} : { namespace: recordName.slice(0, dot) }
  return {
    type: 'AVRO',
    schema: JSON.stringify({ ...recordOf(name, fields), ...namespace }),
    columns: fields.map((field) => ({
      name: field.name,
      write: named(field.name, orNull(field.write)),
      mayRefuse: field.mayRefuse,
    })),
    head: Buffer.alloc(0),
    tail: Buffer.alloc(0),
  }
}

/** Avro wants each record within to have a name of its own. */
class RecordNames {
  readonly #taken: Set<string>

  constructor(first: string) {
    this.#taken = new Set([first])
  }

  take(wanted: string): string {
    let name = wanted
    while (this.#taken.has(name)) name += '_'
    this.#taken.add(name)
    return name
  }
}

function recordOf(name: string, fields: readonly { readonly name: string; readonly schema: unknown }[]) {
  return {
    type: 'record',
    name,
    fields: fields.map((field) => ({ name: field.name, type: ['null', field.schema], default: null })),
  }
}

function orNull(write: WriteValue): WriteValue {
  return (row, start, end, out) => {
    if (isNull(row, start)) return out.byte(NULL_BRANCH)
    out.byte(VALUE_BRANCH)
    write(row, start, end, out)
  }
}

function avroType(type: ParsedType, name: string, names: RecordNames): AvroType {
  switch (type.kind) {
    case 'scalar':
      return scalar(type.text)
    case 'list':
    case 'array':
      return list(avroType(type.element, name, names))
    case 'map':
      return map(avroType(type.value, name, names))
    case 'struct':
      return struct(type, names.take(name), names)
  }
}

/** One block with all elements. */
function list({ schema, write, mayRefuse }: AvroType): AvroType {
  const element = orNull(write)
  return {
    schema: { type: 'array', items: ['null', schema] },
    mayRefuse,
    write(row, start, _end, out) {
      const count = eachElement(row, start, () => undefined)
      if (count > 0) out.zigzag(count)
      eachElement(row, start, (from, to) => element(row, from, to, out))
      out.byte(END_OF_BLOCKS)
    },
  }
}

function map({ schema, write, mayRefuse }: AvroType): AvroType {
  const value = orNull(write)
  return {
    schema: { type: 'map', values: ['null', schema] },
    mayRefuse,
    write(row, start, _end, out) {
      const count = eachEntry(row, start, () => undefined)
      if (count > 0) out.zigzag(count)
      eachEntry(row, start, (key, from, to) => {
        text(row, key, from - 1, out)
        value(row, from, to, out)
      })
      out.byte(END_OF_BLOCKS)
    },
  }
}

function struct({ fields }: ParsedType & { kind: 'struct' }, name: string, names: RecordNames): AvroType {
  const parts = fields.map((field) => ({
    name: field.name,
    ...avroType(field.type, `${name}_${field.name}`, names),
  }))
  const writes = parts.map(({ write }) => orNull(write))
  return {
    schema: recordOf(name, parts),
    mayRefuse: parts.some((part) => part.mayRefuse),
    write(row, start, _end, out) {
      eachEntry(row, start, (_key, from, to, i) => (writes[i] as WriteValue)(row, from, to, out))
    },
  }
}

function scalar(type: string): AvroType {
  if (/^U?(TINYINT|SMALLINT)$|^INTEGER$/.test(type)) return plain('int', long)
  if (type === 'BIGINT' || type === 'UINTEGER') return plain('long', long)
  if (type === 'UBIGINT') return decimal(20, 0)
  if (/^U?HUGEINT$/.test(type)) return decimal(39, 0)
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? []
  if (precision !== undefined) return decimal(Number(precision), Number(scale))
  if (type === 'FLOAT') return plain('float', (row, start, end, out) => out.float(floatAt(row, start, end)))
  if (type === 'DOUBLE') return plain('double', (row, start, end, out) => out.double(floatAt(row, start, end)))
  if (type === 'BOOLEAN') return plain('boolean', (row, start, _end, out) => out.byte(row[start] === T ? 1 : 0))
  if (type === 'BLOB') return plain('bytes', (row, start, end, out) => sized(blobAt(row, start, end), out))
  if (type === 'UUID') return plain({ type: 'string', logicalType: 'uuid' }, text)
  if (type === 'DATE') {
    return limited({ type: 'int', logicalType: 'date' }, (row, start, end, out) => out.zigzag(daysAt(row, start, end)))
  }
  if (type === 'TIMESTAMP_NS') {
    return limited({ type: 'long', logicalType: 'timestamp-nanos' }, (row, start, end, out) =>
      out.zigzag(BigInt(secondsAt(row, start, end)) * 1_000_000_000n + BigInt(nanosAt(row, start))),
    )
  }
  if (/^TIMESTAMP/.test(type)) return limited({ type: 'long', logicalType: 'timestamp-micros' }, micros)
  return plain('string', type === 'JSON' ? (row, start, end, out) => sized(row.subarray(start, end), out) : text)
}

function plain(schema: unknown, write: WriteValue): AvroType {
  return { schema, write, mayRefuse: false }
}

function limited(schema: unknown, write: WriteValue): AvroType {
  return { schema, write, mayRefuse: true }
}

function long(row: Buffer, start: number, end: number, out: ByteWriter): void {
  out.zigzag(wholeAt(row, start, end))
}

function text(row: Buffer, start: number, end: number, out: ByteWriter): void {
  sized(textAt(row, start, end), out)
}

function sized(bytes: Uint8Array, out: ByteWriter): void {
  out.zigzag(bytes.length)
  out.bytes(bytes)
}

function micros(row: Buffer, start: number, end: number, out: ByteWriter): void {
  const seconds = secondsAt(row, start, end)
  const fraction = Math.floor(nanosAt(row, start) / 1000)
  const all = seconds * 1_000_000 + fraction
  out.zigzag(Number.isSafeInteger(all) ? all : BigInt(seconds) * 1_000_000n + BigInt(fraction))
}

function decimal(precision: number, scale: number): AvroType {
  return plain({ type: 'bytes', logicalType: 'decimal', precision, scale }, (row, start, end, out) => {
    const unscaled = unscaledAt(row, start, end, scale)
    if (typeof unscaled === 'number') twosComplement(unscaled, out)
    else sized(wideTwosComplement(unscaled), out)
  })
}

/** Big-endian, in as few bytes as hold the sign as well. */
function twosComplement(value: number, out: ByteWriter): void {
  let bytes = 1
  for (let limit = 128; value >= limit || value < -limit; limit *= 256) bytes++
  out.zigzag(bytes)
  for (let unit = 256 ** (bytes - 1); unit >= 1; unit /= 256) out.byte(Math.floor(value / unit) % 256)
}

function wideTwosComplement(value: bigint): Buffer {
  let bytes = 1
  while (BigInt.asIntN(8 * bytes, value) !== value) bytes++
  const unsigned = BigInt.asUintN(8 * bytes, value)
  return Buffer.from(unsigned.toString(16).padStart(2 * bytes, '0'), 'hex')
}
