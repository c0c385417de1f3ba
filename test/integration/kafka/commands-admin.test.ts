import { once } from 'node:events'
import { Consumer } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaCommands } from '../../support/kafka-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-kafka-admin-')
const NAMES = [
  'orders',
  'described',
  'one',
  'two',
  'three',
  'tuned',
  'kept',
  'live',
  'timed',
  'readers',
  'late',
  'balanced',
  'balanced-readers',
]
let kafka: KafkaCommands
beforeAll(async () => {
  kafka = await KafkaCommands.start(folder(), NAMES)
})
afterAll(() => kafka?.kafka.stop())

describe('topics', () => {
  test('created as asked, with the configs that were given, as another client sees them', async () => {
    const created = await kafka.json(
      'topics',
      'create',
      'orders',
      '--partitions',
      '3',
      '--config',
      'retention.ms=3600000',
    )
    expect(created).toEqual({ dryRun: false, topics: [{ topic: 'orders', created: true }] })
    const admin = kafka.peer.admin()
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: ['orders'] })
    expect(topics[0]?.partitions).toHaveLength(3)
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'orders', configNames: ['retention.ms'] }],
    })
    expect(resources[0]?.configEntries[0]).toMatchObject({ configName: 'retention.ms', configValue: '3600000' })
    await admin.disconnect()
  })

  test('described with offsets and the configs that differ', async () => {
    await kafka.json('topics', 'create', 'described', '--partitions', '2', '--config', 'max.message.bytes=2000000')
    await kafka.send('described', [
      { value: 'a', partition: 1 },
      { value: 'b', partition: 1 },
    ])
    const { topics } = await kafka.json('topics', 'describe', 'described')
    expect(topics).toMatchObject([
      {
        topic: 'described',
        partitions: 2,
        replicationFactor: 1,
        configs: [{ name: 'max.message.bytes', value: '2000000', isOwn: true }],
        layout: [
          { partition: 0, leader: 1, replicas: [1], inSync: [1], firstOffset: 0, endOffset: 0 },
          {
            partition: 1,
            leader: 1,
            replicas: [1],
            inSync: [1],
            firstOffset: 0,
            endOffset: 2,
            sizeBytes: expect.any(Number),
          },
        ],
      },
    ])
    const shown = await kafka.run('topics', 'describe', 'described')
    expect(shown.stdout).toMatch(/^described {2}2 partitions {2}replication factor 1 {2}2 offsets held/)
    expect(shown.stdout).toMatch(/^ +1 │ +1 │ 1 +│ 1 +│ +0 │ +2/m)
    expect(shown.stdout).toMatch(/^max\.message\.bytes │ 2000000$/m)
    const all = await kafka.json('topics', 'describe', 'described', '--all-configs')
    expect(all.topics[0].configs.length).toBeGreaterThan(1)
  })

  test('listed, grown, deleted; a dry run changes nothing', async () => {
    await kafka.json('topics', 'create', 'one', 'two', '--partitions', '1')
    const dry = await kafka.json('topics', 'create', 'three', '--dry-run')
    expect(dry).toEqual({ dryRun: true, topics: [{ topic: 'three', created: false }] })
    const again = await kafka.run('topics', 'create', 'one', '--if-not-exists')
    expect(again).toEqual({ code: 0, stdout: 'topic "one" is there already\n', stderr: '' })
    await kafka.json('topics', 'alter', 'two', '--partitions', '8', '--dry-run')
    await kafka.json('topics', 'alter', 'one', '--partitions', '4')
    const { topics } = await kafka.json('topics', 'list')
    const counts = new Map(topics.map((each: { topic: string; partitions: number }) => [each.topic, each.partitions]))
    expect([counts.get('one'), counts.get('two'), counts.get('three')]).toEqual([4, 1, undefined])
    expect(await kafka.json('topics', 'delete', 'one', 'two')).toEqual({ deleted: ['one', 'two'] })
    const after = await kafka.run('topics', 'list')
    expect(after.stdout).not.toMatch(/^(one|two) /m)
    expect(after.stdout).toMatch(/^topic +│ partitions │ replicas$/m)
  })

  test('configs are set and given back one by one; what the broker refuses is told in its words', async () => {
    await kafka.json('topics', 'create', 'tuned', '--config', 'retention.ms=1000', '--config', 'segment.ms=60000')
    const set = ['--config', 'max.message.bytes=99999', '--delete-config', 'retention.ms']
    await kafka.json('topics', 'alter', 'tuned', ...set, '--dry-run')
    const configsOf = async () => {
      const { topics } = await kafka.json('topics', 'describe', 'tuned')
      return Object.fromEntries(topics[0].configs.map((one: { name: string; value: string }) => [one.name, one.value]))
    }
    expect(await configsOf()).toEqual({ 'retention.ms': '1000', 'segment.ms': '60000' })
    await kafka.json('topics', 'alter', 'tuned', ...set)
    // A cluster shows a change a moment after it has agreed to it.
    await expect.poll(configsOf).toEqual({ 'max.message.bytes': '99999', 'segment.ms': '60000' })
    const refused = await kafka.run('topics', 'alter', 'tuned', '--config', 'retention.ms=soon')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/^KAFKA_REQUEST_FAILED {2}Kafka refuses to alter .*: INVALID_CONFIG: .*soon/)
    const unknown = await kafka.run('topics', 'alter', 'tuned', '--delete-config', 'retention.mss')
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toMatch(/^TOPIC_CONFIG_UNKNOWN {2}.*\n {2}hint: Did you mean "retention.ms"/)
    const nothing = await kafka.run('topics', 'alter', 'tuned')
    expect(nothing.stderr).toMatch(/^TOPIC_ALTER_NOTHING/)
  })

  test('of several names each is tried, and every mistake told', async () => {
    await kafka.json('topics', 'create', 'kept', '--partitions', '1')
    const ended = await kafka.run('topics', 'delete', 'missing', 'kept', 'absent')
    expect(ended.code).toBe(1)
    expect(ended.stdout).toBe('topic "kept" deleted\n')
    expect(ended.stderr.match(/^TOPIC_UNKNOWN {2}topic "(missing|absent)" does not exist$/gm)).toHaveLength(2)
  })
})

