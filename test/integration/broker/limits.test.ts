import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker, type BrokerOptions } from '@headrace/broker'
import {
  apiVersions,
  encodeRequest,
  fetch,
  metadata,
  produce,
  saslHandshake,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Authority, canMakeCertificates, certificateNeeds } from '../../support/certificates.ts'
import { residentBytes } from '../../support/resident-memory.ts'
import { batchOf } from './batches.ts'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

const MIB = 1024 * 1024

let folder: string
const opened: { close(): unknown }[] = []

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'broker-limits-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function start(options: Partial<BrokerOptions>) {
  const faults: string[] = []
  const onError = (error: unknown) => faults.push((error as Error).message)
  const broker = await Broker.start({ dataDir: path.join(folder, randomUUID()), onError, ...options })
  opened.push(broker)
  return { broker, faults }
}

async function connected(address: string): Promise<RawClient> {
  const client = await RawClient.connect(address)
  opened.push(client)
  return client
}

async function socketTo(address: string): Promise<Socket> {
  const [host = '', port] = address.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => socket.destroy())
  opened.push({ close: () => socket.destroy() })
  await once(socket, 'connect')
  return socket
}

const isServed = async (client: RawClient) => (await client.ask(metadata, 12, { topics: [] })).brokers.length === 1

describe('connections', () => {
  test.each([
    [{ maxConnections: 3 }, /refused: there are 3$/],
    [{ maxConnectionsPerAddress: 3 }, /from 127\.0\.0\.1 was refused: it has 3 already$/],
  ])('one more than %j is closed at once; when another leaves, there is room again', async (limits, reason) => {
    const { broker, faults } = await start({ limits })
    const clients = [await connected(broker.address), await connected(broker.address), await connected(broker.address)]
    for (const client of clients) expect(await isServed(client)).toBe(true)
    await (await connected(broker.address)).hungUp()
    await (await connected(broker.address)).hungUp()
    expect(faults).toEqual([expect.stringMatching(reason)])
    for (const client of clients) expect(await isServed(client)).toBe(true)
    clients[0]?.close()
    let isIn = false
    while (!isIn) isIn = await isServed(await connected(broker.address)).catch(() => false)
  })

  test('one on which nothing moves is closed, unless its client waits for an answer', async () => {
    const { broker, faults } = await start({ limits: { maxIdleMs: 150 } })
    const waiting = await connected(broker.address)
    await waiting.ask(metadata, 12, { topics: [{ name: 'empty', topicId: ZERO_UUID }] })
    const idle = await connected(broker.address)
    expect(await isServed(idle)).toBe(true)
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: MIB }]
    const topics = [{ topic: 'empty', topicId: ZERO_UUID, partitions }]
    const answer = waiting.ask(fetch, 12, { maxWaitMs: 600, minBytes: 1, topics })
    await idle.hungUp()
    expect((await answer).responses).toHaveLength(1)
    await waiting.hungUp()
    expect(faults).toEqual([])
  })
})

describe('clients that stop in the middle', () => {
  test('of a request', async () => {
    const { broker, faults } = await start({ limits: { maxHandshakeMs: 100 } })
    const slow = await connected(broker.address)
    expect(await isServed(slow)).toBe(true)
    slow.write(Buffer.from([0, 0, 1]))
    await slow.hungUp()
    expect(faults).toEqual([expect.stringMatching(/it took too long with the rest of a request$/)])
  })

  test('of a login', async () => {
    const listeners = [{ protocol: 'SASL_PLAINTEXT' }] as const
    const { broker, faults } = await start({ listeners, sasl: {}, limits: { maxHandshakeMs: 150 } })
    const silent = await connected(broker.address)
    const halfway = await connected(broker.address)
    await halfway.ask(saslHandshake, 1, { mechanism: 'SCRAM-SHA-256' })
    await Promise.all([silent.hungUp(), halfway.hungUp()])
    expect(faults).toEqual([expect.stringMatching(/it took too long to authenticate$/)])
  })

  test.skipIf(!canMakeCertificates)(`of a TLS handshake${certificateNeeds}`, async () => {
    const { certFile, keyFile } = await (await Authority.create(folder)).sign('broker')
    const { broker, faults } = await start({
      listeners: [{ protocol: 'SSL' }],
      tls: { certFile, keyFile },
      limits: { maxHandshakeMs: 150, maxConnections: 2 },
    })
    for (let round = 0; round < 2; round++) {
      const halfOpen = [await socketTo(broker.address), await socketTo(broker.address)]
      halfOpen[0]?.write(Buffer.from([0x16, 0x03, 0x01]))
      await Promise.all(halfOpen.map((socket) => once(socket.resume(), 'close')))
    }
    expect(faults).toEqual([expect.stringMatching(/the TLS handshake with 127\.0\.0\.1 failed: it took too long$/)])
  })
})

test('requests that are too large together end the connections that bring them, not the others', async () => {
  const { broker, faults } = await start({ limits: { requestMemoryBytes: 4 * MIB } })
  const healthy = await connected(broker.address)
  const large = await Promise.all(Array.from({ length: 4 }, () => connected(broker.address)))
  const size = Buffer.alloc(4)
  size.writeInt32BE(50 * MIB)
  for (const client of large) client.write(Buffer.concat([size, Buffer.alloc(1.5 * MIB)]))
  await Promise.race(large.map((client) => client.hungUp()))
  expect(await isServed(healthy)).toBe(true)
  expect(faults).toEqual([expect.stringContaining('requests of all clients together exceed 4194304 bytes')])
})

test('200 idle clients and 40 that ask for much and read nothing leave the broker small and serving', async () => {
  const broker = await BrokerProcess.start(path.join(folder, randomUUID()), '--partitions', '1')
  opened.push({ close: () => broker.end('SIGTERM') })
  const healthy = await connected(broker.address)
  const { topics } = await healthy.ask(metadata, 12, { topics: [{ name: 'large', topicId: ZERO_UUID }] })
  const topicId = topics[0]?.topicId ?? ''
  const records = batchOf([Buffer.alloc(900_000, 'x').toString()])
  for (let index = 0; index < 60; index++) {
    const topicData = [{ name: 'large', partitionData: [{ index: 0, records: Buffer.from(records) }] }]
    const { responses } = await healthy.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
  }
  const before = await residentBytes(broker.pid)

  for (let index = 0; index < 200; index++) await socketTo(broker.address)
  const greedy = fetching(topicId, 0, 50 * MIB)
  const slow = await Promise.all(Array.from({ length: 40 }, () => socketTo(broker.address)))
  for (const socket of slow) for (let index = 0; index < 10; index++) socket.write(greedy)

  // Every answer of this client is behind those that the broker has begun for the others.
  let largest = before
  for (let offset = 0; offset < 30; offset++) {
    healthy.write(fetching(topicId, offset, MIB))
    const { body } = await healthy.receive(fetch, 16)
    expect(body.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(900_000)
    if (offset % 10 === 0) largest = Math.max(largest, await residentBytes(broker.pid))
  }
  expect(largest).toBeLessThan(300 * MIB)
  expect((await (await connected(broker.address)).ask(apiVersions, 0, {})).errorCode).toBe(0)
})

function fetching(topicId: string, fetchOffset: number, maxBytes: number): Buffer {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }]
  const body = { maxWaitMs: 0, minBytes: 1, maxBytes, topics: [{ topic: '', topicId, partitions }] }
  return Buffer.concat(encodeRequest(fetch, 16, { correlationId: 1, clientId: 'raw' }, body))
}
