import { errorCatalogue } from '@headrace/core'
import Value from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { addressesOf, checkSink, checkSource, sinkSchema, sourceSchema } from './config.ts'
import { kafka } from './index.ts'
import { parsePosition, partitionIndex, partitionName, positionOf } from './position.ts'
import { similarNames } from './similar-names.ts'

describe('configuration', () => {
  test('the examples fit the schemas', () => {
    for (const [definition, schema] of [
      [kafka.source, sourceSchema],
      [kafka.sink, sinkSchema],
    ] as const) {
      expect(definition?.examples.length).toBeGreaterThan(0)
      for (const example of definition?.examples ?? []) {
        const { kafka: settings } = example as { kafka: unknown }
        expect([...Value.Errors(schema, Value.Default(schema, settings))]).toEqual([])
      }
    }
  })

  test('a topic is enough', () => {
    expect(Value.Default(sourceSchema, { topic: 'trades' })).toEqual({
      topic: 'trades',
      start: 'earliest',
      isolation: 'readCommitted',
      checkCrcs: false,
      connection: 'kafka',
    })
  })

  test('a start that is no time, a key that is no column', () => {
    const config = Value.Default(sourceSchema, { topic: 't', start: { timestamp: 'yesterday' } })
    expect(checkSource(config as never)).toMatchObject([{ path: ['start', 'timestamp'] }])
    expect(checkSource(Value.Default(sourceSchema, { topic: 't' }) as never)).toEqual([])
    const columns = [{ name: 'uno', type: 'VARCHAR' }]
    const sink = (key: string) => ({ topic: 't', connection: 'kafka', key })
    expect(checkSink(sink('pno'), columns)).toMatchObject([{ path: ['key'], hint: 'Their columns are uno.' }])
    expect(checkSink(sink('uno'), columns)).toEqual([])
    expect(checkSink(sink('pno'))).toEqual([])
  })

  test('bootstrap addresses', () => {
    expect(addressesOf({ bootstrap: 'a:1, b ,[::1]:3' })).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 9092 },
      { host: '::1', port: 3 },
    ])
    expect(addressesOf({ bootstrap: ['h.example:9093'] })).toEqual([{ host: 'h.example', port: 9093 }])
  })

  test('the catalogue knows the errors without the client being loaded', () => {
    const codes = errorCatalogue().map(({ code }) => code)
    expect(codes).toEqual(expect.arrayContaining(['KAFKA_UNREACHABLE', 'KAFKA_TOPIC_MISSING', 'KAFKA_BATCH_CORRUPT']))
  })
})

describe('positions', () => {
  test('as the engine keeps them', () => {
    const position = positionOf(12, 'b3c0')
    expect(parsePosition(JSON.parse(JSON.stringify(position)))).toEqual({ offset: 12, topicId: 'b3c0' })
    expect(parsePosition(positionOf(0, undefined))).toEqual({ offset: 0 })
    for (const wrong of [null, 3, {}, { offset: -1 }, { offset: '3' }]) {
      expect(() => parsePosition(wrong)).toThrow('not a Kafka position')
    }
    expect(partitionIndex(partitionName('my.topic', 17))).toBe(17)
  })
})

describe('similarNames', () => {
  test('the nearest first, and nothing far-fetched', () => {
    const names = ['trades', 'trades_dlq', 'orders', 'traders', 'x']
    expect(similarNames('trade', names)).toEqual(['trades', 'traders', 'trades_dlq'])
    expect(similarNames('Tradse', names)).toEqual(['trades'])
    expect(similarNames('payments', names)).toEqual([])
  })
})
