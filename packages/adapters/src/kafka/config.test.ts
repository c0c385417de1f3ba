import { errorCatalogue } from '@headrace/core'
import Value from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { addressesOf } from './addresses.ts'
import { similarNames } from './client/similar-names.ts'
import { checkSource, sourceSchema } from './config.ts'
import { kafka } from './index.ts'
import { parsePartitionName, parsePosition, partitionName, positionOf } from './position.ts'
import { checkSink, sinkSchema } from './sink-config.ts'
import { describeSubscription, subscriptionOf } from './subscription.ts'

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
      offsetReset: 'error',
      metadataMaxAge: '1 minute',
      isolation: 'readCommitted',
      checkCrcs: true,
      groupProtocol: 'classic',
      sessionTimeout: '45 seconds',
      connection: 'kafka',
    })
  })

  test('a start that is no time, a key that is no column', () => {
    const config = Value.Default(sourceSchema, { topic: 't', start: { timestamp: 'yesterday' } })
    expect(checkSource(config as never)).toMatchObject([{ path: ['start', 'timestamp'] }])
    expect(checkSource(Value.Default(sourceSchema, { topic: 't' }) as never)).toEqual([])
    const columns = [{ name: 'uno', type: 'VARCHAR' }]
    const sink = (key: string) => Value.Default(sinkSchema, { topic: 't', key }) as never
    expect(checkSink(sink('pno'), columns)).toMatchObject([{ path: ['key'], hint: 'Their columns are uno.' }])
    expect(checkSink(sink('uno'), columns)).toEqual([])
    expect(checkSink(sink('pno'))).toEqual([])
  })

  test('topics: one, several or a pattern, and one of these ways', () => {
    const problems = (settings: object) => checkSource(Value.Default(sourceSchema, settings) as never)
    for (const right of [
      { topic: ['a', 'b'] },
      { topics: { pattern: 'a_[0-9]+' } },
      { topic: ['a'], start: { offsets: { '0': 1 } } },
      { topic: ['a', 'b'], start: { offsets: { 'b/0': 1 } } },
    ]) {
      expect([...Value.Errors(sourceSchema, Value.Default(sourceSchema, right))]).toEqual([])
      expect(problems(right)).toEqual([])
    }
    expect(problems({})).toMatchObject([{ path: [], message: 'no topic is named' }])
    expect(problems({ topic: 'a', topics: { pattern: 'a' } })).toMatchObject([{ path: ['topics'] }])
    expect(problems({ topics: { pattern: 'a(' } })).toMatchObject([{ path: ['topics', 'pattern'] }])
    expect(problems({ topic: ['a', 'b'], start: { offsets: { '0': 1 } } })).toMatchObject([
      { path: ['start', 'offsets', '0'], hint: 'With several topics, write `topic/number`, as in `trades/0`.' },
    ])
    expect(problems({ topic: ['a', 'b'], start: { offsets: { 'c/0': 1 } } })).toMatchObject([
      { message: 'topic "c" is not among those that are read' },
    ])
  })

  test('a pattern stands for the whole name', () => {
    const { pattern } = subscriptionOf({ topics: { pattern: 'a|b' } }) as { pattern: RegExp }
    expect(['a', 'b', 'ab', 'xa'].filter((name) => pattern.test(name))).toEqual(['a', 'b'])
    expect(describeSubscription({ pattern })).toBe('topics that match a|b')
    expect(describeSubscription(subscriptionOf({ topic: ['a', 'b', 'a'] }))).toBe('topics "a", "b"')
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
    const position = positionOf(12, 'b3c0', 4)
    expect(parsePosition(JSON.parse(JSON.stringify(position)))).toEqual({ offset: 12, topicId: 'b3c0', leaderEpoch: 4 })
    expect(parsePosition(positionOf(0, undefined, -1))).toEqual({ offset: 0 })
    for (const wrong of [null, 3, {}, { offset: -1 }, { offset: '3' }]) {
      expect(() => parsePosition(wrong)).toThrow('not a Kafka position')
    }
    expect(parsePartitionName(partitionName('my.topic', 17))).toEqual({ topic: 'my.topic', index: 17 })
    expect(parsePartitionName('7')).toBeUndefined()
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
