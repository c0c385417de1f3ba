import type { Position, Positions, RecordBlock, Source, SourceEvent } from '../model/index.ts'
import { valueAt } from '../model/index.ts'

/** What a test writes, and what it expects to read. */
export interface SourceRecord {
  readonly value: Uint8Array | null
  readonly key?: Uint8Array | null
  /** ms since the Unix epoch. */
  readonly timestamp: number
}

/** A record as it came out of a block: copied, so that it stays when the block is released. */
export interface ReadRecord {
  readonly value: string | null
  readonly key: string | null
  readonly timestamp: number
  readonly ordinal: number
}

/** Bytes of any kind as text that compares and prints well. */
export function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('latin1')
}

/** The records of a block as they are now. Throws where the block's layout is not as `Bytes` promises. */
export function recordsOf(block: RecordBlock): ReadRecord[] {
  const { count, values, keys, ordinals, timestamps } = block
  return Array.from({ length: count }, (_, i) => {
    if (values.data[values.ends[i] as number] !== 0x0a) throw new Error(`value ${i} is not followed by a newline`)
    return {
      value: textOf(valueAt(values, i)),
      key: keys === undefined ? null : textOf(valueAt(keys, i)),
      timestamp: timestamps[i] as number,
      ordinal: ordinals[i] as number,
    }
  })
}

/** A block that was taken, when it may have been released since. */
export interface TakenBlock {
  readonly partition: string
  /** Records of the partition up to the end of this block. */
  readonly upTo: number
  readonly next: Position
  readonly hasKeys: boolean
}

/** Reads a source as the engine does, and keeps what it gave. */
export class SourceReader {
  readonly source: Source
  /** All events, in order. */
  readonly events: SourceEvent[] = []
  readonly records = new Map<string, ReadRecord[]>()
  readonly taken: TakenBlock[] = []
  /** Where to go on, by partition. */
  readonly positions = new Map<string, Position>()
  readonly #stop = new AbortController()
  readonly #release: boolean
  #iterator: AsyncIterator<SourceEvent> | undefined

  /** With `release: false` the test releases the blocks itself. */
  constructor(source: Source, options: { release?: boolean } = {}) {
    this.source = source
    this.#release = options.release ?? true
  }

  async begin(from: Positions = new Map()): Promise<this> {
    await this.source.connect(this.#stop.signal)
    for (const [partition, position] of from) this.positions.set(partition, position)
    this.#iterator = this.source.read(from, this.#stop.signal)[Symbol.asyncIterator]()
    return this
  }

  /** Takes events until one fits, and returns it. Throws if the source ends before. */
  async until(fits: (event: SourceEvent) => boolean): Promise<SourceEvent> {
    for (;;) {
      const event = await this.next()
      if (event === undefined) throw new Error('the source ended')
      if (fits(event)) return event
    }
  }

  /** Takes events until so many records of these partitions are there (all partitions together unless one is named). */
  async untilRecords(count: number, partition?: string): Promise<void> {
    const read = () => (partition === undefined ? this.count : this.of(partition).length)
    while (read() < count) await this.until((event) => 'block' in event)
  }

  /** Takes events until each of these partitions has been told to be at its end. */
  async untilAtEnd(partitions: readonly string[]): Promise<void> {
    const waiting = new Set(partitions)
    await this.until((event) => {
      if ('atEnd' in event) waiting.delete(event.atEnd)
      return waiting.size === 0
    })
  }

  /** The next event; undefined at the end. */
  async next(): Promise<SourceEvent | undefined> {
    if (this.#iterator === undefined) throw new Error('begin() first')
    const { done, value } = await this.#iterator.next()
    if (done === true) return undefined
    this.events.push(value)
    if ('block' in value) this.#take(value.block)
    if ('progress' in value) this.positions.set(value.progress, value.next)
    if ('skipped' in value) this.positions.set(value.skipped, value.next)
    return value
  }

  get count(): number {
    return [...this.records.values()].reduce((total, records) => total + records.length, 0)
  }

  of(partition: string): readonly ReadRecord[] {
    return this.records.get(partition) ?? []
  }

  /** All blocks: to be looked into only if the test releases them itself. */
  get blocks(): readonly RecordBlock[] {
    return this.events.flatMap((event) => ('block' in event ? [event.block] : []))
  }

  abort(): void {
    this.#stop.abort(new Error('the test stops reading'))
  }

  async return(): Promise<void> {
    await this.#iterator?.return?.()
  }

  async close(): Promise<void> {
    this.abort()
    await this.return()
    await this.source.close()
  }

  #take(block: RecordBlock): void {
    const { partition, next } = block
    const records = [...this.of(partition), ...recordsOf(block)]
    this.records.set(partition, records)
    this.positions.set(partition, next)
    this.taken.push({ partition, next, upTo: records.length, hasKeys: block.keys !== undefined })
    if (this.#release) block.release()
  }
}
