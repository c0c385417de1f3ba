import { adapters } from '@headrace/adapters'
import { connectionsSchema, pipelineSchema } from '@headrace/core'

/** The JSON Schema that editors check pipeline files with. */
export function pipelineJsonSchema(): string {
  return forEditors(pipelineSchema(adapters))
}

/** The same for `headrace.yaml`. */
export function connectionsJsonSchema(): string {
  return forEditors(connectionsSchema(adapters))
}

function forEditors(schema: object): string {
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...standard(schema) }, undefined, 2)}\n`
}

/** Our own keywords left out, and no key required that has a default. Notations keep their examples. */
function standard(node: object): object {
  const { notation, choice, required, ...rest } = node as Record<string, unknown>
  const visited = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, visit(value)]))
  const { properties = {} } = node as { properties?: Record<string, { default?: unknown }> }
  if (!Array.isArray(required)) return visited
  const left = required.filter((key: string) => properties[key]?.default === undefined)
  return left.length === 0 ? visited : { ...visited, required: left }
}

function visit(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(visit)
  return typeof value === 'object' && value !== null ? standard(value) : value
}
