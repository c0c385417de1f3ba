import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KafkaCommands } from '../../support/kafka-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-kafka-group-commands-')
const PROTOCOLS = ['classic', 'consumer'] as const
const PARTITIONS = 4

let kafka: KafkaCommands
beforeAll(async () => {
  kafka = await KafkaCommands.start(folder(), ['shared-classic', 'shared-consumer'])
})
afterAll(() => kafka?.kafka.stop())

/** Sends numbers to all partitions of a topic in turn until it is stopped; gives how many. */
async function sendNumbers(topic: string, signal: AbortSignal): Promise<number> {
  const producer = kafka.peer.producer()
  await producer.connect()
  let sent = 0
  for (; !signal.aborted; sent++) {
    await producer.send({ topic, messages: [{ value: String(sent), partition: sent % PARTITIONS }] })
    await sleep(10)
  }
  await producer.disconnect()
  return sent
}

const numbersIn = (output: string) =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)

test.each(PROTOCOLS)('%s: members share a topic, one leaves, and every record is shown once', async (protocol) => {
  const topic = `shared-${protocol}`
  await kafka.json('topics', 'create', topic, '--partitions', String(PARTITIONS))
  const member = () => kafka.begin(['consume', topic, '--group', topic, '--group-protocol', protocol])
  const enough = new AbortController()
  const sending = sendNumbers(topic, enough.signal)
  const first = member()
  await first.line(/^\d+$/m)
  const second = member()
  await second.line(/^\d+$/m)
  const { groups } = await kafka.json('groups', 'describe', topic)
  expect(groups[0]).toMatchObject({ type: protocol, members: { length: 2 } })
  first.signal('SIGINT')
  const left = await first.ended()
  enough.abort()
  const sent = await sending
  const lag = async () => (await kafka.json('groups', 'describe', topic)).groups[0].totalLag
  await expect.poll(lag, { timeout: 30_000 }).toBe(0)
  second.signal('SIGINT')
  const stayed = await second.ended()
  expect([left.code, left.stderr, stayed.code, stayed.stderr]).toEqual([0, '', 0, ''])
  const shown = [...numbersIn(left.stdout), ...numbersIn(stayed.stdout)].sort((a, b) => a - b)
  expect(shown).toEqual(Array.from({ length: sent }, (_, number) => number))
})
