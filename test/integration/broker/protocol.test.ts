import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crc32 as unrelatedCrc32 } from 'node:zlib'
import { Broker } from '@headrace/broker'
import * as protocol from '@headrace/broker/protocol'
import {
  type Api,
  apiVersions,
  BATCH_FIELD,
  createTopics,
  ERROR,
  fetch,
  initProducerId,
  joinGroup,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  offsetForLeaderEpoch,
  produce,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { batchOf } from './batches.ts'
import { RawClient } from './raw-client.ts'

let dataDir: string
let broker: Broker
const clients: RawClient[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-protocol-'))
  broker = await Broker.start({ dataDir })
})
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})
afterAll(async () => {
  await broker.close()
  await rm(dataDir, { recursive: true })
})

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(broker.address)
  clients.push(client)
  return client
}

const apis = Object.values(protocol).filter(
  (value) => typeof value === 'object' && value !== null && 'requestType' in value,
) as unknown as Api[]
const versionsOf = ({ versions: [min, max] }: Api) => Array.from({ length: max - min + 1 }, (_, index) => min + index)

async function topicOf(name: string): Promise<{ client: RawClient; topicId: string }> {
  const client = await connect()
  const { topics } = await client.ask(metadata, 12, { topics: [{ name, topicId: ZERO_UUID }] })
  expect(topics[0]?.errorCode).toBe(ERROR.NONE)
  return { client, topicId: topics[0]?.topicId ?? '' }
}

function producing(topic: string, records: Buffer, acks = -1) {
  return { acks, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] }
}

function fetching(
  topic: string,
  topicId: string,
  fetchOffset: number,
  options: { maxWaitMs?: number; minBytes?: number } = {},
) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  return { maxWaitMs: 0, minBytes: 1, ...options, topics: [{ topic, topicId, partitions }] }
}

describe('versions', () => {
  test('what is advertised is what the tables hold', async () => {
    const { apiKeys } = await (await connect()).ask(apiVersions, 4, {
      clientSoftwareName: 'raw',
      clientSoftwareVersion: '1',
    })
    const advertised = Object.fromEntries(apiKeys.map((each) => [each.apiKey, [each.minVersion, each.maxVersion]]))
    expect(advertised).toEqual(Object.fromEntries(apis.map((api) => [api.key, api.versions])))
    expect(advertised[produce.key]).toEqual([0, 11])
  })

  test('a client that is too new for ApiVersions is told what there is, in the oldest version', async () => {
    const client = await connect()
    const table = { ...apiVersions, versions: [0, 99] as const }
    client.send(table as typeof apiVersions, 99, { clientSoftwareName: 'future', clientSoftwareVersion: '99' })
    const { body } = await client.receive(apiVersions, 0)
    expect(body.errorCode).toBe(ERROR.UNSUPPORTED_VERSION)
    expect(body.apiKeys).toHaveLength(apis.length)
  })

  test.each(apis.flatMap((api) => versionsOf(api).map((version) => [api.name, version, api] as const)))(
    '%s v%i is answered in that version',
    async (_name, version, api) => {
      // An empty request; one that asks for no acknowledgement would get no answer.
      const request = { ...api.requestType.zero, ...(api.key === produce.key && { acks: 1 }) }
      const answer = await (await connect()).ask(api, version, request)
      expect(Object.keys(answer)).toEqual(Object.keys(api.response))
    },
  )

  test('a version that was not advertised ends the connection', async () => {
    const client = await connect()
    client.send(metadata, 13, { topics: [] })
    await client.hungUp()
  })
})

