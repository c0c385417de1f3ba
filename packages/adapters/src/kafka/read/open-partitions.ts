import type { LogLine, Positions, SourceEvent } from '@headrace/core'
import { isAnother, type PartitionPlace } from '../client/layout.ts'
import type { KafkaSourceConfig } from '../config.ts'
import type { GroupSession } from '../groups/group-session.ts'
import { parsePosition, positionOf } from '../position.ts'
import type { Reset } from './offset-reset.ts'
import { cursorAt, type PartitionCursor } from './partition-cursor.ts'

interface OpenPartitionsOptions {
  readonly config: KafkaSourceConfig
  readonly log: (line: LogLine) => void
  readonly group: GroupSession | undefined
}

/** The partitions that are read, and what the engine, and the group, are told of them. */
export class OpenPartitions {
  readonly #options: OpenPartitionsOptions
  #cursors: readonly PartitionCursor[] = []

  constructor(options: OpenPartitionsOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#cursors.length === 0
  }

  /** `from`: what the engine holds. */
  *assign(added: readonly PartitionCursor[], from: Positions): Generator<SourceEvent> {
    this.#cursors = [...this.#cursors, ...added]
    yield { assigned: this.#cursors.map(({ place }) => place.name) }
    // Said at once: a restart must not look for `latest` anew, nor go on where an earlier state has it.
    for (const { place, nextOffset, leaderEpoch } of added) {
      if (!this.#isNews(place, nextOffset, from)) continue
      yield { progress: place.name, next: positionOf(nextOffset, place.topicId, leaderEpoch) }
    }
  }

  /** What has been fetched of them is not given out any more, whatever waits before they are given up. */
  close(isConcerned: (place: PartitionPlace) => boolean): void {
    for (const cursor of this.#cursors) if (isConcerned(cursor.place)) cursor.isGivenUp = true
  }

  /** Nothing more of them comes out. `isRebalance`: what is read instead, the next `assigned` says, even if this is nothing. */
  *giveUp(isGone: (place: PartitionPlace) => boolean, isRebalance: boolean): Generator<SourceEvent> {
    this.close(isGone)
    const gone = this.#cursors.filter(({ isGivenUp }) => isGivenUp)
    this.#cursors = this.#cursors.filter(({ isGivenUp }) => !isGivenUp)
    if (gone.length === 0 && !isRebalance) return
    yield { revoked: gone.map(({ place }) => place.name), isRebalance, done: () => undefined }
  }

  /**
   * New cursors where these stand: what a request that is still under way brings for the old ones is dropped, so that nothing
   * comes twice.
   */
  renew(cursors: readonly PartitionCursor[]): readonly PartitionCursor[] {
    const again = new Map(
      cursors.map((cursor) => {
        const { place, nextOffset, leaderEpoch, patience } = cursor
        return [cursor, cursorAt(place, nextOffset, leaderEpoch, patience)] as const
      }),
    )
    this.#cursors = this.#cursors.map((cursor) => again.get(cursor) ?? cursor)
    for (const cursor of cursors) cursor.isGivenUp = true
    return [...again.values()]
  }

  /** Goes on elsewhere, and says what is passed over for it. */
  passOver(place: PartitionPlace, { offset, skipped, reason }: Reset): SourceEvent {
    const { log, config, group } = this.#options
    group?.passedOver(place.name, offset)
    log({
      level: 'warn',
      code: reason.code,
      message: `${reason.message}; as \`offsetReset: ${config.offsetReset}\` says, reading goes on at ${offset}, ${skipped} are passed over`,
    })
    return { skipped: place.name, records: skipped, next: positionOf(offset, place.topicId, -1) }
  }

  /** The engine is given this. */
  gave(event: SourceEvent): void {
    const { group } = this.#options
    if (group === undefined) return
    if ('block' in event) group.gave(event.block.partition, parsePosition(event.block.next).offset)
    else if ('progress' in event) group.gave(event.progress, parsePosition(event.next).offset)
  }

  #isNews({ name, topicId }: PartitionPlace, offset: number, from: Positions): boolean {
    const { config, group } = this.#options
    const known = from.get(name)
    if (known === undefined) return config.start !== 'earliest' || group !== undefined
    const position = parsePosition(known)
    return position.offset !== offset || isAnother(position.topicId, topicId)
  }
}
