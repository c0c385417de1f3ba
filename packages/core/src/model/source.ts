import type { RecordBlock } from './block.ts'
import type { Position, Positions } from './position.ts'

/** What a source has to say, in the order in which it happened. */
export type SourceEvent =
  | { readonly block: RecordBlock }
  /** Read on, but nothing for the user: aborted or control batches. */
  | { readonly progress: string; readonly next: Position }
  /** Read on past so many records that are gone and never will be read: the configuration says to go on all the same. */
  | { readonly skipped: string; readonly records: number; readonly next: Position }
  /** The partition has no more for now (seen at `observedAt`, ms since the Unix epoch). This is what idleness is judged by. */
  | { readonly atEnd: string; readonly observedAt: number }
  /** A closed shard or a finished file: it leaves the watermark at once. */
  | { readonly ended: string; readonly children: readonly string[] }
  | { readonly assigned: readonly string[] }
  /** `isRebalance`: what is read from now on, which may be the same again, the next `assigned` tells. */
  | { readonly revoked: readonly string[]; readonly isRebalance?: boolean; done(): void }

/**
 * One external system being read. The engine alone owns the order of calls: connect, read (once), acknowledge…, close.
 * Adapters do not retry by themselves: they throw a catalogue error whose `retry` says what the engine may do. Only for what a
 * new connection would lose, such as other partitions' reading or a place in a group, a source waits in place, for a while.
 */
export interface Source {
  connect(signal: AbortSignal): Promise<void>
  /**
   * What follows `from`, for as long as the caller asks. Partitions absent from `from` begin where the configuration says.
   * May read ahead within its memory limit; a block stays valid until it is released. The first event is `assigned`
   * with every partition known. `atEnd` comes again and again (at least once a second) for a partition that stays empty.
   */
  read(from: Positions, signal: AbortSignal): AsyncIterable<SourceEvent>
  /**
   * Where each partition ends now (the position after its last record), of those too that others read: for `availableNow`,
   * which is over when those that are assigned have been read so far, and lag.
   */
  ends(): Promise<Positions>
  /** How many records lie between two positions of a partition, where the source can tell (lag). */
  distance?(from: Position, to: Position): number
  /** Every sink holds all before this. Only here: commit offsets, delete queue messages. */
  acknowledge(positions: Positions): Promise<void>
  close(): Promise<void>
}
