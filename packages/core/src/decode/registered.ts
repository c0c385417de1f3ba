import { type RegisteredSchema, RegistrySchemaMissingError, type SchemaRegistry } from '../registry/index.ts'
import type { ValueReader } from './schema-decoder.ts'

/** Readers of registered schemas, each made once; why one cannot be used, as a text. */
export function usable(
  registry: SchemaRegistry,
  make: (schema: RegisteredSchema, id: number) => Promise<ValueReader | string>,
): (id: number) => Promise<ValueReader | string> {
  const known = new Map<number, ValueReader | string>()
  return async (id) => {
    const found = known.get(id)
    if (found !== undefined) return found
    let schema: RegisteredSchema
    try {
      schema = await registry.schema(id)
    } catch (error) {
      // Not kept: the registry may learn of it.
      if (error instanceof RegistrySchemaMissingError) return error.message
      throw error
    }
    const made = await make(schema, id).catch((error: Error) => `schema ${id} cannot be used: ${error.message}`)
    known.set(id, made)
    return made
  }
}

/** All that a schema refers to, what others need first, each name once. */
export function everyReference(schema: RegisteredSchema): RegisteredSchema['references'] {
  const found = schema.references.flatMap((one) => [...everyReference(one), one])
  return [...new Map(found.map((one) => [one.name, one])).values()]
}
