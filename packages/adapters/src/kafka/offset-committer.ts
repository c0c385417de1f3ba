import { HeadraceError, type LogLine, type Positions } from '@headrace/core'
import type { KafkaClient } from './client.ts'
import { parsePosition, partitionIndex } from './position.ts'
import { ownPositions } from './start.ts'

/**
 * Tells the broker, under a group's name, how far the pipeline is: for lag in other tools, never read back. One commit at
 * a time; positions that come meanwhile replace each other. A failure is logged, once for as long as it lasts.
 */
export class OffsetCommitter {
  readonly #groupId: string
  readonly #topic: string
  readonly #log: (line: LogLine) => void
  #latest: { readonly client: KafkaClient; readonly positions: Positions } | undefined
  #running: Promise<void> | undefined
  #problem: string | undefined

  constructor(groupId: string, topic: string, log: (line: LogLine) => void) {
    this.#groupId = groupId
    this.#topic = topic
    this.#log = log
  }

  /** Resolves when these positions, or later ones, are committed or have failed. */
  commit(client: KafkaClient, positions: Positions): Promise<void> {
    this.#latest = { client, positions }
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
      const offsets = ownPositions(this.#topic, work.positions).map(
        ([name, position]) => [partitionIndex(name), parsePosition(position).offset] as const,
      )
      try {
        await work.client.commit(this.#groupId, this.#topic, new Map(offsets))
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
