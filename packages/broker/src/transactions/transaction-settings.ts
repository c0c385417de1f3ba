/** How transactional ids are kept. The names are those of Kafka's broker configs, which begin with `transaction` or `transactional.id`. */
export interface TransactionSettings {
  /** The longest timeout that a producer may ask for: transaction.max.timeout.ms. */
  readonly maxTimeoutMs: number
  /** After so long without use an id is forgotten: transactional.id.expiration.ms. */
  readonly idExpirationMs: number
}

export const DEFAULT_TRANSACTION_SETTINGS: TransactionSettings = {
  maxTimeoutMs: 15 * 60 * 1000,
  idExpirationMs: 7 * 24 * 60 * 60 * 1000,
}