describe('groups', () => {
  test('a live one is shown with its members and cannot be reset or deleted', async () => {
    await kafka.json('topics', 'create', 'live', '--partitions', '2')
    await kafka.send(
      'live',
      Array.from({ length: 6 }, (_, i) => ({ value: `${i}`, partition: i % 2 })),
    )
    const consumer = kafka.peer.consumer({ groupId: 'readers', sessionTimeout: 10_000 })
    await consumer.connect()
    await consumer.subscribe({ topics: ['live'], fromBeginning: true })
    const seen = new Set<string>()
    await new Promise<void>((resolve) => {
      void consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) => {
          seen.add(String(message.value))
          if (seen.size === 6) resolve()
        },
      })
    })
    await consumer.commitOffsets([
      { topic: 'live', partition: 0, offset: '3' },
      { topic: 'live', partition: 1, offset: '1' },
    ])
    const { groups } = await kafka.json('groups', 'describe', 'readers')
    expect(groups[0]).toMatchObject({ group: 'readers', state: 'Stable', type: 'classic' })
    expect(groups[0].members).toHaveLength(1)
    const owner = groups[0].members[0].memberId
    expect(groups[0].members[0].partitions).toHaveLength(2)
    expect(groups[0].partitions).toEqual([
      { topic: 'live', partition: 0, committed: 3, end: 3, lag: 0, metadata: expect.any(String), memberId: owner },
      { topic: 'live', partition: 1, committed: 1, end: 3, lag: 2, metadata: expect.any(String), memberId: owner },
    ])
    expect(groups[0].totalLag).toBe(2)
    const shown = await kafka.run('groups', 'describe', 'readers')
    expect(shown.stdout).toMatch(/^readers {2}Stable, classic \(RoundRobinAssigner\) {2}1 member {2}lag 2/)

    for (const args of [
      ['groups', 'reset', 'readers', '--to', 'earliest'],
      ['groups', 'delete', 'readers'],
    ]) {
      const refused = await kafka.run(...args)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/^GROUP_ACTIVE {2}group "readers" has an active member/)
    }
    await consumer.disconnect()

    const dry = await kafka.json('groups', 'reset', 'readers', '--to', 'earliest', '--dry-run')
    expect(dry.partitions.map((move: { from: number; to: number }) => [move.from, move.to])).toEqual([
      [3, 0],
      [1, 0],
    ])
    const after = await kafka.json('groups', 'describe', 'readers')
    expect(after.groups[0].totalLag).toBe(2)

    await kafka.json('groups', 'reset', 'readers', '--to', '-1')
    const moved = await kafka.json('groups', 'describe', 'readers')
    expect(moved.groups[0].partitions.map((one: { committed: number }) => one.committed)).toEqual([2, 0])
    expect((await kafka.json('groups', 'list')).groups).toContainEqual({
      group: 'readers',
      type: 'classic',
      state: 'Empty',
      protocol: 'consumer',
    })
    expect(await kafka.json('groups', 'delete', 'readers')).toEqual({ deleted: ['readers'] })
    expect((await kafka.run('groups', 'describe', 'readers')).stderr).toMatch(/^GROUP_UNKNOWN/)
  })

  test('one that the broker balances (KIP-848) is shown with its members', async () => {
    await kafka.json('topics', 'create', 'balanced', '--partitions', '3')
    await kafka.send('balanced', [{ value: 'x', partition: 2 }])
    const consumer = new Consumer({
      clientId: 'balanced-reader',
      groupId: 'balanced-readers',
      bootstrapBrokers: [kafka.kafka.address],
      groupProtocol: 'consumer',
      autocommit: false,
    })
    const stream = await consumer.consume({ topics: ['balanced'], mode: 'earliest' })
    stream.pause()
    const shown = async () => {
      const { groups } = await kafka.json('groups', 'describe', 'balanced-readers')
      return groups[0].members[0]?.partitions.length
    }
    await expect.poll(shown, { timeout: 20_000 }).toBe(3)
    const { groups } = await kafka.json('groups', 'describe', 'balanced-readers')
    expect(groups[0]).toMatchObject({ type: 'consumer', state: 'Stable', members: [{ clientId: 'balanced-reader' }] })
    expect(groups[0].partitions).toMatchObject([
      { topic: 'balanced', partition: 0, committed: null, end: 0, lag: 0 },
      { topic: 'balanced', partition: 1, committed: null, end: 0, lag: 0 },
      { topic: 'balanced', partition: 2, committed: null, end: 1, lag: 1 },
    ])
    const refused = await kafka.run('groups', 'reset', 'balanced-readers', '--topic', 'balanced', '--to', 'latest')
    expect(refused.stderr).toMatch(/^GROUP_ACTIVE/)
    await stream.close()
    await consumer.close(true)
    await kafka.json('groups', 'reset', 'balanced-readers', '--topic', 'balanced', '--to', 'latest')
    const after = await kafka.json('groups', 'describe', 'balanced-readers')
    expect(after.groups[0]).toMatchObject({ state: 'Empty', totalLag: 0 })
    await kafka.json('groups', 'delete', 'balanced-readers')
  })

  test('a consumer of another make begins where a reset by time has put its group', async () => {
    await kafka.json('topics', 'create', 'timed', '--partitions', '1')
    const times = [1000, 2000, 3000, 4000].map((ms) => Date.UTC(2026, 10, 20) + ms)
    await kafka.send(
      'timed',
      times.map((ms) => ({ value: String(ms), timestamp: String(ms) })),
    )
    await kafka.json('groups', 'reset', 'late', '--topic', 'timed', '--to', '2026-11-20T00:00:02.500Z')
    const consumer = kafka.peer.consumer({ groupId: 'late' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['timed'] })
    const read: string[] = []
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          if (read.push(String(message.value)) === 2) resolve()
        },
      })
    })
    await consumer.disconnect()
    expect(read).toEqual(times.slice(2).map(String))
  })
})

test('a list that its reader cuts short ends without a complaint', async () => {
  const running = kafka.begin(['topics', 'list'])
  running.child.stdout.destroy()
  const [code] = await once(running.child, 'exit')
  expect(code).toBe(0)
})
