import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaCommands } from '../../support/kafka-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-kafka-console-')
const TOPICS = [
  'keyed',
  'keyed-by-peer',
  'packed-gzip',
  'packed-snappy',
  'packed-lz4',
  'packed-zstd',
  'prices',
  'many',
  'acks-1',
  'acks-0',
  'broken',
  'typed',
  'ten',
  'binary',
  'committed',
  'awaited',
]
const NAMES = [...TOPICS, 'ten-readers', 'peer-keyed', 'peer-prices']
let kafka: KafkaCommands
beforeAll(async () => {
  kafka = await KafkaCommands.start(folder(), NAMES)
})
afterAll(() => kafka?.kafka.stop())

/** Makes a topic, and sends a text from a file. */
async function produced(topic: string, text: string | Buffer, ...args: string[]) {
  await kafka.json('topics', 'create', topic, '--partitions', '3')
  const file = path.join(folder(), `${topic}.txt`)
  await writeFile(file, text)
  return await kafka.json('produce', topic, '--file', file, ...args)
}

const consumed = async (...args: string[]) => {
  const { code, stdout, stderr } = await kafka.run('consume', ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

async function records(topic: string, ...args: string[]) {
  const text = await consumed(topic, '--until-end', '--json', ...args)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** The same records as another client sees them. */
async function seenByPeer(topic: string, count: number) {
  const consumer = kafka.peer.consumer({ groupId: `peer-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const seen: { partition: number; offset: string; key: string | null; value: string | null; headers: object }[] = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ partition, message }) => {
        const { offset, key, value, headers = {} } = message
        seen.push({ partition, offset, key: key && String(key), value: value && String(value), headers })
        if (seen.length === count) resolve()
      },
    })
  })
  await consumer.disconnect()
  return seen
}

describe('produce', () => {
  test('keys, headers, tombstones and times arrive as another client sees them, where it would put them', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
    const text = keys.map((key, i) => `${key}=${i % 10 === 3 ? '-' : `value ${i}`}\n`).join('')
    const flags = ['--format', 'key-value', '--key-separator', '=', '--null', '-', '--header', 'origin=test']
    const summary = await produced('keyed', text, ...flags, '--timestamp', '2026-11-20T10:00:00Z')
    expect(summary).toMatchObject({ topic: 'keyed', records: 40 })
    const seen = await seenByPeer('keyed', 40)
    expect(new Map(seen.map(({ key, value }) => [key, value]))).toEqual(
      new Map(keys.map((key, i) => [key, i % 10 === 3 ? null : `value ${i}`])),
    )
    expect(seen[0]?.headers).toEqual({ origin: Buffer.from('test') })
    const ours = await records('keyed')
    expect(ours.every((one) => one.timestamp === '2026-11-20T10:00:00.000Z')).toBe(true)
    expect(ours.every((one) => JSON.stringify(one.headers) === '[["origin","test"]]')).toBe(true)

    // The peer writes the same keys: each comes to the partition that we have chosen.
    await kafka.json('topics', 'create', 'keyed-by-peer', '--partitions', '3')
    await kafka.send(
      'keyed-by-peer',
      keys.map((key) => ({ key, value: '' })),
    )
    const places = (all: readonly { key: string; partition: number }[]) =>
      new Map(all.map(({ key, partition }) => [key, partition]))
    expect(places(ours)).toEqual(places(await records('keyed-by-peer')))
    expect(new Set(places(ours).values()).size).toBe(3)
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    '%s is read back, also from one partition that is named',
    async (codec) => {
      const lines = Array.from({ length: 500 }, (_, i) => `{"n":${i},"pad":"${'x'.repeat(100)}"}`)
      const summary = await produced(
        `packed-${codec}`,
        `${lines.join('\n')}\n`,
        ...['--format', 'json', '--key', 'n', '--compression', codec, '--partition', '1'],
      )
      expect(summary.records).toBe(500)
      expect(summary.bytes).toBeLessThan(30_000)
      const read = await records(`packed-${codec}`)
      expect(read.map(({ value }) => value)).toEqual(lines)
      expect(read.map(({ key, partition, offset }) => [key, partition, offset])).toEqual(
        lines.map((_, i) => [String(i), 1, i]),
      )
    },
  )

  test('csv becomes JSON by its header', async () => {
    await produced('prices', 'symbol,price\nA,1.5\nB,"2,5"\n', '--format', 'csv', '--key', 'symbol')
    const seen = await seenByPeer('prices', 2)
    expect(new Map(seen.map(({ key, value }) => [key, JSON.parse(value as string)]))).toEqual(
      new Map([
        ['A', { symbol: 'A', price: '1.5' }],
        ['B', { symbol: 'B', price: '2,5' }],
      ]),
    )
  })

  test('many more records than fit into a batch, of a topic with a small limit: none lost, none twice, in order', async () => {
    const count = 60_000
    await kafka.json('topics', 'create', 'many', '--partitions', '2', '--config', 'max.message.bytes=50000')
    const file = path.join(folder(), 'many.txt')
    const lines = Array.from({ length: count }, (_, i) => `${i % 100}:${i}-${'y'.repeat(80)}`)
    await writeFile(file, lines.join('\n'))
    const flags = ['--file', file, '--format', 'key-value']
    expect((await kafka.json('produce', 'many', ...flags)).records).toBe(count)
    const text = await consumed('many', '--until-end', '--format', 'key-value')
    const read = text.trimEnd().split('\n')
    expect(read).toHaveLength(count)
    const byKey = Map.groupBy(read, (line) => line.split(':')[0])
    for (const [key, own] of byKey) expect(own).toEqual(lines.filter((line) => line.startsWith(`${key}:`)))
    expect(byKey.size).toBe(100)
  })

  test('acks of the leader, and of nobody', async () => {
    expect((await produced('acks-1', 'a\nb\n', '--acks', '1')).records).toBe(2)
    expect((await produced('acks-0', 'a\nb\n', '--acks', '0')).records).toBe(2)
    const counted = async () => (await records('acks-0')).length
    await expect.poll(counted, { timeout: 10_000 }).toBe(2)
  })

  test('a mistake in the input: what stands before it is sent, and the line is told', async () => {
    await kafka.json('topics', 'create', 'broken', '--partitions', '1')
    const file = path.join(folder(), 'broken.ndjson')
    await writeFile(file, '{"a":1}\n{"a":2}\n{"a":\n{"a":4}\n')
    const ended = await kafka.run('produce', 'broken', '--file', file, '--format', 'json')
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/^PRODUCE_INPUT_INVALID {2}line 3 of .*broken\.ndjson cannot be sent: it is not JSON/m)
    expect(ended.stderr).toMatch(/^sent 2 records/m)
    expect(await consumed('broken', '--until-end')).toBe('{"a":1}\n{"a":2}\n')
  })

  test('from stdin at a rate; Ctrl-C sends what was read and ends well', async () => {
    await kafka.json('topics', 'create', 'typed', '--partitions', '1')
    const running = kafka.begin(['produce', 'typed', '--rate', '1000', '--json'])
    running.child.stdin.write('first\nsecond\n')
    const arrived = async () => (await consumed('typed', '--until-end')).split('\n').length - 1
    await expect.poll(arrived, { timeout: 30_000 }).toBe(2)
    running.signal('SIGINT')
    const ended = await running.ended()
    expect(ended.code, ended.stderr).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({ topic: 'typed', records: 2 })
  })
})

describe('consume', () => {
  const moment = (i: number) => String(Date.UTC(2026, 10, 20, 10, 0, i))
  beforeAll(async () => {
    await kafka.json('topics', 'create', 'ten', '--partitions', '1')
    await kafka.send(
      'ten',
      Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, timestamp: moment(i) })),
    )
  })

  test.each([
    [['--from', 'earliest'], 'v0 v1 v2 v3 v4 v5 v6 v7 v8 v9'],
    [['--from', '7'], 'v7 v8 v9'],
    [['--from', '-2'], 'v8 v9'],
    [['--from', '2026-11-20T10:00:05.500Z'], 'v6 v7 v8 v9'],
    [['--from', 'latest'], ''],
    [['--from', '3', '--count', '2'], 'v3 v4'],
    [['--partition', '0', '--from', '-1', '--format', 'key-value', '--key-separator', ' -> '], 'k9 -> v9'],
  ])('%j', async (args, expected) => {
    expect((await consumed('ten', '--until-end', ...args)).trimEnd().replaceAll('\n', ' ')).toBe(expected)
  })

  test('a table that fits, with everything there is', async () => {
    const { stdout } = await kafka.run('consume', 'ten', '--until-end', '--format', 'table', '--count', '1')
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^partition │ {5}offset │ timestamp +│ key +│ value$/),
      expect.stringMatching(/^─+┼─+┼─+┼─+┼─+$/),
      expect.stringMatching(/^ {8}0 │ {10}0 │ 2026-11-20T10:00:00\.000Z │ k0 +│ v0$/),
      '',
    ])
  })

  test('bytes that are no text are shown safely, and raw as they are', async () => {
    const bytes = Buffer.from([0x61, 0xff, 0xfe, 0x62])
    await produced('binary', Buffer.concat([bytes, Buffer.from('\n')]), '--partition', '0')
    expect(await consumed('binary', '--until-end')).toBe('a\\xff\\xfeb\n')
    expect((await records('binary'))[0].value).toEqual({ base64: bytes.toString('base64') })
    const running = kafka.begin(['consume', 'binary', '--until-end', '--format', 'raw'])
    const chunks: Buffer[] = []
    running.child.stdout.setEncoding('latin1').on('data', (text: string) => chunks.push(Buffer.from(text, 'latin1')))
    expect((await running.ended()).code).toBe(0)
    expect(Buffer.concat(chunks).toString('hex')).toBe('61fffe620a')
  })

  test('records of a transaction that is open or was aborted are left out if asked', async () => {
    await kafka.json('topics', 'create', 'committed', '--partitions', '1')
    const producer = kafka.peer.producer({ transactionalId: 'console-test', idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const sendIn = async (value: string) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic: 'committed', messages: [{ value }] })
      return transaction
    }
    await (await sendIn('kept')).commit()
    await (await sendIn('taken back')).abort()
    await (await sendIn('kept too')).commit()
    const open = await sendIn('not yet')
    const asked = await consumed('committed', '--until-end', '--read-committed')
    const all = await consumed('committed', '--until-end')
    await open.abort()
    await producer.disconnect()
    expect(asked).toBe('kept\nkept too\n')
    expect(all).toBe('kept\ntaken back\nkept too\nnot yet\n')
  })

  test('as a member of a group: goes on where it was, commits what it has shown', async () => {
    expect(await consumed('ten', '--group', 'ten-readers', '--count', '4')).toBe('v0\nv1\nv2\nv3\n')
    const { groups } = await kafka.json('groups', 'describe', 'ten-readers')
    expect(groups[0].partitions).toMatchObject([{ committed: 4, end: 10, lag: 6 }])
    expect(await consumed('ten', '--group', 'ten-readers', '--count', '6')).toBe('v4\nv5\nv6\nv7\nv8\nv9\n')
  })

  test('waits for records to come, and ends well at Ctrl-C and when its reader goes', async () => {
    await kafka.json('topics', 'create', 'awaited', '--partitions', '2')
    const waiting = kafka.begin(['consume', 'awaited', '--from', 'latest'])
    const leaving = kafka.begin(['consume', 'awaited'])
    const sent = setInterval(() => void kafka.send('awaited', [{ value: 'hello' }]), 300)
    await waiting.line(/^hello$/m)
    await leaving.line(/^hello$/m)
    waiting.signal('SIGINT')
    leaving.child.stdout.destroy()
    const [interrupted, left] = await Promise.all([waiting.ended(), leaving.ended()])
    clearInterval(sent)
    expect([interrupted.code, interrupted.stderr]).toEqual([0, ''])
    expect([left.code, left.stderr]).toEqual([0, ''])
  })
})
