import { type Field, type ParsedType, parseType } from '@headrace/core'
import { eachElement, eachEntry } from '../row-spans.ts'
import type { ByteWriter } from './byte-writer.ts'
import { blobAt, floatAt, nanosAt, secondsAt, textAt, ValueRefusedError, wholeAt } from './staged-scalars.ts'
import { isNull, named, type ValueFormat, type WriteValue } from './value-encoder.ts'

const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
const FIXED32 = 5

const T = 0x74
const CLOSE_BRACKET = 0x5d

const TIMESTAMP = 'google.protobuf.Timestamp'
/** Of a map's entry. */
const KEY_NUMBER = 1
const VALUE_NUMBER = 2

/** What a field can hold one of. */
interface ProtoType {
  readonly name: string
  readonly wire: typeof VARINT | typeof FIXED64 | typeof DELIMITED | typeof FIXED32
  /** Without its tag, with its length where it has one. */
  readonly write: WriteValue
  readonly mayRefuse: boolean
  /** A message: it needs no word to say whether it is there. */
  readonly isMessage: boolean
}

interface ProtoField {
  /** `optional int32 n = 1;` */
  readonly line: string
  /** With its tag, nothing for NULL. */
  readonly write: WriteValue
  readonly mayRefuse: boolean
}

/** A file with one message of these columns, numbered in their order. `recordName` may have a package before it. */
export function protobufFormat(recordName: string, columns: readonly Field[]): ValueFormat {
  const dot = recordName.lastIndexOf('.')
  const message = new Message(recordName.slice(dot + 1), columns)
  const text = message.lines().join('\n')
  const lines = [
    'syntax = "proto3";',
    ...(dot < 0 ? [] : [`package ${recordName.slice(0, dot)};`]),
    '',
    ...(text.includes(TIMESTAMP) ? ['import "google/protobuf/timestamp.proto";', ''] : []),
    text,
    '',
  ]
  return {
    type: 'PROTOBUF',
    schema: lines.join('\n'),
    columns: message.fields.map(({ write, mayRefuse }, i) => {
      const { name } = columns[i] as Field
      return { name, write: named(name, write), mayRefuse }
    }),
    // Which message of the file it is: the first.
    head: Buffer.from([0]),
    tail: Buffer.alloc(0),
  }
}

interface Part {
  readonly name: string
  readonly type: string | ParsedType
}

class Message {
  readonly name: string
  readonly fields: readonly ProtoField[]
  readonly #nested: Message[] = []
  readonly #taken: Set<string>

  constructor(name: string, parts: readonly Part[]) {
    this.name = name
    this.#taken = new Set(parts.map((part) => part.name))
    this.fields = parts.map((part, i) => this.#field(part, i + 1))
  }

  lines(): string[] {
    const nested = this.#nested.flatMap((message) => message.lines())
    return [`message ${this.name} {`, ...[...nested, ...this.fields.map(({ line }) => line)].map((l) => `  ${l}`), '}']
  }

  #field({ name, type: own }: Part, number: number): ProtoField {
    const type = typeof own === 'string' ? parseType(own) : own
    if (type.kind === 'list' || type.kind === 'array') {
      const element = this.#type(type.element, name)
      return { line: `repeated ${element.name} ${name} = ${number};`, ...repeated(number, element) }
    }
    if (type.kind === 'map') {
      const value = this.#type(type.value, name)
      return { line: `map<string, ${value.name}> ${name} = ${number};`, ...map(number, value) }
    }
    const value = this.#type(type, name)
    const { write, mayRefuse } = value
    return {
      line: `${value.isMessage ? '' : 'optional '}${value.name} ${name} = ${number};`,
      mayRefuse,
      write(row, start, end, out) {
        if (isNull(row, start)) return
        tag(number, value.wire, out)
        write(row, start, end, out)
      },
    }
  }

  /** Of one value; a struct becomes a message within this one. */
  #type(type: ParsedType, field: string): ProtoType {
    if (type.kind === 'scalar') return scalar(type.text)
    if (type.kind !== 'struct') throw new Error(`the field ${field} has a type that is refused when it is checked`)
    const message = new Message(this.#nestedName(field), type.fields)
    this.#nested.push(message)
    const { fields } = message
    return {
      name: message.name,
      wire: DELIMITED,
      isMessage: true,
      mayRefuse: fields.some(({ mayRefuse }) => mayRefuse),
      write(row, from, _end, out) {
        const opened = out.open()
        eachEntry(row, from, (_key, start, end, i) => (fields[i] as ProtoField).write(row, start, end, out))
        out.close(opened)
      },
    }
  }

