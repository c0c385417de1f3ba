import { HeadraceError } from '../errors/index.ts'
import { parseColumnType } from './column-type.ts'
import { InvalidValueError, WrongTypeError } from './errors.ts'
import { describeSchema, type SchemaNode } from './schema-node.ts'
import type { Notation } from './schema-types.ts'
import { nearest } from './suggest.ts'
import { parseTimestamp } from './timestamp.ts'
import { parseDuration, parseSize } from './units.ts'

/** How messages name a value: the key that leads to it, and its text (or what stands for a secret). */
export interface Shown {
  readonly name: string
  readonly value: string
  /** The value comes from an interpolation: its own text must not appear. */
  readonly isInterpolated: boolean
}

/** What is wrong with a text, number or boolean that is of the right type; undefined where nothing is. */
export function scalarMistake(schema: SchemaNode, value: unknown, shown: Shown): HeadraceError | undefined {
  if (schema.const !== undefined && value !== schema.const) return notOneOf([schema.const], value, shown)
  if (schema.enum !== undefined && !schema.enum.includes(value)) return notOneOf(schema.enum, value, shown)
  if (schema.notation !== undefined) return notationMistake(schema, schema.notation, value, shown)
  if (typeof value === 'string') return textMistake(schema, value, shown)
  return typeof value === 'number' ? rangeMistake(schema, value, shown) : undefined
}

const PARSERS: Readonly<Record<Notation, (value: never) => unknown>> = {
  duration: parseDuration,
  size: parseSize,
  timestamp: parseTimestamp,
  columnType: parseColumnType,
}

function notationMistake(
  schema: SchemaNode,
  notation: Notation,
  value: unknown,
  shown: Shown,
): HeadraceError | undefined {
  try {
    PARSERS[notation](value as never)
    return undefined
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error
    if (!shown.isInterpolated) return error
    return new WrongTypeError({ key: shown.name, expected: describeSchema(schema), found: shown.value })
  }
}

function textMistake(schema: SchemaNode, text: string, { name, value }: Shown): HeadraceError | undefined {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema
  if (text.length < minLength) {
    const message = text === '' ? `${name} is empty` : `${name} must have at least ${minLength} characters`
    return invalid(message, `Write ${describeSchema(schema)} here.`)
  }
  if (text.length > maxLength) return invalid(`${name} must have at most ${maxLength} characters`, 'Shorten it.')
  if (pattern === undefined || new RegExp(pattern).test(text)) return undefined
  const rule = `It must match \`${pattern}\`.`
  return invalid(
    `${name} cannot be ${value}`,
    schema.description === undefined ? rule : `${schema.description} ${rule}`,
  )
}

function rangeMistake(schema: SchemaNode, value: number, shown: Shown): HeadraceError | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  const mistake = (rule: string, hint: string) => invalid(`${shown.name} must be ${rule}, not ${shown.value}`, hint)
  if (minimum !== undefined && value < minimum) return mistake(`at least ${minimum}`, 'Write a larger number.')
  if (maximum !== undefined && value > maximum) return mistake(`at most ${maximum}`, 'Write a smaller number.')
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return mistake(`more than ${exclusiveMinimum}`, 'Write a larger number.')
  }
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
    return mistake(`less than ${exclusiveMaximum}`, 'Write a smaller number.')
  }
  return undefined
}

function notOneOf(allowed: readonly unknown[], value: unknown, shown: Shown): HeadraceError {
  const near = typeof value === 'string' ? nearest(value, allowed.map(String)) : undefined
  const expected = describeSchema({ enum: allowed })
  const hint = near === undefined ? `Write ${expected}.` : `Did you mean \`${near}\`?`
  return invalid(`${shown.name} must be ${expected}, not ${shown.value}`, hint)
}

function invalid(message: string, hint: string): HeadraceError {
  return new InvalidValueError({ message, hint })
}
