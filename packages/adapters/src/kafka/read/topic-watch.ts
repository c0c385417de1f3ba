import type { LogLine } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import { isAnother, type Layout, layoutChange, type PartitionPlace } from '../client/layout.ts'
import { TopicDeletedError, TopicRecreatedError } from '../errors.ts'
import type { TopicPartition } from '../groups/group-assignment.ts'
import type { Subscription } from '../subscription.ts'

/** The topics as one request saw them. */
export interface Look {
  readonly order: number
  readonly layout: Layout
}

interface TopicWatchOptions {
  readonly subscription: Subscription
  readonly client: KafkaClient
  readonly layout: Layout
  readonly log: (line: LogLine) => void
}

interface TopicsChange {
  /** To be read from their first record: new ones, and those of topics that were made again. */
  readonly added: readonly PartitionPlace[]
  readonly gone: ReadonlySet<string>
  /** Topics that were deleted and made again: what was known of them is of other records. */
  readonly recreated: ReadonlySet<string>
}

/**
 * The topics that are read, as they were last seen. One that was deleted and made again is told by its id; an older look never
 * replaces a newer one, or a topic would seem to go and come.
 */
export class TopicWatch {
  readonly #options: TopicWatchOptions
  #layout: Layout
  #looks = 0
  #newest = 0

  constructor(options: TopicWatchOptions) {
    this.#options = options
    this.#layout = options.layout
  }

  get layout(): Layout {
    return this.#layout
  }

  /** Whether the partition is there, and of the same topic. */
  knows({ topic, index, topicId }: TopicPartition): boolean {
    const found = this.#layout.get(topic)
    return found?.partitions[index] !== undefined && !isAnother(found.topicId, topicId)
  }

  /** Errors are translated. */
  async look(): Promise<Look> {
    const { client, subscription } = this.#options
    const order = ++this.#looks
    const layout = await client.describeTopics('pattern' in subscription ? subscription.pattern : subscription.names)
    this.#newest = Math.max(this.#newest, order)
    return { order, layout }
  }

  /** Whether there is something to `apply`; new leaders alone are taken over at once. */
  hasChanged(look: Look): boolean {
    if (look.order < this.#newest) return false
    const { added, deleted, recreated } = layoutChange(this.#layout, look.layout)
    if (added.length + deleted.length + recreated.length > 0) return true
    this.#layout = look.layout
    return false
  }

  /** What the look shows is what is read from now on. Throws `TopicDeletedError` and `TopicRecreatedError`. */
  apply(look: Look): TopicsChange {
    if (look.order < this.#newest) return { added: [], gone: new Set(), recreated: new Set() }
    const { subscription, log } = this.#options
    const { added, deleted, recreated } = layoutChange(this.#layout, look.layout)
    for (const { before, now } of recreated) {
      // The ids differ, so they are there.
      const ids = { expected: before.topicId ?? '', found: now.topicId ?? '' }
      const error = new TopicRecreatedError({ topic: now.topic, ...ids })
      if (!('pattern' in subscription)) throw error
      log(recreatedLine(now.topic))
    }
    for (const { topic } of deleted) {
      if (!('pattern' in subscription)) throw new TopicDeletedError({ topic })
      log({ level: 'warn', code: 'KAFKA_TOPIC_DELETED', message: `topic "${topic}" was deleted: it is read no more` })
    }
    this.#layout = look.layout
    return {
      added: [...added, ...recreated.flatMap(({ now }) => now.partitions)],
      gone: new Set(deleted.map(({ topic }) => topic)),
      recreated: new Set(recreated.map(({ now }) => now.topic)),
    }
  }
}

export function recreatedLine(topic: string): LogLine {
  const message = `topic "${topic}" was deleted and made again: what was not read of the old one is lost, the new one is read from its first record`
  return { level: 'warn', code: 'KAFKA_TOPIC_RECREATED', message }
}
