import { byteLength, type RecordBlock, valueAt } from './block.ts'

/** The records of one partition within an epoch: numbers `from` (inclusive) to `to` (exclusive). */
export interface PartitionRange {
  readonly partition: string
  readonly from: number
  readonly to: number
}

/** An epoch's blocks in the order in which they are decoded: partition by partition, each in its own order. */
export class EpochRecords {
  readonly blocks: readonly RecordBlock[]
  /** Number of the first record of each block. */
  readonly starts: readonly number[]
  readonly count: number
  readonly bytes: number
  readonly ranges: readonly PartitionRange[]
  #released = false

  /** `blocks` in order of arrival; those of one partition stay in that order. */
  constructor(blocks: readonly RecordBlock[]) {
    const byPartition = Map.groupBy(blocks, (block) => block.partition)
    const starts: number[] = []
    const ranges: PartitionRange[] = []
    const ordered: RecordBlock[] = []
    let count = 0
    let bytes = 0
    for (const [partition, own] of byPartition) {
      const from = count
      for (const block of own) {
        ordered.push(block)
        starts.push(count)
        count += block.count
        bytes += byteLength(block.values, block.count)
      }
      ranges.push({ partition, from, to: count })
    }
    this.blocks = ordered
    this.starts = starts
    this.count = count
    this.bytes = bytes
    this.ranges = ranges
  }

  /** The block that holds record `record`, and its number there. */
  locate(record: number): { block: RecordBlock; index: number } {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.starts[middle] as number) <= record) low = middle
      else high = middle - 1
    }
    return { block: this.blocks[low] as RecordBlock, index: record - (this.starts[low] as number) }
  }

  /** The raw value of a record: a view into its block. */
  value(record: number): Uint8Array | null {
    const { block, index } = this.locate(record)
    return valueAt(block.values, index)
  }

  /** The bytes are needed no more. Only the first call counts. */
  release(): void {
    if (!this.#released) for (const block of this.blocks) block.release()
    this.#released = true
  }
}