  #nestedName(field: string): string {
    const words = field.replaceAll(/(?:^|_+)([a-z0-9])/g, (_, first: string) => first.toUpperCase())
    let name = /^\d/.test(words) ? `_${words}` : words
    while (this.#taken.has(name)) name += '_'
    this.#taken.add(name)
    return name
  }
}

/** Numbers go one after another behind one tag, everything else has a tag each. */
function repeated(number: number, { wire, write }: ProtoType): Omit<ProtoField, 'line'> {
  const isPacked = wire !== DELIMITED
  return {
    mayRefuse: true,
    write(row, start, _end, out) {
      if (isNull(row, start) || row[start + 1] === CLOSE_BRACKET) return
      if (isPacked) tag(number, DELIMITED, out)
      const opened = isPacked ? out.open() : 0
      eachElement(row, start, (from, to) => {
        if (isNull(row, from)) throw new ValueRefusedError('a list with NULL in it cannot be a repeated field')
        if (!isPacked) tag(number, wire, out)
        write(row, from, to, out)
      })
      if (isPacked) out.close(opened)
    },
  }
}

function map(number: number, { wire, write }: ProtoType): Omit<ProtoField, 'line'> {
  return {
    mayRefuse: true,
    write(row, start, _end, out) {
      if (isNull(row, start)) return
      eachEntry(row, start, (key, from, to) => {
        if (isNull(row, from)) throw new ValueRefusedError('a map with NULL in it cannot be a map field')
        tag(number, DELIMITED, out)
        const opened = out.open()
        tag(KEY_NUMBER, DELIMITED, out)
        text(row, key, from - 1, out)
        tag(VALUE_NUMBER, wire, out)
        write(row, from, to, out)
        out.close(opened)
      })
    },
  }
}

function scalar(type: string): ProtoType {
  if (/^(TINYINT|SMALLINT|INTEGER)$/.test(type)) return plain('int32', VARINT, whole)
  if (/^U(TINYINT|SMALLINT|INTEGER)$/.test(type)) return plain('uint32', VARINT, whole)
  if (type === 'BIGINT') return plain('int64', VARINT, whole)
  if (type === 'UBIGINT') return plain('uint64', VARINT, whole)
  if (type === 'FLOAT') return plain('float', FIXED32, (row, start, end, out) => out.float(floatAt(row, start, end)))
  if (type === 'DOUBLE') return plain('double', FIXED64, (row, start, end, out) => out.double(floatAt(row, start, end)))
  if (type === 'BOOLEAN') return plain('bool', VARINT, (row, start, _end, out) => out.byte(row[start] === T ? 1 : 0))
  if (type === 'BLOB') return plain('bytes', DELIMITED, (row, start, end, out) => sized(blobAt(row, start, end), out))
  if (/^TIMESTAMP/.test(type)) {
    return { name: TIMESTAMP, wire: DELIMITED, isMessage: true, mayRefuse: true, write: timestamp }
  }
  const write: WriteValue = (row, start, end, out) => sized(row.subarray(start, end), out)
  return plain('string', DELIMITED, type === 'JSON' ? write : text)
}

function plain(name: string, wire: ProtoType['wire'], write: WriteValue): ProtoType {
  return { name, wire, write, mayRefuse: false, isMessage: false }
}

function tag(number: number, wire: number, out: ByteWriter): void {
  out.varint(8 * number + wire)
}

function whole(row: Buffer, start: number, end: number, out: ByteWriter): void {
  out.varint(wholeAt(row, start, end))
}

function text(row: Buffer, start: number, end: number, out: ByteWriter): void {
  sized(textAt(row, start, end), out)
}

function sized(bytes: Uint8Array, out: ByteWriter): void {
  out.varint(bytes.length)
  out.bytes(bytes)
}

/** `int64 seconds = 1; int32 nanos = 2;` */
function timestamp(row: Buffer, start: number, end: number, out: ByteWriter): void {
  const opened = out.open()
  const seconds = secondsAt(row, start, end)
  const nanos = nanosAt(row, start)
  if (seconds !== 0) {
    tag(1, VARINT, out)
    out.varint(seconds)
  }
  if (nanos !== 0) {
    tag(2, VARINT, out)
    out.varint(nanos)
  }
  out.close(opened)
}
