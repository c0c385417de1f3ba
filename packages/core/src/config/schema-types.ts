import Type, { type TUnsafe } from 'typebox'

/** Texts that the schema's own language cannot describe; `checkValue` looks at them with the parser of the same name. */
export type Notation = 'duration' | 'size' | 'timestamp' | 'columnType'

interface NotationOptions {
  readonly description?: string
  readonly default?: string
}

/** A duration as people write it (`5 seconds`) or a number of ms; `parseDuration` reads the checked value. */
export function Duration(options: NotationOptions = {}): TUnsafe<string | number> {
  return quantity('duration', ['5 seconds', '1 minute'], options)
}

/** A size as people write it (`64 MiB`) or a number of bytes; `parseSize` reads the checked value. */
export function Size(options: NotationOptions = {}): TUnsafe<string | number> {
  return quantity('size', ['64 MiB', '1 MB'], options)
}

/** A point in time in ISO 8601; without an offset it is UTC. */
export function Timestamp(options: NotationOptions = {}): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', notation: 'timestamp', examples: ['2026-11-20T13:15:48Z'], ...options })
}

/** The type of a declared column: `varchar`, `decimal(18,3)`, `bigint[]`, `struct(a integer)`. */
export function ColumnType(options: NotationOptions = {}): TUnsafe<string> {
  return Type.Unsafe<string>({
    type: 'string',
    notation: 'columnType',
    examples: ['varchar', 'decimal(18,3)'],
    ...options,
  })
}

function quantity(notation: Notation, examples: string[], options: NotationOptions): TUnsafe<string | number> {
  return Type.Unsafe<string | number>({
    type: ['string', 'number'],
    notation,
    pattern: '^\\s*\\d+(\\.\\d+)?\\s*[A-Za-z]+\\s*$',
    minimum: 0,
    examples,
    ...options,
  })
}

/**
 * Makes an object schema one of whose keys must be there, and only one: an adapter, a kind of step, a format. `what` is
 * the word for messages (`sink adapter`).
 */
export function exactlyOne(keys: readonly string[], what: string): { oneOf: { required: string[] }[]; choice: string } {
  return { oneOf: keys.map((key) => ({ required: [key] })), choice: what }
}
