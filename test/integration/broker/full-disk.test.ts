import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createTopics, ERROR, fetch, forEachBatch, listOffsets, produce } from '@headrace/broker/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canMount, mountingNeeds, SmallDisk } from '../../support/mounts.ts'
import { batchOf } from './batches.ts'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

const MEGABYTES = 8

let folder: string
let disk: SmallDisk
let broker: BrokerProcess
let client: RawClient

async function start(): Promise<void> {
  broker = await BrokerProcess.startWithin(disk.within, path.join(disk.folder, 'data'))
  client = await RawClient.connect(broker.address)
}

async function create(name: string, configs: Record<string, string> = {}) {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: entries }
  return (await client.ask(createTopics, 7, { topics: [topic] })).topics[0]?.errorCode
}

async function append(value: string): Promise<[errorCode: number | undefined, baseOffset: number | undefined]> {
  const topicData = [{ name: 'full', partitionData: [{ index: 0, records: batchOf([value]) }] }]
  const { responses } = await client.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
  const [partition] = responses[0]?.partitionResponses ?? []
  return [partition?.errorCode, partition?.baseOffset]
}

/** The index that each value begins with, from the first record to the end. */
async function indexesRead(): Promise<number[]> {
  const { topics } = await client.ask(listOffsets, 9, {
    topics: [{ name: 'full', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  const end = topics[0]?.partitions[0]?.offset ?? -1
  const found: number[] = []
  for (let next = 0; next < end; ) {
    const partitions = [{ partition: 0, fetchOffset: next, partitionMaxBytes: 1 << 20 }]
    const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'full', partitions }] }
    const { responses } = await client.ask(fetch, 12, request)
    forEachBatch(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0), (batch) => {
      const text = batch.buffer.toString('latin1', batch.recordsStart, batch.recordsEnd)
      found.push(Number(/(\d+)!/.exec(text)?.[1]))
      next = batch.lastOffset + 1
    })
  }
  return found
}

describe.skipIf(!canMount)(`a disk that fills up${mountingNeeds}`, () => {
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'broker-full-disk-'))
    await mkdir(path.join(folder, 'disk'))
    disk = await SmallDisk.mount(path.join(folder, 'disk'), MEGABYTES)
    await start()
  })
  afterEach(async () => {
    client.close()
    await broker.end('SIGKILL')
    await disk.unmount()
    await rm(folder, { recursive: true, force: true })
  })

  test.each([
    ['in the middle of a segment', '1000000'],
    ['where a segment ends', '20000'],
  ])('%s: refusals while there is no room, and nothing that was acknowledged is lost', async (_where, segmentBytes) => {
    expect(await create('full', { 'segment.bytes': segmentBytes })).toBe(ERROR.NONE)
    await disk.fill(300)
    let kept = 0
    for (;;) {
      const [errorCode, baseOffset] = await append(`${kept}!${'x'.repeat(3000)}`)
      if (errorCode === ERROR.KAFKA_STORAGE_ERROR) break
      expect([errorCode, baseOffset]).toEqual([ERROR.NONE, kept])
      kept++
    }
    expect(kept).toBeGreaterThan(10)
    const all = () => Array.from({ length: kept }, (_, index) => index)
    expect(await indexesRead()).toEqual(all())
    // As many as it takes until not even a name fits any more.
    let made = 0
    while ((await create(`topic-${made}`)) === ERROR.NONE) made++
    expect(await create('refused')).toBe(ERROR.KAFKA_STORAGE_ERROR)

    await disk.free()
    expect(await append(`${kept}!${'x'.repeat(3000)}`)).toEqual([ERROR.NONE, kept])
    kept++
    expect(await create('refused')).toBe(ERROR.NONE)
    expect(await indexesRead()).toEqual(all())
    client.close()
    await broker.end('SIGKILL')
    await start()
    expect(await indexesRead()).toEqual(all())
    expect(await append(`${kept}!`)).toEqual([ERROR.NONE, kept])
  })
})
