import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchStager, Database } from '@headrace/core/testing'
import { afterAll, afterEach } from 'vitest'
import { KafkaPlaces } from './kafka-places.ts'
import { type KafkaUnderTest, startKafka } from './kafka-under-test.ts'

/** What the tests of a file share. */
export interface KafkaScene {
  readonly kafka: KafkaUnderTest
  readonly places: KafkaPlaces
  readonly folder: string
  /** Closed after the test, the last one first; then what was logged is forgotten. */
  readonly closing: { close(): Promise<void> }[]
}

/** Opens the Kafka of a test file, until its last test. */
export async function kafkaScene(): Promise<KafkaScene> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-kafka-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const kafka = await startKafka(folder)
  afterAll(() => kafka.stop())
  const places = await KafkaPlaces.open(kafka.address)
  afterAll(() => places.close())
  const closing: KafkaScene['closing'] = []
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one.close()
    places.logged.length = 0
  })
  return { kafka, places, folder, closing }
}

/** The same with what makes batches for sinks. */
export async function kafkaSinkScene(): Promise<KafkaScene & { readonly stager: BatchStager }> {
  const scene = await kafkaScene()
  const database = await Database.open(undefined, { threads: 1 })
  afterAll(() => database.close())
  return { ...scene, stager: new BatchStager(database, scene.folder) }
}
