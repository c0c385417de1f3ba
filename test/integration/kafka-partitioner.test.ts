import { createHash } from 'node:crypto'
import { partitionOfKey } from '@headrace/adapters/kafka'
import { Partitioners } from 'kafkajs'
import { expect, test } from 'vitest'

// A partitioner that nobody here wrote, and that follows the Java client.
const theirs = Partitioners.DefaultPartitioner()

function theirPartition(key: Buffer, count: number): number {
  const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }))
  return theirs({ topic: 't', partitionMetadata, message: { key, value: null } })
}

/** Keys of every length up to 64, for ever the same. */
const keys = Array.from({ length: 640 }, (_, i) =>
  createHash('sha512')
    .update(String(i))
    .digest()
    .subarray(0, 1 + (i % 64)),
)

test('keys come where another client puts them, and to every partition', () => {
  for (const count of [1, 3, 7, 50]) {
    const ours = keys.map((key) => partitionOfKey(key, count))
    expect(ours).toEqual(keys.map((key) => theirPartition(key, count)))
    expect(new Set(ours).size).toBe(count)
  }
})
