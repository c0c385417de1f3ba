import type { Positions, Source } from '@headrace/core'
import { SourceReader } from '@headrace/core/testing'

/** A process as the engine would be: it reads on, and says after each event that its sinks hold what it has read. */
export class GroupProcess {
  readonly reader: SourceReader
  readonly #acknowledges: boolean
  #news: (() => void) | undefined
  #failure: unknown
  #work: Promise<void> | undefined

  constructor(source: Source, acknowledges = true) {
    this.reader = new SourceReader(source)
    this.#acknowledges = acknowledges
  }

  async begin(from: Positions = new Map()): Promise<this> {
    await this.reader.begin(from)
    this.#work = this.#run()
    return this
  }

  get values(): string[] {
    return [...this.reader.records.values()].flat().map(({ value }) => value ?? '')
  }

  /** The partitions that the last assignment names. */
  get owned(): readonly string[] {
    return this.reader.events.reduce<readonly string[]>((owned, event) => {
      if ('assigned' in event) return event.assigned
      return 'revoked' in event ? owned.filter((name) => !event.revoked.includes(name)) : owned
    }, [])
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#news = resolve
      })
    }
  }

  acknowledge(): Promise<void> {
    return this.reader.source.acknowledge(this.reader.positions)
  }

  /** As if the process were killed: it is not heard of any more, and the group is not told. */
  async close(): Promise<void> {
    await this.reader.close()
    await this.#work
  }

  async #run(): Promise<void> {
    try {
      while ((await this.reader.next()) !== undefined) {
        if (this.#acknowledges) await this.acknowledge()
        this.#news?.()
      }
    } catch (error) {
      this.#failure = error
      this.#news?.()
    }
  }
}
