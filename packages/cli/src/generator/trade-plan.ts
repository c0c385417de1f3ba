/**
 * What a generated record is. `order`, `cancelled` (a quantity of 0), `late` (its time is minutes behind) and `duplicate`
 * (an order sent a second time) are well-formed; the rest are what a pipeline must reject.
 */
export const RECORD_KINDS = [
  'order',
  'cancelled',
  'late',
  'duplicate',
  'truncated',
  'wrongType',
  'notUtf8',
  'empty',
  'text',
] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

export const MALFORMED_KINDS = ['truncated', 'wrongType', 'notUtf8', 'empty', 'text'] as const satisfies RecordKind[]
export type MalformedKind = (typeof MALFORMED_KINDS)[number]

/** Shares of all records, from 0 to 1; what is left are orders. */
interface RecordShares {
  readonly malformed: number
  readonly late: number
  readonly duplicate: number
  readonly cancelled: number
}

/** Everything that decides the records: the same plan gives the same records, byte by byte. */
export interface TradePlan {
  readonly seed: number
  /** How many records; undefined = without end. */
  readonly count?: number
  /** Event time of the first record, and how far it moves on with each (ms). */
  readonly startMs: number
  readonly stepMs: number
  /** Event times scatter by so much to either side (ms). */
  readonly jitterMs: number
  /** `tdate` of all records (`YYYY-MM-DD`); the day of the event time unless given. */
  readonly tradeDate?: string
  /** Number of the first record: a later stream goes on counting where an earlier one ended. */
  readonly firstId: number
  readonly users: number
  readonly products: number
  readonly partitions: number
  readonly shares: RecordShares
}

export interface PlannedRecord {
  readonly kind: RecordKind
  /** Customer number; also decides the partition. */
  readonly key: string
  readonly partition: number
  readonly value: string | Uint8Array
  /** The record's own timestamp (ms): when it was "sent", without jitter. */
  readonly timestampMs: number
}

export const DEFAULT_PLAN: Omit<TradePlan, 'startMs'> = {
  seed: 20210319,
  stepMs: 18,
  jitterMs: 2000,
  firstId: 1,
  users: 500,
  products: 100,
  partitions: 4,
  shares: { malformed: 0.005, late: 0.01, duplicate: 0.01, cancelled: 0.01 },
}
