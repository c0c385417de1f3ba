import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readRunningServices, startBroker, startDevServices } from 'headrace'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let data: string

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'headrace-dev-'))
})
afterEach(() => rm(data, { recursive: true, force: true }))

async function topicsOf(bootstrap: string): Promise<string[]> {
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await admin.listTopics()
  } finally {
    await admin.disconnect()
  }
}

describe('the services of a data folder', () => {
  test('run side by side, and dev.json says where until they stop', async () => {
    const services = await startDevServices({ dataDirectory: data, postgres: { durable: false } })
    const file = path.join(data, 'dev.json')
    try {
      const running = await readRunningServices(data)
      expect(running).toMatchObject({
        owner: { pid: process.pid },
        kafka: { bootstrap: services.broker.bootstrap },
        postgres: { url: services.postgres?.url },
        pids: { broker: services.broker.pid, postgres: services.postgres?.pid },
      })
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect(await topicsOf(running?.kafka.bootstrap ?? '')).toEqual([])
      const client = new Client({ connectionString: running?.postgres?.url ?? '' })
      await client.connect()
      await client.end()
      await expect(startDevServices({ dataDirectory: data })).rejects.toMatchObject({ code: 'DEV_ALREADY_RUNNING' })
      expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(running)
    } finally {
      await services.stop()
    }
    await services.stop()
    expect(await services.ended).toMatch(/broker|postgres/)
    expect(await readRunningServices(data)).toBeUndefined()
    expect((await readdir(data)).sort()).toEqual(['broker', 'postgres'])
  })

  test('the broker has a second listener for those who log in, beside the one of this machine', async () => {
    const usersFile = path.join(data, 'users')
    await writeFile(usersFile, 'alice:secret\n')
    const security = { usersFile, advertisedHost: 'localhost' }
    const services = await startDevServices({ dataDirectory: data, kafka: { security } })
    try {
      const { SASL_PLAINTEXT: address = '', PLAINTEXT: plain } = services.broker.listeners
      expect(plain).toBe(services.broker.bootstrap)
      expect(address).toMatch(/^localhost:\d+$/)
      const login = { mechanism: 'scram-sha-256', username: 'alice', password: 'secret' } as const
      const admin = new Kafka({ brokers: [address], sasl: login, logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      const { brokers } = await admin.describeCluster()
      await admin.disconnect()
      expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([address])
      expect(await topicsOf(services.broker.bootstrap)).toEqual([])
    } finally {
      await services.stop()
    }
    const broken = { security: { usersFile, certFile: '/nonexistent/cert', keyFile: '/nonexistent/key' } }
    await expect(startDevServices({ dataDirectory: data, kafka: broken })).rejects.toMatchObject({
      code: 'EMBEDDED_BROKER_SETTINGS',
      message: expect.stringContaining('/nonexistent/cert cannot be read'),
    })
    await expect(startDevServices({ dataDirectory: data, kafka: { security: {} } })).rejects.toMatchObject({
      code: 'EMBEDDED_BROKER_SETTINGS',
    })
  })

  test('keep their topics from one start to the next', async () => {
    const first = await startDevServices({ dataDirectory: data })
    const admin = new Kafka({ brokers: [first.broker.bootstrap], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'trades', numPartitions: 3 }] })
    await admin.disconnect()
    await first.stop()
    const second = await startDevServices({ dataDirectory: data })
    try {
      expect(await topicsOf(second.broker.bootstrap)).toEqual(['trades'])
    } finally {
      await second.stop()
    }
  })

  test('when one cannot start, the other is stopped again and the reason is told', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    try {
      const starting = startDevServices({ dataDirectory: data, kafka: { port }, postgres: { durable: false } })
      await expect(starting).rejects.toMatchObject({
        code: 'SERVICE_PORT_IN_USE',
        details: { service: 'broker', port },
      })
    } finally {
      other.close()
    }
    expect((await readdir(path.join(data, 'postgres', 'data'))).includes('postmaster.pid')).toBe(false)
    expect(await readRunningServices(data)).toBeUndefined()
  })
})

test('one broker per folder', async () => {
  const broker = await startBroker({ directory: data })
  try {
    await expect(startBroker({ directory: data })).rejects.toMatchObject({ code: 'SERVICE_DATA_IN_USE' })
  } finally {
    await broker.stop()
  }
})
