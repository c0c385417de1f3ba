import { describeSchema, type SchemaNode } from '@headrace/core'
import { code, table } from './markdown.ts'

interface Row {
  readonly key: string
  readonly schema: SchemaNode
  readonly isRequired: boolean
}

/** A table of everything that can be written below an object: nested keys as paths, list entries as `[]`. */
export function schemaTable(schema: SchemaNode): string {
  const rows = keysOf(schema, '').map(({ key, schema: child, isRequired }) => [
    code(key),
    describeSchema(child),
    isRequired ? 'required' : defaultOf(child),
    child.description ?? '',
  ])
  return table(['Key', 'Value', 'Default', ''], rows)
}

function keysOf(schema: SchemaNode, prefix: string): Row[] {
  const rows: Row[] = []
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (name.startsWith('$')) continue
    const key = prefix + name
    const isRequired = schema.required?.includes(name) === true && child.default === undefined
    rows.push({ key, schema: child, isRequired }, ...below(child, key))
  }
  for (const child of Object.values(schema.patternProperties ?? {})) {
    const key = `${prefix}<name>`
    rows.push({ key, schema: child, isRequired: false }, ...below(child, key))
  }
  return rows
}

function below(schema: SchemaNode, key: string): Row[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((option) => below(option, key))
  const { items } = schema
  if (items !== undefined && !Array.isArray(items)) return below(items as SchemaNode, `${key}[]`)
  return keysOf(schema, `${key}.`)
}

function defaultOf({ default: value }: SchemaNode): string {
  if (value === undefined) return ''
  return code(typeof value === 'string' ? value : JSON.stringify(value))
}
