import { type CONFIG_TYPE, KafkaError } from '../protocol/index.ts'
import type { ConfigDefinition } from './config-definition.ts'

/** What values a config may have. */
type ValueRule = Pick<ConfigDefinition, 'type' | 'min' | 'max' | 'oneOf'>

const INTEGER_LIMITS: Partial<Record<keyof typeof CONFIG_TYPE, bigint>> = {
  short: 1n << 15n,
  int: 1n << 31n,
  long: 1n << 63n,
}

/** The value as it is kept. Throws INVALID_CONFIG where it is not of the config's type or beyond what that allows. */
export function checkedValue(name: string, given: string, rule: ValueRule): string {
  const reason = valueFault(given, rule)
  if (reason === undefined) return keptValue(given, rule)
  throw new KafkaError('INVALID_CONFIG', `Invalid value ${given} for configuration ${name}: ${reason}`)
}

/** A value as Kafka reads it. */
export function keptValue(given: string, { type }: ValueRule): string {
  const value = given.trim()
  return type === 'boolean' ? value.toLowerCase() : value
}

/** The elements of a list. */
export function listOf(value: string): string[] {
  return value.split(',').flatMap((element) => element.trim() || [])
}

/** What is wrong with a value; undefined where nothing is. */
export function valueFault(given: string, { type, oneOf, ...range }: ValueRule): string | undefined {
  const value = given.trim()
  switch (type) {
    case 'short':
    case 'int':
    case 'long':
      return isInteger(value, INTEGER_LIMITS[type] ?? 0n)
        ? rangeFault(Number(value), range)
        : `Not a number of type ${type.toUpperCase()}`
    case 'double':
      return value !== '' && Number.isFinite(Number(value))
        ? rangeFault(Number(value), range)
        : 'Not a number of type DOUBLE'
    case 'boolean':
      return choiceFault(value.toLowerCase(), oneOf ?? ['true', 'false'])
    case 'list':
      return listOf(value)
        .map((element) => choiceFault(element, oneOf))
        .find((reason) => reason !== undefined)
    default:
      return choiceFault(value, oneOf)
  }
}

function isInteger(value: string, limit: bigint): boolean {
  if (!/^[+-]?\d{1,19}$/.test(value)) return false
  const number = BigInt(value.replace('+', ''))
  return number >= -limit && number < limit
}

function rangeFault(number: number, { min, max }: Pick<ValueRule, 'min' | 'max'>): string | undefined {
  if (min !== undefined && number < min) return `Value must be at least ${min}`
  if (max !== undefined && number > max) return `Value must be no more than ${max}`
  return undefined
}

function choiceFault(value: string, oneOf: readonly string[] | undefined): string | undefined {
  return oneOf === undefined || oneOf.includes(value) ? undefined : `String must be one of: ${oneOf.join(', ')}`
}
