import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import type { HeadraceError } from '../errors/index.ts'
import { scalarMistake } from './check-scalar.ts'
import {
  InvalidValueError,
  MissingKeyError,
  OneKindError,
  quote,
  UnknownKeyError,
  UnknownKindError,
  WrongTypeError,
} from './errors.ts'
import { describeSchema, hasType, isMapping, type SchemaNode, schemaNode, typesOf } from './schema-node.ts'
import { nearest } from './suggest.ts'

export type ConfigPath = readonly (string | number)[]

/** A mistake and where it is: at a value, or at the key that leads to it. */
export interface Mistake {
  readonly error: HeadraceError
  readonly path: ConfigPath
  readonly at: 'key' | 'value'
}

export interface CheckOptions {
  /** What the whole is called in messages, where no key names it: `the file`. */
  readonly root: string
  /**
   * The text before interpolation of a value that holds `${…}`. Such a value may be a number or boolean in text form,
   * and messages show this text instead of the value, which may be a secret.
   */
  readonly written?: (path: ConfigPath) => string | undefined
}

/**
 * Checks a value against a schema and fills in defaults. Reports every mistake, not the first; `value` is a copy, and
 * fits the schema where there are none. Object schemas are closed: a key they do not name is a mistake.
 */
export function checkValue(
  schema: TSchema,
  value: unknown,
  options: CheckOptions,
): { value: unknown; mistakes: Mistake[] } {
  const check = new Check(options)
  const checked = check.visit(schemaNode(schema), value, [])
  if (check.mistakes.length === 0 && !Value.Check(schema, checked)) check.reportFirst(schema, checked)
  return { value: checked, mistakes: check.mistakes }
}

/** `steps[0].filter`: a path as messages show it. */
export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? key : `${text}.${key}`
  }, '')
}

/** Whether `path` is `prefix` or leads on from it. */
export function startsWith(path: ConfigPath, prefix: ConfigPath): boolean {
  return prefix.length <= path.length && prefix.every((key, i) => key === path[i])
}

class Check {
  readonly mistakes: Mistake[] = []
  readonly #options: CheckOptions

  constructor(options: CheckOptions) {
    this.#options = options
  }

  visit(schema: SchemaNode, given: unknown, path: ConfigPath): unknown {
    if (schema.anyOf !== undefined) return this.#visitAlternatives(schema.anyOf, given, path)
    const value = this.#typed(schema, given, path)
    if (!hasType(schema, value)) {
      this.#wrongType(schema, value, path)
      return value
    }
    if (Array.isArray(value)) return this.#visitList(schema, value, path)
    if (isMapping(value) && typesOf(schema).includes('object')) return this.#visitMapping(schema, value, path)
    this.#checkScalar(schema, value, path)
    return value
  }

  /** What the schema library finds beyond the keywords known here. */
  reportFirst(schema: TSchema, value: unknown): void {
    const [first] = Value.Errors(schema, value)
    const path = (first?.instancePath ?? '')
      .split('/')
      .slice(1)
      .map((key) => (/^\d+$/.test(key) ? Number(key) : key))
    this.#invalid(`${this.#name(path)} ${first?.message ?? 'does not fit the schema'}`, 'See the reference.', path)
  }

