import { BATCH_HEADER_BYTES, BatchHeader, CODECS, decompress, decompressAside } from '@headrace/broker/protocol'

/** Compressed records of so many bytes are worth another thread: smaller ones are done before it has begun. */
const ASIDE_BYTES = 32 * 1024

/** So many large batches are decompressed at a time, the one that is wanted next among them. */
const AT_A_TIME = 4

/** Decompresses one partition's batches: small ones when they are wanted, large ones on other threads, a few ahead. */
export class DecompressAhead {
  readonly #buffer: Buffer
  readonly #end: number
  readonly #batch = new BatchHeader()
  readonly #underWay = new Map<number, Promise<Buffer>>()
  /** The batch that is to be looked at next. */
  #position: number

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer
    this.#position = start
    this.#end = end
  }

  /** The batch's records as they were before its codec. Throws, or rejects with, what `decompress` throws. */
  plain(batch: BatchHeader): Buffer | Promise<Buffer> {
    const codec = CODECS[batch.codecId]
    if (codec === undefined || codec === 'none') throw new Error('the batch is not compressed')
    if (!isLarge(batch)) return decompress(codec, recordsOf(batch))
    this.#lookAhead(batch.position)
    const underWay = this.#underWay.get(batch.position)
    this.#underWay.delete(batch.position)
    return underWay ?? decompressAside(codec, recordsOf(batch))
  }

  /** Begins with the large batches from `from` on. */
  #lookAhead(from: number): void {
    // Batches that were passed over, being aborted, are not asked for any more.
    for (const position of this.#underWay.keys()) if (position < from) this.#underWay.delete(position)
    this.#position = Math.max(this.#position, from)
    while (this.#underWay.size < AT_A_TIME && this.#end - this.#position >= BATCH_HEADER_BYTES) {
      const batch = this.#batch.at(this.#buffer, this.#position)
      const next = this.#position + batch.sizeBytes
      // What cannot be a batch is reported by the one who decodes.
      if (batch.sizeBytes < BATCH_HEADER_BYTES || next > this.#end) return
      const codec = CODECS[batch.codecId]
      if (codec !== undefined && codec !== 'none' && isLarge(batch)) {
        const plain = decompressAside(codec, recordsOf(batch))
        // It may never be asked for; who asks gets the failure.
        plain.catch(() => undefined)
        this.#underWay.set(this.#position, plain)
      }
      this.#position = next
    }
  }
}

function isLarge(batch: BatchHeader): boolean {
  return batch.recordsEnd - batch.recordsStart >= ASIDE_BYTES
}

function recordsOf(batch: BatchHeader): Buffer {
  return batch.buffer.subarray(batch.recordsStart, batch.recordsEnd)
}