describe('records', () => {
  test('every version of Produce and Fetch carries them', async () => {
    const { client, topicId } = await topicOf('carried')
    let next = 0
    for (const version of versionsOf(produce).filter((v) => v >= 3)) {
      const answer = await client.ask(produce, version, producing('carried', batchOf([`p${version}`])))
      expect(answer.responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: ERROR.NONE, baseOffset: next++ })
    }
    for (const version of versionsOf(fetch)) {
      const answer = await client.ask(fetch, version, fetching('carried', topicId, next - 2))
      const [partition] = answer.responses[0]?.partitions ?? []
      expect(partition).toMatchObject({ errorCode: ERROR.NONE, highWatermark: next })
      expect(partition?.records?.toString()).toContain('p10')
      expect(partition?.records?.toString()).toContain('p11')
      expect(partition?.records?.toString()).not.toContain('p9')
    }
  })

  test('message formats from before version 3 are refused with a code', async () => {
    const { client } = await topicOf('old')
    const answer = await client.ask(produce, 2, producing('old', batchOf(['x'])))
    expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(ERROR.UNSUPPORTED_VERSION)
  })

  test('a batch that was damaged on its way is refused and not kept', async () => {
    const { client } = await topicOf('damaged')
    const batch = batchOf(['x'])
    batch.writeUInt32BE(unrelatedCrc32(batch), BATCH_FIELD.crc)
    const answer = await client.ask(produce, 11, producing('damaged', batch))
    expect(answer.responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: ERROR.CORRUPT_MESSAGE,
      baseOffset: -1,
    })
    const { topics } = await client.ask(listOffsets, 9, listing('damaged', -1))
    expect(topics[0]?.partitions[0]?.offset).toBe(0)
  })

  test('without acknowledgement nothing is answered, and a refusal ends the connection', async () => {
    const { client, topicId } = await topicOf('unacknowledged')
    client.send(produce, 11, producing('unacknowledged', batchOf(['quiet']), 0))
    const answer = await client.ask(fetch, 16, fetching('', topicId, 0, { maxWaitMs: 5000 }))
    expect(answer.responses[0]?.partitions[0]?.records?.toString()).toContain('quiet')
    client.send(produce, 11, producing('no such topic', batchOf(['x']), 0))
    await client.hungUp()
  })

  test('a topic id that is not known, a partition that is not there, an offset beyond the end', async () => {
    const { client, topicId } = await topicOf('present')
    const codeOf = async (version: number, request: ReturnType<typeof fetching>) =>
      (await client.ask(fetch, version, request)).responses[0]?.partitions[0]?.errorCode
    expect(await codeOf(16, fetching('', '11111111-2222-3333-4444-555555555555', 0))).toBe(ERROR.UNKNOWN_TOPIC_ID)
    expect(await codeOf(12, fetching('absent', ZERO_UUID, 0))).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await codeOf(16, fetching('', topicId, 1))).toBe(ERROR.OFFSET_OUT_OF_RANGE)
    expect(await codeOf(16, fetching('', topicId, 0))).toBe(ERROR.NONE)
  })

  test('a fetch session is never given, and one that is claimed is refused', async () => {
    const { client, topicId } = await topicOf('session')
    const begun = await client.ask(fetch, 16, { ...fetching('', topicId, 0), sessionId: 0, sessionEpoch: 0 })
    expect(begun.sessionId).toBe(0)
    const claimed = await client.ask(fetch, 16, { ...fetching('', topicId, 0), sessionId: 7, sessionEpoch: 1 })
    expect(claimed).toMatchObject({ errorCode: ERROR.FETCH_SESSION_ID_NOT_FOUND, responses: [] })
  })
})

describe('waiting for records', () => {
  test('a fetch waits until enough bytes have come', async () => {
    const { client, topicId } = await topicOf('waiting')
    const writer = await connect()
    const batch = batchOf(['x'.repeat(1000)])
    client.send(fetch, 16, fetching('', topicId, 0, { maxWaitMs: 60_000, minBytes: 2 * batch.length }))
    let isAnswered = false
    const answer = client.receive(fetch, 16).then((response) => {
      isAnswered = true
      return response
    })
    await writer.ask(produce, 11, producing('waiting', Buffer.from(batch)))
    await writer.ask(metadata, 12, { topics: null })
    expect(isAnswered).toBe(false)
    await writer.ask(produce, 11, producing('waiting', Buffer.from(batch)))
    expect((await answer).body.responses[0]?.partitions[0]?.records).toHaveLength(2 * batch.length)
  })

  test('but no longer than it was told, and not at all for nothing', async () => {
    const { client, topicId } = await topicOf('idle')
    const startedAt = performance.now()
    const answer = await client.ask(fetch, 16, fetching('', topicId, 0, { maxWaitMs: 300 }))
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(295)
    expect(answer.responses[0]?.partitions[0]).toMatchObject({ errorCode: ERROR.NONE, highWatermark: 0 })
    await client.ask(fetch, 16, { maxWaitMs: 600_000, minBytes: 1, topics: [] })
  })

  test('responses keep the order of requests', async () => {
    const { client, topicId } = await topicOf('ordered')
    const waiting = client.send(fetch, 16, fetching('', topicId, 0, { maxWaitMs: 60_000 }))
    const behind = client.send(metadata, 12, { topics: [] })
    const writer = await connect()
    await writer.ask(produce, 11, producing('ordered', batchOf(['x'])))
    expect((await client.receive(fetch, 16)).correlationId).toBe(waiting)
    expect((await client.receive(metadata, 12)).correlationId).toBe(behind)
  })
})

