import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createTopics, ERROR, fetch, forEachBatch, offsetCommit, offsetFetch, produce } from '@headrace/broker/protocol'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { canFailDisk, FailingDisk, failingNeeds } from '../../support/failing-disk.ts'
import { batchOf } from './batches.ts'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

const TOPIC = 'kept'
const PARTITIONS = 100
/** More than there are blocks which have been written before. */
const LARGE = 'x'.repeat(300_000)

let folder: string
let complaints: string
let disk: FailingDisk
let broker: BrokerProcess
let client: RawClient

async function start(...args: string[]): Promise<void> {
  const within = [...disk.within, 'sh', '-c', 'exec "$@" 2>>"$0"', complaints]
  broker = await BrokerProcess.startWithin(within, path.join(disk.folder, 'data'), ...args)
  client = await RawClient.connect(broker.address)
}

async function restart(signal: NodeJS.Signals, ...args: string[]): Promise<void> {
  client.close()
  await broker.end(signal)
  await start(...args)
}

async function append(value: string): Promise<number | undefined> {
  const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records: batchOf([value]) }] }]
  const { responses } = await client.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
  return responses[0]?.partitionResponses[0]?.errorCode
}

/** Commits the same offset for all partitions, with so much beside it that it takes blocks of its own. */
async function commit(committedOffset: number): Promise<number | undefined> {
  const committedMetadata = String(committedOffset).padEnd(4000, 'x')
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset,
    committedMetadata,
  }))
  const answer = await client.ask(offsetCommit, 8, { groupId: 'group', topics: [{ name: TOPIC, partitions }] })
  return answer.topics[0]?.partitions[0]?.errorCode
}

async function committed(): Promise<number | undefined> {
  const topics = [{ name: TOPIC, partitionIndexes: [7] }]
  return (await client.ask(offsetFetch, 5, { groupId: 'group', topics })).topics[0]?.partitions[0]?.committedOffset
}

/** What the values that can be read begin with. */
async function namesRead(): Promise<string[]> {
  const names: string[] = []
  for (let next = 0; ; ) {
    const partitions = [{ partition: 0, fetchOffset: next, partitionMaxBytes: 1 << 20 }]
    const { responses } = await client.ask(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: TOPIC, partitions }],
    })
    const records = responses[0]?.partitions[0]?.records
    if (!records?.length) return names
    forEachBatch(records, (batch) => {
      const text = batch.buffer.toString('latin1', batch.recordsStart, batch.recordsEnd)
      names.push(/(\w+)!/.exec(text)?.[1] ?? text)
      next = batch.lastOffset + 1
    })
  }
}

async function complaintsOf(file: string): Promise<string[]> {
  const lines = (await readFile(complaints, 'utf8')).split('\n')
  return lines.filter((line) => line.includes('failed to keep') && line.includes(file))
}

describe.skipIf(!canFailDisk)(`a disk that fails to keep what it took${failingNeeds}`, () => {
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'broker-failing-disk-'))
    complaints = path.join(folder, 'complaints')
    disk = await FailingDisk.mount(folder)
  })
  afterEach(async () => {
    client.close()
    await broker.end('SIGKILL')
    await disk.unmount()
    await rm(folder, { recursive: true, force: true })
  })

  async function create(): Promise<void> {
    const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] }
    expect((await client.ask(createTopics, 7, { topics: [topic] })).topics[0]?.errorCode).toBe(ERROR.NONE)
  }

  test.each([['SIGTERM'], ['SIGKILL']] as const)(
    'what follows is not acknowledged, before and after %s, until it is kept',
    async (signal) => {
      await start('--fsync', 'always')
      await create()
      expect([await append('a!'), await append('b!'), await commit(1)]).toEqual([0, 0, ERROR.NONE])
      await disk.fail()
      expect(await append(`lost!${LARGE}`)).toBe(ERROR.KAFKA_STORAGE_ERROR)
      expect(await commit(2)).not.toBe(ERROR.NONE)
      // From here on the operating system would say that all is well.
      await disk.mend()
      for (let again = 0; again < 3; again++) expect(await append('refused!')).toBe(ERROR.KAFKA_STORAGE_ERROR)
      expect(await commit(3)).toBe(ERROR.NONE)
      expect(await namesRead()).toEqual(['a', 'b'])
      expect(await complaintsOf('.log')).toHaveLength(1)
      expect(await complaintsOf('group-offsets')).toHaveLength(1)

      await restart(signal, '--fsync', 'always')
      const names = await namesRead()
      // Nobody was promised the one that was lost: here it is in memory still, and so comes to be kept after all.
      expect(names).toEqual(['a', 'b', 'lost'])
      expect(await append('c!')).toBe(ERROR.NONE)
      client.close()
      await broker.end('SIGKILL')
      await disk.forget()
      await start()
      expect(await namesRead()).toEqual([...names, 'c'])
      expect(await committed()).toBe(3)
    },
  )

  test('what was acknowledged before it was forced to the disk gets there with the next start', async () => {
    await start()
    await create()
    expect(await append('a!')).toBe(ERROR.NONE)
    await disk.fail()
    expect(await append(`b!${LARGE}`)).toBe(ERROR.NONE)
    await vi.waitFor(async () => expect(await append('refused!')).toBe(ERROR.KAFKA_STORAGE_ERROR), { timeout: 30_000 })
    await disk.mend()
    const names = await namesRead()
    expect(names.slice(0, 2)).toEqual(['a', 'b'])
    await restart('SIGTERM', '--fsync', 'always')
    expect(await append('c!')).toBe(ERROR.NONE)
    client.close()
    await broker.end('SIGKILL')
    await disk.forget()
    await start()
    expect(await namesRead()).toEqual([...names, 'c'])
  })
})
