import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { ERROR, fetch, forEachBatch, metadata, produce, ZERO_UUID } from '@headrace/broker/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { batchOf } from './batches.ts'
import { RawClient } from './raw-client.ts'

const BATCHES = 300

let dataDir: string
let broker: Broker
const clients: RawClient[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-buffers-'))
  broker = await Broker.start({ dataDir })
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await broker.close()
  await rm(dataDir, { recursive: true })
})

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(broker.address)
  clients.push(client)
  return client
}

function asking(fetchOffset: number, partitionMaxBytes: number) {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: 'read', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes }] }],
  }
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test('responses that share memory one after the other never share bytes', async () => {
  const writer = await connect()
  await writer.ask(metadata, 12, { topics: [{ name: 'read', topicId: ZERO_UUID }] })
  const digests: string[] = []
  for (let index = 0; index < BATCHES; index++) {
    const records = batchOf([`${index} `.repeat(3000)], { timestamp: 1000 + index })
    const topicData = [{ name: 'read', partitionData: [{ index: 0, records }] }]
    const { responses } = await writer.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
    expect(responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: ERROR.NONE, baseOffset: index })
    // Base offset and leader epoch are the broker's.
    digests.push(digestOf(records.subarray(16)))
  }
  const check = (records: Buffer | null | undefined): number => {
    let next = -1
    if (records)
      forEachBatch(records, (batch) => {
        expect(digestOf(batch.buffer.subarray(batch.position + 16, batch.recordsEnd))).toBe(digests[batch.baseOffset])
        next = batch.lastOffset + 1
      })
    return next
  }
  /** Sends all its requests before it reads an answer, so that many responses wait at once. */
  const readAhead = async (maxBytes: number) => {
    const client = await connect()
    const offsets = Array.from({ length: 12 }, (_, index) => index * 20)
    for (const offset of offsets) client.send(fetch, 12, asking(offset, maxBytes))
    for (const offset of offsets) {
      const { body } = await client.receive(fetch, 12)
      expect(check(body.responses[0]?.partitions[0]?.records)).toBeGreaterThan(offset)
    }
  }
  /** Hangs up in the middle of its answers. */
  const hangUp = async () => {
    const client = await connect()
    for (let index = 0; index < 5; index++) client.send(fetch, 12, asking(0, 1 << 20))
    await client.receive(fetch, 12)
    client.close()
  }
  const readers = Array.from({ length: 6 }, (_, index) => readAhead(20_000 + index * 150_000))
  await Promise.all([...readers, ...Array.from({ length: 6 }, hangUp)])
})
