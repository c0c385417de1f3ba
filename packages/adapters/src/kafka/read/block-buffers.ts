import { type Bytes, type MetadataColumn, type Position, type RecordBlock, valueAt } from '@headrace/core'
import { parseHeaders } from './record-headers.ts'

/** Blocks are cut at about this many bytes of values: small enough to stay in the CPU's cache while they are written. */
export const BLOCK_BYTES = 1024 * 1024

/** Buffers come in sizes of this, times powers of four. */
const SMALLEST_BYTES = 16 * 1024

/** A buffer of n bytes has room for n / 64 records; shorter ones are counted into a larger buffer. */
const BYTES_PER_RECORD = 64

/** Unused buffers that are kept: as much as several epochs hold at once, whatever the engine's limits are. */
const KEEP_BYTES = 256 * 1024 * 1024

/** Room behind the last byte for a copy that goes on to the end of an eight-byte word. */
const SLACK_BYTES = 8

/** Byte strings in the making: what will be a `Bytes`. */
export class BytesBuffer {
  readonly data: Buffer
  /** The same bytes, for copying by words. */
  readonly view: DataView
  readonly ends: Uint32Array
  readonly nulls: Uint8Array
  /** Bytes written, newlines included. */
  length = 0
  hasNulls = false

  constructor(capacityBytes: number, capacityRecords: number) {
    this.data = Buffer.allocUnsafeSlow(capacityBytes + SLACK_BYTES)
    this.view = new DataView(this.data.buffer, this.data.byteOffset, this.data.length)
    this.ends = new Uint32Array(capacityRecords)
    this.nulls = new Uint8Array(capacityRecords)
  }

  reset(): void {
    this.length = 0
    this.hasNulls = false
  }

  /** Marks string `index` as null. It is written like an empty one. */
  markNull(index: number): void {
    if (!this.hasNulls) this.nulls.fill(0)
    this.hasNulls = true
    this.nulls[index] = 1
  }

  bytes(): Bytes {
    const { data, ends, nulls } = this
    return this.hasNulls ? { data, ends, nulls } : { data, ends }
  }
}

/** The buffers of one block. */
export class BlockBuffers {
  readonly capacityBytes: number
  readonly capacityRecords: number
  readonly values: BytesBuffer
  readonly keys: BytesBuffer | undefined
  readonly ordinals: Float64Array
  readonly timestamps: Float64Array
  /** Each record's headers as they were sent. */
  readonly headers: BytesBuffer | undefined
  readonly timestampTypes: Uint8Array | undefined
  readonly leaderEpochs: Int32Array | undefined
  count = 0

  constructor(capacityBytes: number, metadata: readonly MetadataColumn[]) {
    this.capacityBytes = capacityBytes
    this.capacityRecords = Math.ceil(capacityBytes / BYTES_PER_RECORD)
    this.values = new BytesBuffer(capacityBytes, this.capacityRecords)
    const wants = (column: MetadataColumn) => metadata.includes(column)
    this.keys = wants('_key') ? new BytesBuffer(capacityBytes, this.capacityRecords) : undefined
    this.headers = wants('_headers') ? new BytesBuffer(capacityBytes, this.capacityRecords) : undefined
    this.timestampTypes = wants('_timestamp_type') ? new Uint8Array(this.capacityRecords) : undefined
    this.leaderEpochs = wants('_leader_epoch') ? new Int32Array(this.capacityRecords) : undefined
    this.ordinals = new Float64Array(this.capacityRecords)
    this.timestamps = new Float64Array(this.capacityRecords)
  }

  /** Whether records that take so many bytes as they were sent certainly fit. */
  hasRoomFor(bytes: number, records: number): boolean {
    const used = Math.max(this.values.length, this.keys?.length ?? 0, this.headers?.length ?? 0)
    return used + bytes <= this.capacityBytes && this.count + records <= this.capacityRecords
  }

  reset(): void {
    this.count = 0
    this.values.reset()
    this.keys?.reset()
    this.headers?.reset()
  }
}

/**
 * Buffers that blocks give back, for the next ones: fresh megabytes cost page faults and garbage collections. Keeps up to
 * `keepBytes` of unused ones.
 */
export class BlockBufferPool {
  readonly #free = new Map<number, BlockBuffers[]>()
  readonly #metadata: readonly MetadataColumn[]
  readonly #keepBytes: number
  #freeBytes = 0

  /** `metadata`: what blocks hold beside values, offsets and timestamps. */
  constructor(metadata: readonly MetadataColumn[], keepBytes = KEEP_BYTES) {
    this.#metadata = metadata
    this.#keepBytes = keepBytes
  }

  /** Bytes of the buffers that wait to be used again. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Empty buffers with room for at least so much. */
  take(bytes: number, records: number): BlockBuffers {
    const capacity = sizeClass(Math.max(bytes, records * BYTES_PER_RECORD))
    const reused = this.#free.get(capacity)?.pop()
    if (reused === undefined) return new BlockBuffers(capacity, this.#metadata)
    this.#freeBytes -= capacity
    reused.reset()
    return reused
  }

  give(buffers: BlockBuffers): void {
    const { capacityBytes } = buffers
    if (this.#freeBytes + capacityBytes > this.#keepBytes) return
    this.#freeBytes += capacityBytes
    const list = this.#free.get(capacityBytes)
    if (list === undefined) this.#free.set(capacityBytes, [buffers])
    else list.push(buffers)
  }

  /** The finished block; releasing it gives the buffers back. */
  block(buffers: BlockBuffers, partition: string, next: Position): RecordBlock {
    const { count, values, keys, ordinals, timestamps, timestampTypes, leaderEpochs } = buffers
    const headers = buffers.headers?.bytes()
    const release = this.#once(buffers, partition)
    return {
      partition,
      next,
      count,
      values: values.bytes(),
      ordinals,
      timestamps,
      release,
      ...(keys !== undefined && { keys: keys.bytes() }),
      ...(headers !== undefined && { headersOf: (record: number) => parseHeaders(valueAt(headers, record)) }),
      ...(timestampTypes !== undefined && { timestampTypes }),
      ...(leaderEpochs !== undefined && { leaderEpochs }),
    }
  }

  // Buffers given back twice would be handed to two blocks at once, and one would overwrite the other.
  #once(buffers: BlockBuffers, partition: string): () => void {
    let released = false
    return () => {
      if (released) throw new Error(`a block of ${partition} was released twice`)
      released = true
      this.give(buffers)
    }
  }
}

function sizeClass(bytes: number): number {
  let size = SMALLEST_BYTES
  while (size < bytes) size *= 4
  return size
}
