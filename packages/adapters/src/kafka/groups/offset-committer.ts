import { HeadraceError, type LogLine, type Positions } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import { isAnother, type Layout } from '../client/layout.ts'
import { parsePartitionName, parsePosition } from '../position.ts'
import { type CommittedOffset, commitOffsets } from './offsets.ts'

interface Commit {
  readonly client: KafkaClient
  readonly layout: Layout
  readonly positions: Positions
}

/**
 * Tells the broker, under a group's name, how far the pipeline is: for lag in other tools, never read back. One commit at
 * a time; positions that come meanwhile replace each other. A failure is logged, once for as long as it lasts.
 */
export class OffsetCommitter {
  readonly #groupId: string
  readonly #log: (line: LogLine) => void
  #latest: Commit | undefined
  #running: Promise<void> | undefined
  #problem: string | undefined

  constructor(groupId: string, log: (line: LogLine) => void) {
    this.#groupId = groupId
    this.#log = log
  }

  /**
   * Resolves when these positions, or later ones, are committed or have failed. Those of topics that are not in the layout
   * are left out: the pipeline may have read others before.
   */
  commit(client: KafkaClient, layout: Layout, positions: Positions): Promise<void> {
    this.#latest = { client, layout, positions }
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    for (let work = this.#latest; work !== undefined; work = this.#latest) {
      this.#latest = undefined
      try {
        await commitOffsets(work.client, this.#groupId, offsetsOf(work))
        this.#problem = undefined
      } catch (error) {
        this.#report(error)
      }
    }
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (message === this.#problem) return
    this.#problem = message
    const code = error instanceof HeadraceError ? { code: error.code } : {}
    this.#log({
      level: 'warn',
      ...code,
      message: `offsets of group "${this.#groupId}" are not committed (only other tools look at them): ${message}`,
    })
  }
}

function offsetsOf({ layout, positions }: Commit): readonly CommittedOffset[] {
  return [...positions].flatMap(([name, position]) => {
    const place = parsePartitionName(name)
    const topic = layout.get(place?.topic ?? '')
    const { offset, leaderEpoch = -1, topicId } = parsePosition(position)
    if (place === undefined || topic === undefined || isAnother(topic.topicId, topicId)) return []
    return [{ ...place, offset, leaderEpoch, metadata: null }]
  })
}
