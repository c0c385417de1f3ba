import { type Field, type ParsedType, parseType } from '@headrace/core'

/** The formats whose schema is registered, and how people call them. */
const REGISTERED_FORMATS = { avro: 'Avro', protobuf: 'Protobuf', jsonSchema: 'JSON Schema' } as const
export type RegisteredFormat = keyof typeof REGISTERED_FORMATS

export function isRegistered(value: unknown): value is RegisteredFormat {
  return typeof value === 'string' && Object.hasOwn(REGISTERED_FORMATS, value)
}

export interface ValueProblem {
  readonly message: string
  readonly hint: string
}

interface Part {
  readonly name: string
  readonly type: ParsedType
}

/** What a format cannot say of rows with these columns, whatever is in them. */
export function valueProblems(format: RegisteredFormat, columns: readonly Field[]): ValueProblem[] {
  const parts = columns.map(({ name, type }) => ({ name, type: parseType(type) }))
  const rules = new Rules(format)
  return [...rules.names(parts, []), ...parts.flatMap(({ name, type }) => rules.type(type, [name]))]
}

class Rules {
  readonly #format: RegisteredFormat

  constructor(format: RegisteredFormat) {
    this.#format = format
  }

  names(parts: readonly Part[], path: readonly string[]): ValueProblem[] {
    const format = REGISTERED_FORMATS[this.#format]
    if (parts.some(({ name }) => name === '')) {
      return [problem(path, `cannot be written as ${format}: its fields have no names`, 'Name them: `{a: …, b: …}`.')]
    }
    if (this.#format === 'jsonSchema') return []
    const odd = parts.filter(({ name }) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    const hint = `Names in ${format} have letters, digits and \`_\`. Rename it in an SQL step.`
    const problems = odd.map(({ name }) => problem([...path, name], `cannot be a field in ${format}`, hint))
    return this.#format === 'protobuf' ? [...problems, ...sameInJson(parts, path)] : problems
  }

  type(type: ParsedType, path: readonly string[]): ValueProblem[] {
    const format = REGISTERED_FORMATS[this.#format]
    switch (type.kind) {
      case 'scalar':
        if (!type.text.startsWith('UNION(')) return []
        return [problem(path, `has the type ${type.text}, which ${format} has no form of`, 'Cast it in an SQL step.')]
      case 'list':
      case 'array':
        return [...this.#within(type.element, 'list', path), ...this.type(type.element, path)]
      case 'map': {
        const hint = 'Make the keys text in an SQL step.'
        const key =
          type.key.kind === 'scalar' ? [] : [problem(path, `is a map whose keys ${format} has no form of`, hint)]
        return [...key, ...this.#within(type.value, 'map', path), ...this.type(type.value, path)]
      }
      case 'struct':
        return [
          ...this.names(type.fields, path),
          ...type.fields.flatMap((field) => this.type(field.type, [...path, field.name])),
        ]
    }
  }

  /** A Protobuf field is one value, a list or a map; these hold single values alone. */
  #within(inner: ParsedType, holder: string, path: readonly string[]): ValueProblem[] {
    if (this.#format !== 'protobuf' || inner.kind === 'scalar' || inner.kind === 'struct') return []
    const message = `is a ${inner.kind === 'map' ? 'map' : 'list'} within a ${holder}, which Protobuf has no form of`
    return [problem(path, message, 'Put a STRUCT between them in an SQL step.')]
  }
}

/** Protobuf derives a name for JSON from each field, and these must differ too. */
function sameInJson(parts: readonly Part[], path: readonly string[]): ValueProblem[] {
  const known = new Map<string, string>()
  return parts.flatMap(({ name }) => {
    const jsonName = name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase())
    const other = known.get(jsonName)
    known.set(jsonName, name)
    if (other === undefined) return []
    const message = `and "${other}" are one name in Protobuf’s JSON form, which it refuses`
    return [problem([...path, name], message, 'Rename one in an SQL step.')]
  })
}

function problem(path: readonly string[], message: string, hint: string): ValueProblem {
  return { message: `the column "${path.join('.')}" ${message}`, hint }
}
