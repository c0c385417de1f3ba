import type protobuf from 'protobufjs'
import type { DecodeConfigOf } from '../config/decode-schema.ts'
import type { Field } from '../model/index.ts'
import type { SchemaRegistry } from '../registry/index.ts'
import type { Decoder } from './decoder.ts'
import { DecodeSchemaError } from './errors.ts'
import { messageField } from './protobuf-fields.ts'
import { messageAt, messagesOf, type ProtoFile, parseProto } from './protobuf-file.ts'
import { everyReference, usable } from './registered.ts'
import { type SchemaSource, schemaDecoder, type ValueReader } from './schema-decoder.ts'

/** Deeper than any message is nested. */
const MAX_PATH = 32

/** Protobuf messages, each of the schema and message that its frame names, or all of the one in the pipeline file. */
export function protobufDecoder(
  config: DecodeConfigOf<'protobuf'>,
  registry: (name?: string) => SchemaRegistry,
): Decoder {
  const { schema, message } = config
  if (schema === undefined) {
    const open = registry(config.registry)
    return schemaDecoder('Protobuf', (columns) => registered(open, columns))
  }
  const type = givenType(schema, message)
  return schemaDecoder('Protobuf', (columns) => {
    const reader = readerOf(type, columns, (value) => value)
    return { isFramed: false, reader: async () => reader }
  })
}

function givenType(schema: string, name: string | undefined): protobuf.Type {
  try {
    const { messages } = parseProto(schema, new Map())
    const every = messages.flatMap(withNested)
    const found = name === undefined ? messages : every.filter((type) => isNamed(type, name))
    const [type] = found
    if (type === undefined) throw new Error(name === undefined ? 'it has no message' : `it has no message ${name}`)
    if (found.length > 1) throw new Error('it has several messages: name one in `message`')
    return type
  } catch (cause) {
    throw new DecodeSchemaError({ format: 'protobuf', problem: (cause as Error).message }, { cause })
  }
}

function withNested(type: protobuf.Type): protobuf.Type[] {
  return [type, ...messagesOf(type).flatMap(withNested)]
}

function isNamed(type: protobuf.Type, name: string): boolean {
  return type.fullName === `.${name}` || type.name === name
}

function registered(registry: SchemaRegistry, columns: readonly Field[]): SchemaSource {
  const files = new Map<number, ProtoFile>()
  const places = new MessagePlaces()
  const reader = usable(registry, async (found, id) => {
    if (found.type !== 'PROTOBUF') return `schema ${id} is ${found.type}, not Protobuf`
    files.set(id, parseProto(found.text, new Map(everyReference(found).map(({ name, text }) => [name, text]))))
    return { kinds: [], read() {} }
  })
  const readers = new Map<number, ValueReader | string>()
  return {
    isFramed: true,
    key: (id, body) => places.key(id, body),
    async reader(key) {
      const known = readers.get(key)
      if (known !== undefined) return known
      const { id, path } = places.at(key)
      const schema = await reader(id)
      if (typeof schema === 'string') return schema
      const made = readerAt(files.get(id) as ProtoFile, id, path, columns)
      readers.set(key, made)
      return made
    },
  }
}

function readerAt(
  file: ProtoFile,
  id: number,
  path: readonly number[],
  columns: readonly Field[],
): ValueReader | string {
  try {
    return readerOf(messageAt(file, path), columns, (body) => body.subarray(readPath(body).bytes))
  } catch (error) {
    return `schema ${id} cannot be used: ${(error as Error).message}`
  }
}

/** Numbers for pairs of a schema id and a message's place in its file. */
class MessagePlaces {
  readonly #places: { readonly id: number; readonly path: readonly number[] }[] = []
  readonly #first = new Map<number, number>()
  readonly #others = new Map<string, number>()

  /** Throws where the body does not begin with a message's place. */
  key(id: number, body: Uint8Array): number {
    // One zero byte is short for the file's first message: by far the most common.
    const isFirst = body[0] === 0
    const known = isFirst ? this.#first.get(id) : undefined
    if (known !== undefined) return known
    const { path } = readPath(body)
    const name = `${id}:${path.join('.')}`
    const key = this.#others.get(name) ?? this.#places.push({ id, path }) - 1
    this.#others.set(name, key)
    if (isFirst) this.#first.set(id, key)
    return key
  }

  at(key: number): { readonly id: number; readonly path: readonly number[] } {
    return this.#places[key] as { readonly id: number; readonly path: readonly number[] }
  }
}

/** How many numbers, then the numbers: zigzag varints. */
function readPath(body: Uint8Array): { path: readonly number[]; bytes: number } {
  let at = 0
  const next = () => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = body[at++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new Error('it does not say which message it is')
  }
  const count = next()
  if (count < 0 || count > MAX_PATH) throw new Error('it does not say which message it is')
  const path = count === 0 ? [0] : Array.from({ length: count }, next)
  return { path, bytes: at }
}

function readerOf(
  type: protobuf.Type,
  columns: readonly Field[],
  bodyOf: (value: Uint8Array) => Uint8Array,
): ValueReader {
  const fields = columns.map(({ name }) => {
    const field = type.fields[name]
    return field === undefined ? undefined : messageField(field)
  })
  return {
    kinds: fields.map((field) => field?.kind),
    read(value, into) {
      const message = type.decode(bodyOf(value))
      for (let c = 0; c < fields.length; c++) into[c] = fields[c]?.of(message) ?? null
    },
  }
}
