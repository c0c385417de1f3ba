import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Feature } from '../features.ts'
import { Kcat } from './kcat.ts'
import { kcatGroupChecks } from './kcat-groups.ts'
import { until } from './until.ts'

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix} ${i}`)

// It reads its input a kilobyte at a time.
const LINES = numbered('b', 300).join('\n')

/** What kcat must be able to do. */
export function kcatChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const kcat = new Kcat(address)

  async function written(count: number): Promise<string> {
    const topic = await kcat.topic()
    await kcat.produce(topic, numbered('v', count))
    return topic
  }

  /** What is not committed, too. */
  async function startsToBeSeen(topic: string, value: string): Promise<void> {
    await until(`"${value}" is seen`, async () =>
      (await kcat.values(topic, '-X', 'isolation.level=read_uncommitted')).includes(value),
    )
  }

  return {
    autoCreate: async () => {
      const topic = `kcat-${randomUUID()}`
      await kcat.produce(topic, ['v'])
      deepEqual(await kcat.values(topic), ['v'])
    },
    cluster: async () => {
      const topic = await kcat.topic(3)
      const told = JSON.parse(await kcat.run(['-L', '-J', '-t', topic]))
      const [broker] = told.brokers
      deepEqual(told.brokers, [{ id: told.controllerid, name: address }])
      const [{ partitions }] = told.topics
      equal(partitions.length, 3)
      deepEqual(partitions[0], {
        partition: 0,
        leader: broker.id,
        replicas: [{ id: broker.id }],
        isrs: [{ id: broker.id }],
      })
    },
    offsets: async () => {
      const topic = await written(10)
      const at = async (time: number) => (await kcat.run(['-Q', '-t', `${topic}:0:${time}`])).trim()
      const [first] = await kcat.read(topic)
      deepEqual(
        [await at(-2), await at(-1), await at(first?.ts ?? 0), await at(Date.now() + 100_000)],
        ['0', '10', '0', '-1'].map((offset) => `${topic} [0] offset ${offset}`),
      )
    },
    records: async () => {
      const topic = await kcat.topic()
      const before = Date.now()
      await kcat.produce(topic, ['k:v', ':'], '-K', ':', '-Z', '-H', 'trace=abc', '-H', 'empty')
      const records = await kcat.read(topic)
      const headers = ['trace', 'abc', 'empty', null]
      deepEqual(
        records.map(({ key, payload, headers, offset, tstype }) => ({ key, payload, headers, offset, tstype })),
        [
          { key: 'k', payload: 'v', headers, offset: 0, tstype: 'create' },
          { key: null, payload: null, headers, offset: 1, tstype: 'create' },
        ],
      )
      ok(records.every(({ ts }) => ts >= before && ts <= Date.now()))
    },
    codecs: async () => {
      const topic = await kcat.topic()
      const expected: string[] = []
      for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
        const values = numbered(`${codec} ${'x'.repeat(200)}`, 300)
        await kcat.produce(topic, values, '-z', codec)
        expected.push(...values)
      }
      deepEqual(await kcat.values(topic, '-X', 'check.crcs=true'), expected)
    },
    acks: async () => {
      const topic = await kcat.topic()
      for (const acks of ['0', '1', 'all']) await kcat.produce(topic, numbered(acks, 50), '-X', `acks=${acks}`)
      equal((await kcat.read(topic)).length, 150)
    },
    idempotent: async () => {
      const topic = await kcat.topic()
      const small = ['-X', 'batch.num.messages=50', '-X', 'linger.ms=0']
      await kcat.produce(topic, numbered('v', 3000), '-X', 'enable.idempotence=true', ...small)
      deepEqual(await kcat.values(topic), numbered('v', 3000))
    },
    appendTime: async () => {
      const topic = await kcat.topic(1, { 'message.timestamp.type': 'LogAppendTime' })
      const before = Date.now()
      await kcat.produce(topic, ['v'])
      const [record] = await kcat.read(topic)
      equal(record?.tstype, 'logappend')
      ok(record.ts >= before)
    },
    startAt: async () => {
      const topic = await written(5)
      const late = Math.max(...(await kcat.read(topic)).map(({ ts }) => ts)) + 1
      await kcat.produce(topic, ['late'])
      deepEqual(await kcat.values(topic, '-o', '3'), ['v 3', 'v 4', 'late'])
      deepEqual(await kcat.values(topic, '-o', '-2'), ['v 4', 'late'])
      deepEqual(await kcat.values(topic, '-o', `s@${late}`), ['late'])
      deepEqual(await kcat.values(topic, '-o', 'beginning', '-o', `e@${late}`), numbered('v', 5))
    },
    outOfRange: async () => {
      const topic = await written(10)
      await kcat.deleteRecordsBefore(topic, 7)
      await rejects(kcat.read(topic, '-o', '3', '-X', 'auto.offset.reset=error'), /out of range/i)
      deepEqual(await kcat.values(topic, '-o', '3', '-X', 'auto.offset.reset=earliest'), ['v 7', 'v 8', 'v 9'])
    },
    large: async () => {
      const topic = await kcat.topic()
      const large = 'x'.repeat(500_000)
      await kcat.produce(topic, [large, 'small'])
      deepEqual(await kcat.values(topic, '-X', 'fetch.message.max.bytes=1000'), [large, 'small'])
    },
    longPoll: async () => {
      const topic = await written(1)
      const reader = kcat.start(['-C', '-t', topic, '-u', '-q', '-c', '2', '-X', 'fetch.wait.max.ms=20000'])
      await until('the first is read', () => reader.lines.length === 1)
      await kcat.produce(topic, ['second'])
      const start = Date.now()
      await reader.ended
      deepEqual(reader.lines, ['v 0', 'second'])
      ok(Date.now() - start < 15_000)
    },
    ...kcatGroupChecks(kcat),
    transactions: async () => {
      const topic = await kcat.topic()
      const transactional = ['-P', '-t', topic, '-X', `transactional.id=${randomUUID()}`]
      await kcat.run(transactional, 'a 0\na 1\n')
      const aborted = kcat.start(transactional)
      aborted.write(LINES)
      await startsToBeSeen(topic, 'b 0')
      // It does not abort: whoever comes next under this id does.
      await aborted.end('SIGKILL')
      await kcat.run(transactional, 'c 0\n')
      deepEqual(await kcat.values(topic, '-X', 'isolation.level=read_committed'), ['a 0', 'a 1', 'c 0'])
      const all = await kcat.values(topic, '-X', 'isolation.level=read_uncommitted')
      deepEqual([all.slice(0, 3), all.at(-1)], [['a 0', 'a 1', 'b 0'], 'c 0'])
    },
    fencing: async () => {
      const topic = await kcat.topic()
      const transactional = ['-P', '-t', topic, '-X', `transactional.id=${randomUUID()}`]
      const first = kcat.start(transactional)
      first.write(LINES)
      await startsToBeSeen(topic, 'b 0')
      await kcat.run(transactional, 'second\n')
      first.endInput()
      await rejects(first.ended, /fenced/i)
      deepEqual(await kcat.values(topic, '-X', 'isolation.level=read_committed'), ['second'])
    },
  }
}