describe('clients that misbehave', () => {
  const header = (size: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    return bytes
  }
  test.each([
    ['a giant size', header(0x7fff_ffff)],
    ['a negative size', header(-5)],
    ['an empty request', header(0)],
    ['garbage', Buffer.concat([header(64), Buffer.alloc(64, 0xff)])],
    ['a request that is cut off', Buffer.concat([header(12), Buffer.from([0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 9])])],
  ])('%s ends the connection, and nobody else notices', async (_what, bytes) => {
    const other = await connect()
    const client = await connect()
    client.write(bytes)
    await client.hungUp()
    expect((await other.ask(metadata, 12, { topics: [] })).clusterId).toHaveLength(22)
  })

  test('half a request and silence keep nobody waiting', async () => {
    const silent = await connect()
    silent.write(header(50_000_000))
    expect((await (await connect()).ask(metadata, 12, { topics: [] })).brokers).toHaveLength(1)
  })
})

describe('offsets', () => {
  test('every version of OffsetCommit and OffsetFetch keeps and tells them', async () => {
    const { client } = await topicOf('committed')
    for (const version of versionsOf(offsetCommit)) {
      const groupId = `simple ${version}`
      const partitions = [{ partitionIndex: 0, committedOffset: 40 + version, committedMetadata: `m${version}` }]
      const topics = [
        { name: 'committed', partitions },
        { name: 'absent', partitions },
      ]
      const answer = await client.ask(offsetCommit, version, { groupId, topics })
      expect(answer.topics.map((topic) => topic.partitions[0]?.errorCode)).toEqual([
        ERROR.NONE,
        ERROR.UNKNOWN_TOPIC_OR_PARTITION,
      ])
    }
    const asked = [{ name: 'committed', partitionIndexes: [0, 1] }]
    for (const version of versionsOf(offsetFetch)) {
      const group = { groupId: 'simple 9', topics: version % 2 === 0 && version > 1 ? null : asked }
      const request = version < 8 ? group : { topics: [], groups: [group] }
      const answer = await client.ask(offsetFetch, version, request)
      const topics = version < 8 ? answer.topics : answer.groups[0]?.topics
      expect(topics?.[0]?.partitions[0]).toMatchObject({ committedOffset: 49, metadata: 'm9', errorCode: ERROR.NONE })
      if (group.topics) expect(topics?.[0]?.partitions[1]?.committedOffset).toBe(-1)
    }
  })

  test('by leader epoch: the only one there is ends where the log does', async () => {
    const { client } = await topicOf('epochs')
    await client.ask(produce, 11, producing('epochs', batchOf(['a', 'b'])))
    const partitions = [0, 1].map((leaderEpoch) => ({ partition: 0, leaderEpoch }))
    const { topics } = await client.ask(offsetForLeaderEpoch, 4, { topics: [{ topic: 'epochs', partitions }] })
    expect(topics[0]?.partitions.map(({ leaderEpoch, endOffset }) => [leaderEpoch, endOffset])).toEqual([
      [0, 2],
      [-1, -1],
    ])
  })

  test('of the latest timestamp', async () => {
    const { client } = await topicOf('latest')
    for (const timestamp of [1000, 5000, 3000])
      await client.ask(produce, 11, producing('latest', batchOf(['a', 'b'], { timestamp })))
    const { topics } = await client.ask(listOffsets, 9, listing('latest', -3))
    expect(topics[0]?.partitions[0]).toMatchObject({ offset: 3, timestamp: 5001 })
  })
})

test('producer ids are given once', async () => {
  const client = await connect()
  const ask = () => client.ask(initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 1000 })
  const ids = [await ask(), await ask(), await ask()].map(({ producerId }) => producerId)
  expect(new Set(ids).size).toBe(3)
})

test('who joins with version 4 or later is given an id to come back with', async () => {
  const client = await connect()
  const protocols = [{ name: 'range', metadata: Buffer.from('x') }]
  const request = { groupId: 'ids', sessionTimeoutMs: 6000, memberId: '', protocolType: 'consumer', protocols }
  const first = await client.ask(joinGroup, 4, request)
  expect(first.errorCode).toBe(ERROR.MEMBER_ID_REQUIRED)
  const { memberId } = first
  expect(await client.ask(joinGroup, 4, { ...request, memberId })).toMatchObject({ generationId: 1, leader: memberId })
  expect((await client.ask(joinGroup, 3, { ...request, groupId: 'others' })).errorCode).toBe(ERROR.NONE)
})

function listing(name: string, timestamp: number) {
  return { topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] }
}

test('there are no more partitions than a broker can carry, of all topics together', async () => {
  const client = await connect()
  const create = async (name: string, numPartitions: number) => {
    const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }]
    const answer = await client.ask(createTopics, 7, { topics, timeoutMs: 1000, validateOnly: true })
    return answer.topics[0]?.errorCode
  }
  await topicOf('one-of-them')
  expect(await create('too-many', 4000)).toBe(ERROR.INVALID_PARTITIONS)
  expect(await create('many', 3000)).toBe(ERROR.NONE)
  expect(await create('none', 0)).toBe(ERROR.INVALID_PARTITIONS)
})
