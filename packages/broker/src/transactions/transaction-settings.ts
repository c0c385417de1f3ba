import { type ConfigDefinition, valueHere } from '../config/config-definition.ts'

/** Kafka's broker configs for transactions. */
export const TRANSACTION_CONFIGS = {
  'transaction.max.timeout.ms': {
    type: 'int',
    default: '900000',
    min: 1,
    doc: 'The longest timeout that a transactional producer may ask for.',
  },
  'transactional.id.expiration.ms': {
    type: 'int',
    default: '604800000',
    min: 1,
    doc: 'After so long without use a transactional id is forgotten.',
  },
} as const satisfies Readonly<Record<string, ConfigDefinition>>

/** How transactional ids are kept. */
export interface TransactionSettings {
  /** The longest timeout that a producer may ask for. */
  readonly maxTimeoutMs: number
  /** After so long without use an id is forgotten. */
  readonly idExpirationMs: number
}

export function transactionSettings(numberOf: (name: keyof typeof TRANSACTION_CONFIGS) => number): TransactionSettings {
  return {
    maxTimeoutMs: numberOf('transaction.max.timeout.ms'),
    idExpirationMs: numberOf('transactional.id.expiration.ms'),
  }
}

export const DEFAULT_TRANSACTION_SETTINGS = transactionSettings((name) => Number(valueHere(TRANSACTION_CONFIGS[name])))
