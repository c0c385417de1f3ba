import type { TSchema } from 'typebox'
import type { Notation } from './schema-types.ts'

/** The part of JSON Schema that configurations are described with, and our own words: `notation` and `choice`. */
export interface SchemaNode {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly { readonly required: readonly string[] }[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly required?: readonly string[]
  readonly minProperties?: number
  readonly items?: SchemaNode | readonly SchemaNode[]
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly notation?: Notation
  readonly choice?: string
}

export function schemaNode(schema: TSchema): SchemaNode {
  return schema as SchemaNode
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  array: 'a list',
  null: 'nothing',
}

const NOTATION_WORDS: Readonly<Record<Notation, string>> = {
  duration: 'a duration such as `5 seconds`',
  size: 'a size such as `64 MiB`',
  timestamp: 'a point in time such as `2026-11-20T13:15:48Z`',
  columnType: 'a column type such as `varchar`',
}

/** What a schema asks for, in words that fit behind "must be". */
export function describeSchema(schema: SchemaNode): string {
  if (schema.notation !== undefined) return NOTATION_WORDS[schema.notation]
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum !== undefined) return orList(schema.enum.map((value) => `\`${String(value)}\``))
  if (schema.anyOf !== undefined) return orList([...new Set(schema.anyOf.map(describeSchema))])
  const types = typesOf(schema)
  if (types.length === 1 && types[0] === 'object' && schema.required?.length) {
    return `a mapping with ${schema.required.map((key) => `\`${key}\``).join(', ')}`
  }
  return types.length === 0 ? 'a value' : orList(types.map((type) => TYPE_WORDS[type] ?? type))
}

export function typesOf(schema: SchemaNode): readonly string[] {
  if (schema.type === undefined) return []
  return typeof schema.type === 'string' ? [schema.type] : schema.type
}

/** Whether a value is of one of the schema's types, whatever else the schema asks. */
export function hasType(schema: SchemaNode, value: unknown): boolean {
  const types = typesOf(schema)
  return types.length === 0 || types.some((type) => isOfType(type, value))
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'object') return isMapping(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value)
  return typeof value === type
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
