import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Field, Sink } from '@headrace/core'
import { describeSink, type ReadRow, type ReadValue, SourceReader } from '@headrace/core/testing'
import { afterAll, beforeAll } from 'vitest'
import { KafkaPlaces } from './support/kafka-places.ts'
import { type KafkaUnderTest, startKafka } from './support/kafka-under-test.ts'

let kafka: KafkaUnderTest
let places: KafkaPlaces
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-kafka-sink-'))
  kafka = await startKafka(folder)
  places = await KafkaPlaces.open(kafka.address)
})
afterAll(async () => {
  await places?.close()
  await kafka?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** The JSON values of a topic, each number as it is written there. */
async function rowsOf(topic: string, columns: readonly Field[]): Promise<ReadRow[]> {
  const reader = await new SourceReader(places.source({ topic })).begin()
  await reader.untilAtEnd([`${topic}/0`, `${topic}/1`])
  await reader.close()
  return [...reader.records.values()].flat().map(({ value }) => {
    const row = parseExactly(Buffer.from(value ?? '', 'latin1').toString())
    return Object.fromEntries(columns.map(({ name, type }) => [name, readValue(row[name], type)]))
  })
}

function parseExactly(json: string): Record<string, unknown> {
  const exactly = (_name: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? (context?.source ?? value) : value
  return JSON.parse(json, exactly)
}

function readValue(value: unknown, type: string): ReadValue {
  if (value === null || value === undefined) return null
  if (typeof value !== 'string') return JSON.stringify(value)
  return type === 'BLOB' ? blobOf(value) : value
}

/** DuckDB's text form of a BLOB: printable bytes as they are, others as `\\xHH`. */
function blobOf(text: string): Uint8Array {
  return Buffer.from(
    text.replaceAll(/\\x([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

describeSink('kafka', {
  delivery: 'at-least-once',
  async target() {
    const topic = await places.topic(2)
    return {
      staging: { format: 'ndjson' },
      open: (): Sink => places.sink({ topic, key: 'id' }),
      read: (columns) => rowsOf(topic, columns),
      close: () => places.admin.deleteTopics({ topics: [topic] }),
    }
  },
})
