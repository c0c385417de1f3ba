import { MalformedMessageError } from './errors.ts'
import type { Decoded, Encodable, Field, Fields, Shape, WireType } from './field.ts'
import type { ProtocolReader } from './protocol-reader.ts'
import type { ProtocolWriter } from './protocol-writer.ts'

interface NamedField {
  readonly name: string
  readonly field: Field<unknown>
}

/** What one version of a struct consists of. */
interface Layout {
  readonly plain: readonly NamedField[]
  /** By ascending tag, as the protocol wants them written. */
  readonly tagged: readonly NamedField[]
  /** Defaults of the fields that reading may not come across. */
  readonly defaults: Readonly<Record<string, unknown>>
}

/** Which of `fields` version `version` has, and how. */
function planLayout(fields: Fields, version: number): Layout {
  const named: NamedField[] = Object.entries(fields).map(([name, field]) => ({ name, field }))
  const present = named.filter(({ field }) => version >= field.from && version <= field.to)
  const tagged = present.filter(({ field }) => field.tag !== undefined)
  const plain = present.filter(({ field }) => field.tag === undefined)
  return {
    plain,
    tagged: tagged.sort((a, b) => (a.field.tag ?? 0) - (b.field.tag ?? 0)),
    defaults: Object.fromEntries(named.map(({ name, field }) => [name, field.default])),
  }
}

/** A struct: its fields in order, then in flexible versions the tagged ones. Layouts are planned once per version. */
export function structType<F extends Fields>(fields: F): WireType<Decoded<F>, Encodable<F>> {
  const layouts: Layout[] = []
  const layoutAt = (version: number) => (layouts[version] ??= planLayout(fields, version))
  return {
    kind: 'struct',
    fields,
    zero: planLayout(fields, -1).defaults as Decoded<F>,
    read(reader, shape, nullable) {
      if (nullable && reader.int8() < 0) return null
      return readStruct(reader, layoutAt(shape.version), shape) as Decoded<F>
    },
    write(writer, value, shape, nullable) {
      if (nullable) writer.int8(value === null ? -1 : 1)
      if (value !== null) writeStruct(writer, value, layoutAt(shape.version), shape)
      else if (!nullable) throw new TypeError(`a struct cannot be null in version ${shape.version}`)
    },
  }
}

function readStruct(reader: ProtocolReader, layout: Layout, shape: Shape): Record<string, unknown> {
  const value = { ...layout.defaults }
  for (const { name, field } of layout.plain) value[name] = field.read(reader, shape)
  if (shape.flexible)
    reader.taggedFields((tag) => {
      const known = layout.tagged.find(({ field }) => field.tag === tag)
      if (known) value[known.name] = known.field.read(reader, shape)
    })
  return value
}

function writeStruct(
  writer: ProtocolWriter,
  value: Readonly<Record<string, unknown>>,
  layout: Layout,
  shape: Shape,
): void {
  for (const { name, field } of layout.plain) field.write(writer, givenOrDefault(value, name, field), shape)
  if (!shape.flexible) return
  const tagged = layout.tagged.filter(({ name, field }) => !isDefault(value[name], field))
  writer.unsignedVarint(tagged.length)
  for (const { name, field } of tagged)
    writer.taggedField(field.tag ?? 0, (content) => field.write(content, value[name], shape))
}

function givenOrDefault(value: Readonly<Record<string, unknown>>, name: string, field: Field<unknown>): unknown {
  const given = value[name]
  if (given !== undefined) return given
  if (!field.optional) throw new TypeError(`the message lacks its field "${name}"`)
  return field.default
}

function isDefault(value: unknown, field: Field<unknown>): boolean {
  if (value === undefined || value === field.default) return true
  return Array.isArray(value) && Array.isArray(field.default) && value.length === 0 && field.default.length === 0
}

/** Reads the one struct that a message is, which cannot be null. */
export function readMessage<Out>(reader: ProtocolReader, type: WireType<Out, never>, shape: Shape): Out {
  const value = type.read(reader, shape, false)
  if (value === null) throw new MalformedMessageError('the message is null')
  return value
}
