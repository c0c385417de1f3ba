import { type ConfigDefinition, valueHere } from '../config/config-definition.ts'

/** Kafka's broker configs for what clients may take. */
export const LIMIT_CONFIGS = {
  'max.connections': {
    type: 'int',
    default: '2147483647',
    here: '2000',
    min: 1,
    doc: 'How many connections there may be, of all listeners together.',
  },
  'max.connections.per.ip': {
    type: 'int',
    default: '2147483647',
    here: '2000',
    min: 1,
    doc: 'How many connections there may be from one address.',
  },
  'connections.max.idle.ms': {
    type: 'long',
    default: '600000',
    min: 1,
    max: 2 ** 31 - 1,
    doc: 'A connection on which nothing moves for so long is closed.',
  },
  'socket.request.max.bytes': {
    type: 'int',
    default: '104857600',
    min: 1,
    doc: 'The largest request that is taken.',
  },
} as const satisfies Readonly<Record<string, ConfigDefinition>>

/** What clients may take of a broker. */
export interface Limits {
  /** Of all listeners together. */
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  /** A connection on which nothing moves for so long is closed. */
  readonly maxIdleMs: number
  /** How long a client may take for TLS and SASL, and how long it may be silent in the middle of a request. */
  readonly maxHandshakeMs: number
  readonly maxRequestBytes: number
  /** Bytes of requests of all connections together: of those that are coming, and of those that are not answered. */
  readonly requestMemoryBytes: number
  /** Bytes of records, of all connections together, that are read and not yet sent. */
  readonly responseMemoryBytes: number
}

const MIB = 1024 * 1024

export function limits(numberOf: (name: keyof typeof LIMIT_CONFIGS) => number): Limits {
  return {
    maxConnections: numberOf('max.connections'),
    maxConnectionsPerAddress: numberOf('max.connections.per.ip'),
    maxIdleMs: numberOf('connections.max.idle.ms'),
    maxHandshakeMs: 30_000,
    maxRequestBytes: numberOf('socket.request.max.bytes'),
    requestMemoryBytes: 128 * MIB,
    responseMemoryBytes: 64 * MIB,
  }
}

export const DEFAULT_LIMITS = limits((name) => Number(valueHere(LIMIT_CONFIGS[name])))
