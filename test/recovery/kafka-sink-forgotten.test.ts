import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchStager, Database, SINK_TEST_ID } from '@headrace/core/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KafkaPlaces } from '../integration/support/kafka-places.ts'
import { BrokerProcess } from '../support/broker-process.ts'

let directory: string
let broker: BrokerProcess
let places: KafkaPlaces
let database: Database

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headrace-forgotten-'))
  broker = await BrokerProcess.start(join(directory, 'broker'))
  places = await KafkaPlaces.open(broker.address)
  database = await Database.open(undefined, { threads: 1 })
})
afterEach(async () => {
  database?.close()
  await places?.close()
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

it('a transactional id that the broker has forgotten is taken over anew, and the batch is there once', async () => {
  const signal = new AbortController().signal
  const stager = new BatchStager(database, directory)
  const batch = async (sequence: number) => {
    const query = `SELECT ${sequence} AS n`
    const id = { ...SINK_TEST_ID, sequence }
    return stager.stage(id, { format: 'ndjson' }, await stager.describe(query), [query])
  }
  const topic = await places.topic(1)
  const sink = places.sink({ topic, delivery: 'exactlyOnce' })
  await sink.connect(signal)
  await sink.publish(await batch(1), signal)
  await broker.stop()
  // It looks for ids that have expired when it starts.
  const configs = { 'transactional.id.expiration.ms': '1' }
  broker = await BrokerProcess.start(join(directory, 'broker'), { port: broker.port, configs })
  const two = await batch(2)
  await expect(sink.publish(two, signal)).rejects.toMatchObject({ code: 'KAFKA_PRODUCER_FORGOTTEN', retry: 'backoff' })
  // As the engine goes on after an error that waiting may mend.
  await sink.connect(signal)
  await sink.publish(await batch(1), signal)
  await sink.publish(two, signal)
  await sink.publish(two, signal)
  await sink.close()
  expect((await places.settled(topic)).map(({ value }) => value)).toEqual(['{"n":1}', '{"n":2}'])
})
