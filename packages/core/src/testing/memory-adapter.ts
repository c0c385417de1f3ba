import { Type } from 'typebox'
import { SinkAheadError } from '../errors/index.ts'
import type { AdapterDefinition, Batch, Position, RecordBlock, Row, Sink, Source, SourceEvent } from '../model/index.ts'
import { blockOf } from './blocks.ts'

export interface MemoryRecord {
  readonly value: string | Uint8Array | null
  readonly key?: string | Uint8Array | null
  /** The record's own timestamp, ms; none unless given. */
  readonly timestamp?: number
}

/** A stream held in memory, by partition, and what sinks were given: for tests of the engine itself. */
export class MemorySystem {
  readonly partitions: Map<string, MemoryRecord[]>
  /** Rows by sink, in order of publication. A batch published again changes nothing. */
  readonly rows = new Map<string, Row[]>()
  readonly batches = new Map<string, Batch['id'][]>()
  readonly acknowledged: Record<string, Position>[] = []
  /** Records in a block, at most. */
  blockSize = 3
  /** Called before a batch is taken: may throw what a sink throws. */
  onPublish: (batch: Batch) => void | Promise<void> = () => {}
  #changed: (() => void)[] = []

  constructor(partitions: Readonly<Record<string, readonly MemoryRecord[]>>) {
    this.partitions = new Map(Object.entries(partitions).map(([name, records]) => [name, [...records]]))
  }

  /** Adds records while it is being read. */
  append(partition: string, ...records: MemoryRecord[]): void {
    const own = this.partitions.get(partition) ?? []
    own.push(...records)
    this.partitions.set(partition, own)
    for (const resolve of this.#changed.splice(0)) resolve()
  }

  /** Resolves when something is appended, or after a moment. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 20)
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#changed.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The adapter `memory`, as source and as sink. */
  get adapter(): AdapterDefinition {
    const schema = Type.Object({}, { additionalProperties: true })
    return {
      name: 'memory',
      summary: 'Records and rows in memory, for tests',
      source: {
        schema,
        examples: [],
        load: async () => ({ createSource: (_, { metadata }) => new MemorySource(this, metadata.includes('_key')) }),
      },
      sink: {
        delivery: 'exactly-once',
        schema,
        examples: [],
        staging: (config: { roll?: object }) => ({
          format: 'parquet',
          ...(config.roll === undefined ? {} : { roll: config.roll }),
        }),
        load: async () => ({ createSink: () => new MemorySink(this) }),
      },
    }
  }
}

class MemorySource implements Source {
  readonly #system: MemorySystem
  readonly #wantsKeys: boolean

  constructor(system: MemorySystem, wantsKeys: boolean) {
    this.#system = system
    this.#wantsKeys = wantsKeys
  }

  async connect(): Promise<void> {}

  async *read(from: ReadonlyMap<string, Position>, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const { partitions, blockSize } = this.#system
    const at = new Map([...partitions.keys()].map((partition) => [partition, Number(from.get(partition) ?? 0)]))
    yield { assigned: [...at.keys()] }
    while (!signal.aborted) {
      for (const [partition, next] of at) {
        const records = (partitions.get(partition) ?? []).slice(next, next + blockSize)
        if (records.length === 0) {
          yield { atEnd: partition, observedAt: Date.now() }
          continue
        }
        at.set(partition, next + records.length)
        yield { block: memoryBlock(partition, next, records, this.#wantsKeys) }
      }
      const drained = [...at].every(([partition, next]) => next >= (partitions.get(partition)?.length ?? 0))
      if (drained) await this.#system.changed(signal)
    }
  }

  async ends(): Promise<ReadonlyMap<string, Position>> {
    return new Map([...this.#system.partitions].map(([partition, records]) => [partition, records.length]))
  }

  distance(from: Position, to: Position): number {
    return Number(to) - Number(from)
  }

  async acknowledge(positions: ReadonlyMap<string, Position>): Promise<void> {
    this.#system.acknowledged.push(Object.fromEntries(positions))
  }

  async close(): Promise<void> {}
}

function memoryBlock(
  partition: string,
  first: number,
  records: readonly MemoryRecord[],
  wantsKeys: boolean,
): RecordBlock {
  return blockOf(
    records.map((record) => record.value),
    {
      partition,
      firstOrdinal: first,
      timestamps: records.map((record) => record.timestamp ?? -1),
      ...(wantsKeys && { keys: records.map((record) => record.key ?? null) }),
    },
  )
}

class MemorySink implements Sink {
  readonly #system: MemorySystem

  constructor(system: MemorySystem) {
    this.#system = system
  }

  async connect(): Promise<void> {}

  async publish(batch: Batch): Promise<void> {
    await this.#system.onPublish(batch)
    const { sink, sequence } = batch.id
    const taken = this.#system.batches.get(sink) ?? []
    if (taken.some((id) => id.sequence === sequence)) {
      const { incarnation } = batch.id
      const details = { sink, incarnation, expected: sequence, found: sequence, reset: 'make a new one' }
      if (batch.untried) throw new SinkAheadError(details)
      return
    }
    const rows = this.#system.rows.get(sink) ?? []
    for await (const row of batch.rows()) rows.push(row)
    this.#system.rows.set(sink, rows)
    this.#system.batches.set(sink, [...taken, batch.id])
  }

  async close(): Promise<void> {}
}
