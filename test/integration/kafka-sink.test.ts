import type { Field } from '@headrace/core'
import { describeSink, type ReadRow, type ReadValue, type SinkTarget, SourceReader } from '@headrace/core/testing'
import { untilSettled } from '../support/until-settled.ts'
import { kafkaScene } from './support/kafka-scene.ts'

const { kafka, places } = await kafkaScene()

/** The JSON values of a topic, each number as it is written there. */
async function rowsOf(topic: string, columns: readonly Field[]): Promise<ReadRow[]> {
  await untilSettled(kafka.address, topic, 2)
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

async function target(delivery: 'atLeastOnce' | 'exactlyOnce'): Promise<SinkTarget> {
  const topic = await places.topic(2)
  const killAt = (crashAt: string) => (step: string) => {
    if (step === crashAt) throw new Error(`killed at ${step}`)
  }
  return {
    staging: { format: 'ndjson' },
    open: (crashAt) =>
      places.sink({ topic, key: 'id', delivery }, crashAt === undefined ? {} : { onStep: killAt(crashAt) }),
    read: (columns) => rowsOf(topic, columns),
    close: () => places.admin.deleteTopics({ topics: [topic] }),
  }
}

describeSink('kafka', { delivery: 'at-least-once', target: () => target('atLeastOnce') })
describeSink('kafka: exactly once', {
  delivery: 'exactly-once',
  crashPoints: ['written', 'marked', 'committed'],
  target: () => target('exactlyOnce'),
})
