import type { CONFIG_TYPE } from '../protocol/index.ts'

/** One of Kafka's configs: what values it may have, and what it is without one. */
export interface ConfigDefinition {
  readonly type: keyof typeof CONFIG_TYPE
  /** Kafka's own default. */
  readonly default: string
  /** The value that this broker comes with, where that is another. */
  readonly here?: string
  readonly min?: number
  readonly max?: number
  /** The values allowed; of a list, its elements. */
  readonly oneOf?: readonly string[]
  readonly doc: string
}

/** What a config is where nobody says otherwise. */
export function valueHere(definition: ConfigDefinition): string {
  return definition.here ?? definition.default
}

/** The values allowed, in words that follow "must be". */
export function allowedValues({ type, min, max, oneOf }: ConfigDefinition): string {
  if (type === 'boolean') return 'true or false'
  if (oneOf !== undefined) return `${type === 'list' ? 'a list of' : 'one of'} ${oneOf.join(', ')}`
  if (type === 'list' || type === 'string') return 'a text'
  const number = type === 'double' ? 'a number' : 'a whole number'
  if (min === undefined) return number
  if (min === max) return String(min)
  const most = max ?? (type === 'int' ? 2 ** 31 - 1 : undefined)
  return most === undefined ? `${number} from ${min} on` : `${number} from ${min} to ${most}`
}
