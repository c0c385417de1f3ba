import type { Position, RecordBlock } from '../model/index.ts'

/** What a source said since the last epoch, ready to be made one. */
export interface EpochInput {
  readonly blocks: readonly RecordBlock[]
  readonly records: number
  readonly bytes: number
  /** Records that were gone before they could be read, and were passed over. */
  readonly skipped: number
  /** Where the partitions touched stand after this epoch. */
  readonly positions: ReadonlyMap<string, Position>
  readonly assigned: readonly string[]
  /** All partitions that there are, where reading began anew since the last epoch: those of an earlier topic are gone. */
  readonly known: readonly string[] | undefined
  readonly revoked: readonly string[]
  readonly ended: readonly string[]
  /** Partitions whose last word was that there is no more: since when and until when (ms) that has been seen. */
  readonly atEnd: ReadonlyMap<string, { readonly since: number; readonly until: number }>
}
