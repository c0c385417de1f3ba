import type { Positions } from '@headrace/core'
import { isAnother } from '../client/layout.ts'
import { parsePosition } from '../position.ts'

interface Owned {
  readonly topicId: string | undefined
  /** After the last record that the engine was given. */
  given: number
  /** Up to where the sinks hold it and the group knows. */
  held: number
}

interface Waiting {
  readonly names: readonly string[]
  resolve(): void
}

/** Of the partitions that this member of a group owns: what was given to the engine, and what the sinks hold of that. */
export class OwnedPartitions {
  readonly #owned = new Map<string, Owned>()
  #waiting: readonly Waiting[] = []

  get names(): readonly string[] {
    return [...this.#owned.keys()]
  }

  /** Owned from now on, and read from `from`: what is acknowledged of an earlier time lies before that. */
  take(name: string, topicId: string | undefined, from: number): void {
    this.#owned.set(name, { topicId, given: from, held: from })
  }

  gave(name: string, upTo: number): void {
    const owned = this.#owned.get(name)
    if (owned !== undefined) owned.given = Math.max(owned.given, upTo)
  }

  /** Reading goes on elsewhere. Where that is further back, what was held beyond is of records that are no more. */
  goesOn(name: string, from: number): void {
    const owned = this.#owned.get(name)
    if (owned === undefined) return
    owned.given = from
    owned.held = Math.min(owned.held, from)
  }

  /** Of what the engine acknowledges, what the group is to be told: only of partitions owned now, and nothing old. */
  news(positions: Positions): Positions {
    return new Map(
      [...positions].filter(([name, position]) => {
        const owned = this.#owned.get(name)
        const { offset, topicId } = parsePosition(position)
        if (owned === undefined || isAnother(owned.topicId, topicId)) return false
        return offset > owned.held && offset <= owned.given
      }),
    )
  }

  /** The group knows these. */
  held(positions: Positions): void {
    for (const [name, position] of positions) {
      const owned = this.#owned.get(name)
      if (owned !== undefined) owned.held = Math.max(owned.held, parsePosition(position).offset)
    }
    this.#settle()
  }

  /** Resolves when the sinks hold, and the group knows, all that was given of these. */
  drained(names: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = [...this.#waiting, { names, resolve }]
      this.#settle()
    })
  }

  drop(names: readonly string[]): void {
    for (const name of names) this.#owned.delete(name)
    this.#settle()
  }

  #settle(): void {
    const isDrained = ({ names }: Waiting) =>
      names.every((name) => {
        const owned = this.#owned.get(name)
        return owned === undefined || owned.held >= owned.given
      })
    const drained = this.#waiting.filter(isDrained)
    this.#waiting = this.#waiting.filter((waiting) => !drained.includes(waiting))
    for (const { resolve } of drained) resolve()
  }
}
