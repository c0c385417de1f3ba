import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeSource } from '@headrace/core/testing'
import { afterAll, beforeAll } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { KafkaPlaces } from './support/kafka-places.ts'

let broker: BrokerProcess | undefined
let places: KafkaPlaces
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-kafka-'))
  const external = process.env.HEADRACE_TEST_KAFKA
  if (external === undefined) broker = await BrokerProcess.start(folder)
  places = await KafkaPlaces.open(external ?? broker?.address ?? '')
})
afterAll(async () => {
  await places?.close()
  await broker?.stop()
  await rm(folder, { recursive: true, force: true })
})

describeSource('kafka', { place: (partitions) => places.place(partitions) })
