import type { Codec } from '../protocol/index.ts'

/** What a partition's log goes by. Durations in milliseconds; Infinity where there is no limit. */
export interface LogSettings {
  readonly segmentBytes: number
  /** The age of a segment's first record at which the segment is closed. */
  readonly segmentMs: number
  readonly maxBatchBytes: number
  /** After so many records they are forced to the disk before the last of them is acknowledged. */
  readonly flushMessages: number
  readonly deletes: boolean
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly compacts: boolean
  readonly compaction: CompactionSettings
  readonly timestamps: TimestampSettings
  readonly compression: CompressionSettings
}

interface CompactionSettings {
  readonly minDirtyRatio: number
  readonly minLagMs: number
  readonly maxLagMs: number
  readonly deleteRetentionMs: number
}

export interface TimestampSettings {
  readonly type: 'CreateTime' | 'LogAppendTime'
  readonly beforeMaxMs: number
  readonly afterMaxMs: number
}

/** `producer` keeps each batch in the codec that it came in. `level` is the codec's own default where undefined. */
interface CompressionSettings {
  readonly codec: Codec | 'producer'
  readonly level?: number
}

/** Nothing but appending: every batch is kept as it came, for ever. */
export const PLAIN_LOG: LogSettings = {
  segmentBytes: 128 * 1024 * 1024,
  segmentMs: Number.POSITIVE_INFINITY,
  maxBatchBytes: 1_048_588,
  flushMessages: Number.POSITIVE_INFINITY,
  deletes: false,
  retentionMs: Number.POSITIVE_INFINITY,
  retentionBytes: Number.POSITIVE_INFINITY,
  compacts: false,
  compaction: { minDirtyRatio: 0.5, minLagMs: 0, maxLagMs: Number.POSITIVE_INFINITY, deleteRetentionMs: 86_400_000 },
  timestamps: {
    type: 'CreateTime',
    beforeMaxMs: Number.POSITIVE_INFINITY,
    afterMaxMs: Number.POSITIVE_INFINITY,
  },
  compression: { codec: 'producer' },
}
