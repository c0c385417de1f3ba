import type { types as avro, Type } from 'avsc'
import type { DecodeConfigOf } from '../config/decode-schema.ts'
import type { Field } from '../model/index.ts'
import type { SchemaRegistry } from '../registry/index.ts'
import { avroType, type FieldReader, fieldReader } from './avro-types.ts'
import type { Decoder } from './decoder.ts'
import { DecodeSchemaError } from './errors.ts'
import { everyReference, usable } from './registered.ts'
import { type SchemaSource, schemaDecoder, type ValueReader } from './schema-decoder.ts'

/** Avro records, each written by the schema that its frame names, or all by the one of the pipeline file. */
export function avroDecoder(config: DecodeConfigOf<'avro'>, registry: (name?: string) => SchemaRegistry): Decoder {
  const { schema } = config
  if (schema === undefined) {
    const open = registry(config.registry)
    return schemaDecoder('Avro', (columns) => registered(open, columns))
  }
  const type = givenType(schema)
  return schemaDecoder('Avro', (columns) => {
    const reader = readerOf(type, columns)
    return { isFramed: false, reader: async () => reader }
  })
}

function givenType(schema: unknown): Type {
  try {
    const type = avroType(typeof schema === 'string' ? JSON.parse(schema) : schema)
    if (type.typeName !== 'record') throw new Error(`it is of type ${type.typeName}, not a record`)
    return type
  } catch (cause) {
    throw new DecodeSchemaError({ format: 'avro', problem: (cause as Error).message }, { cause })
  }
}

function registered(registry: SchemaRegistry, columns: readonly Field[]): SchemaSource {
  return {
    isFramed: true,
    reader: usable(registry, async (found, id) => {
      if (found.type !== 'AVRO') return `schema ${id} is ${found.type}, not Avro`
      const type = avroType(
        JSON.parse(found.text),
        everyReference(found).map(({ text }) => JSON.parse(text)),
      )
      return type.typeName === 'record'
        ? readerOf(type, columns)
        : `schema ${id} is of type ${type.typeName}, not a record`
    }),
  }
}

function readerOf(type: Type, columns: readonly Field[]): ValueReader {
  const byName = new Map((type as avro.RecordType).fields.map((field) => [field.name, field]))
  const fields = columns.map(({ name }) => {
    const field = byName.get(name)
    return field === undefined ? undefined : { name, ...fieldReader(field.type) }
  })
  return {
    kinds: fields.map((field) => field?.kind),
    read(value, into) {
      const record = type.fromBuffer(asBuffer(value)) as Record<string, unknown>
      for (let c = 0; c < fields.length; c++) {
        const field = fields[c] as (FieldReader & { name: string }) | undefined
        into[c] = field === undefined ? null : field.convert(record[field.name])
      }
    },
  }
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.length)
}
