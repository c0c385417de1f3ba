/** What clients may take of a broker; named as in Kafka's own settings where there is one. */
export interface Limits {
  /** max.connections: of all listeners together. */
  readonly maxConnections: number
  /** max.connections.per.ip */
  readonly maxConnectionsPerAddress: number
  /** connections.max.idle.ms: a connection on which nothing moves for so long is closed. */
  readonly maxIdleMs: number
  /** How long a client may take for TLS and SASL, and how long it may be silent in the middle of a request. */
  readonly maxHandshakeMs: number
  /** socket.request.max.bytes */
  readonly maxRequestBytes: number
  /** Bytes of requests of all connections together: of those that are coming, and of those that are not answered. */
  readonly requestMemoryBytes: number
  /** Bytes of records, of all connections together, that are read and not yet sent. */
  readonly responseMemoryBytes: number
}

const MIB = 1024 * 1024

export const DEFAULT_LIMITS: Limits = {
  maxConnections: 2000,
  maxConnectionsPerAddress: 2000,
  maxIdleMs: 600_000,
  maxHandshakeMs: 30_000,
  maxRequestBytes: 100 * MIB,
  requestMemoryBytes: 128 * MIB,
  responseMemoryBytes: 64 * MIB,
}
