import type { KafkaSourceConfig } from '../config.ts'
import { LogTruncatedError, OffsetGoneError, OffsetOutOfRangeError } from '../errors.ts'
import type { KafkaPosition } from '../position.ts'

type ResetPolicy = KafkaSourceConfig['offsetReset']

/** Where reading goes on after an offset that is not there, and what is passed over for it. */
export interface Reset {
  readonly offset: number
  /** Offsets that were not read and never will be. */
  readonly skipped: number
  /** The error that it would have been. */
  readonly reason: OffsetGoneError | OffsetOutOfRangeError | LogTruncatedError
}

interface Missed {
  readonly partition: string
  /** The offset that was asked for. */
  readonly offset: number
  /** What the partition holds: from `first` up to `end`, exclusive. */
  readonly first: number
  readonly end: number
}

/**
 * The offset that was asked for is not in the partition: where to go on. Throws `OffsetGoneError` or `OffsetOutOfRangeError`
 * unless the policy has an answer. Beyond the end, the answer is always the end: what lies before it has been read.
 */
export function planReset(policy: ResetPolicy, missed: Missed): Reset {
  const { partition, offset, first, end } = missed
  const isGone = offset < first
  const reason = isGone
    ? new OffsetGoneError({ partition, offset, first, end, gone: first - offset })
    : new OffsetOutOfRangeError(missed)
  if (policy === 'error') throw reason
  if (!isGone) return { offset: end, skipped: 0, reason }
  const target = policy === 'earliest' ? first : end
  return { offset: target, skipped: target - offset, reason }
}

/**
 * Compares a position with what its leader says of the position's epoch (`endOffset` −1: it never heard of it). Undefined
 * when the records before the position are those that were read. Otherwise where the log stopped being the one that was
 * read: a broker that did not have all records became leader. Source: KIP-320.
 */
export function planTruncated(
  policy: ResetPolicy,
  partition: string,
  position: KafkaPosition,
  answer: { readonly offset: number },
): Reset | undefined {
  if (answer.offset >= position.offset) return undefined
  const end = Math.max(answer.offset, 0)
  const reason = new LogTruncatedError({ partition, offset: position.offset, end, epoch: position.leaderEpoch ?? -1 })
  if (policy === 'error') throw reason
  return { offset: end, skipped: 0, reason }
}