  /** `5` stands for the number 5 where an interpolated text meets a schema that wants a number. */
  #typed(schema: SchemaNode, value: unknown, path: ConfigPath): unknown {
    if (typeof value !== 'string' || this.#options.written?.(path) === undefined) return value
    const types = typesOf(schema)
    if (types.includes('string')) return value
    if (types.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true'
    const isNumber = types.includes('integer') || types.includes('number')
    return isNumber && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
  }

  #visitAlternatives(schemas: readonly SchemaNode[], value: unknown, path: ConfigPath): unknown {
    for (const schema of schemas) {
      const attempt = new Check(this.#options)
      const result = attempt.visit(schema, value, path)
      if (attempt.mistakes.length === 0) return result
    }
    const meant = likeliest(schemas, value)
    if (meant !== undefined) return this.visit(meant, value, path)
    this.#wrongType({ anyOf: schemas }, value, path)
    return value
  }

  #visitList(schema: SchemaNode, list: readonly unknown[], path: ConfigPath): unknown[] {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
    if (list.length < minItems || list.length > maxItems) {
      const range = maxItems === Number.POSITIVE_INFINITY ? `at least ${minItems}` : `${minItems} to ${maxItems}`
      this.#invalid(
        `${this.#name(path)} must have ${range} entries, not ${list.length}`,
        'Add or remove entries.',
        path,
      )
    }
    const { items } = schema
    return list.map((entry, i) => {
      const itemSchema = isTuple(items) ? items[i] : items
      return itemSchema === undefined ? entry : this.visit(itemSchema, entry, [...path, i])
    })
  }

  #visitMapping(schema: SchemaNode, mapping: Record<string, unknown>, path: ConfigPath): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    const unknown: string[] = []
    for (const [key, value] of Object.entries(mapping)) {
      const child = childSchema(schema, key)
      if (child === undefined) unknown.push(key)
      else define(result, key, this.visit(child, value, [...path, key]))
    }
    this.#checkKeys(schema, mapping, unknown, path)
    this.#fillDefaults(schema, mapping, result, path)
    return result
  }

  #checkKeys(schema: SchemaNode, mapping: Record<string, unknown>, unknown: readonly string[], path: ConfigPath): void {
    const within = this.#name(path)
    const known = Object.keys(schema.properties ?? {})
    const unexplained = schema.choice === undefined ? unknown : this.#checkChoice(schema, mapping, unknown, path)
    for (const key of unexplained) {
      this.#add(new UnknownKeyError({ key, within, known }), [...path, key], 'key')
    }
    for (const key of schema.required ?? []) {
      // A key with a default may be left out whatever `required` says: types are then without undefined.
      if (Object.hasOwn(mapping, key) || schema.properties?.[key]?.default !== undefined) continue
      // Misspelt, and told so already.
      if (unexplained.some((other) => nearest(other, known) === key)) continue
      const expected = describeSchema(schema.properties?.[key] ?? {})
      this.#add(new MissingKeyError({ key, within, expected }), path, 'key')
    }
    if (Object.keys(mapping).length < (schema.minProperties ?? 0)) {
      this.#invalid(`${within} is empty`, `Add at least ${schema.minProperties} entry.`, path)
    }
  }

  /** An object that names its adapter (or step, or format) by a key. Gives the unknown keys that are still unexplained. */
  #checkChoice(
    schema: SchemaNode,
    mapping: Record<string, unknown>,
    unknown: readonly string[],
    path: ConfigPath,
  ): string[] {
    const what = schema.choice as string
    const choices = (schema.oneOf ?? []).flatMap((option) => option.required)
    const found = choices.filter((key) => Object.hasOwn(mapping, key))
    const others = Object.keys(schema.properties ?? {}).filter((key) => !choices.includes(key))
    const misnamed = found.length > 0 ? [] : unknown.filter((key) => nearest(key, others) === undefined)
    for (const key of misnamed) this.#add(new UnknownKindError({ key, what, known: choices }), [...path, key], 'key')
    if (found.length !== 1 && misnamed.length === 0) {
      const at = found[1] === undefined ? path : [...path, found[1]]
      this.#add(new OneKindError({ within: this.#name(path), what, known: choices, found }), at, 'key')
    }
    return unknown.filter((key) => !misnamed.includes(key))
  }

  #fillDefaults(
    schema: SchemaNode,
    mapping: Record<string, unknown>,
    result: Record<string, unknown>,
    path: ConfigPath,
  ): void {
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      if (Object.hasOwn(mapping, key) || child.default === undefined) continue
      result[key] = this.visit(child, structuredClone(child.default), [...path, key])
    }
  }

  #checkScalar(schema: SchemaNode, value: unknown, path: ConfigPath): void {
    const isInterpolated = this.#options.written?.(path) !== undefined
    const shown = { name: this.#name(path), value: this.#shown(value, path), isInterpolated }
    const error = scalarMistake(schema, value, shown)
    if (error !== undefined) this.#add(error, path)
  }

  #wrongType(schema: SchemaNode, value: unknown, path: ConfigPath): void {
    const words = schema.anyOf?.flatMap((option) => (option.const === undefined ? [] : [String(option.const)])) ?? []
    const near = typeof value === 'string' ? nearest(value, words) : undefined
    const needsQuotes = typesOf(schema).includes('string') && (typeof value === 'number' || typeof value === 'boolean')
    const advice = near !== undefined ? `Did you mean \`${near}\`?` : needsQuotes ? 'Put it in quotes.' : undefined
    const expected = describeSchema(schema)
    this.#add(new WrongTypeError({ key: this.#name(path), expected, found: this.#shown(value, path), advice }), path)
  }

  #invalid(message: string, hint: string, path: ConfigPath): void {
    this.#add(new InvalidValueError({ message, hint }), path)
  }

  #add(error: HeadraceError, path: ConfigPath, at: 'key' | 'value' = 'value'): void {
    this.mistakes.push({ error, path, at })
  }

  #name(path: ConfigPath): string {
    return path.length === 0 ? this.#options.root : formatPath(path)
  }

  #shown(value: unknown, path: ConfigPath): string {
    const written = this.#options.written?.(path)
    if (written !== undefined) return `the value of ${quote(written)}`
    if (typeof value === 'string') return quote(value)
    if (value === null || value === undefined) return 'nothing'
    if (Array.isArray(value)) return 'a list'
    return isMapping(value) ? 'a mapping' : String(value)
  }
}

/** Of several schemas that a value fails, the one that its author most probably had in mind. */
function likeliest(schemas: readonly SchemaNode[], value: unknown): SchemaNode | undefined {
  const sameShape = schemas.filter(
    (schema) => schema.const === undefined && schema.anyOf === undefined && hasType(schema, value),
  )
  if (!isMapping(value)) return sameShape.length === 1 ? sameShape[0] : undefined
  const shared = (schema: SchemaNode) =>
    Object.keys(value).filter((key) => childSchema(schema, key) !== undefined).length
  return sameShape.toSorted((a, b) => shared(b) - shared(a))[0]
}

function childSchema(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  for (const [pattern, child] of Object.entries(schema.patternProperties ?? {})) {
    if (new RegExp(pattern).test(key)) return child
  }
  const { additionalProperties } = schema
  if (typeof additionalProperties === 'object') return additionalProperties
  const isOpen =
    additionalProperties === true || (additionalProperties === undefined && schema.properties === undefined)
  return isOpen && schema.patternProperties === undefined ? {} : undefined
}

function isTuple(items: SchemaNode['items']): items is readonly SchemaNode[] {
  return Array.isArray(items)
}

/** Plain assignment would set the prototype where the key is `__proto__`. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
}
