import { describe, expect, test } from 'vitest'
import { CONFIG_SOURCE } from '../protocol/index.ts'
import { ALTER, alterTopicConfig, describeTopicConfig, logSettingsOf, parseTopicConfig } from './topic-config.ts'

describe('values that are not taken', () => {
  test.each([
    ['no.such.config', '1', 'Unknown topic config name: no.such.config'],
    ['retention.ms', 'soon', 'Not a number of type LONG'],
    ['retention.ms', '-2', 'at least -1'],
    ['retention.ms', '9223372036854775808', 'Not a number of type LONG'],
    ['segment.bytes', '2147483648', 'Not a number of type INT'],
    ['segment.bytes', '1.5', 'Not a number of type INT'],
    ['segment.bytes', '', 'Not a number of type INT'],
    ['segment.bytes', '13', 'at least 14'],
    ['min.cleanable.dirty.ratio', '1.1', 'no more than 1'],
    ['min.cleanable.dirty.ratio', 'half', 'Not a number of type DOUBLE'],
    ['cleanup.policy', 'compact,forget', 'one of: delete, compact'],
    ['compression.type', 'brotli', 'one of: producer,'],
    ['preallocate', 'yes', 'one of: true, false'],
    ['message.timestamp.type', 'createtime', 'one of: CreateTime, LogAppendTime'],
  ])('%s=%s', (name, value, message) => {
    expect(() => parseTopicConfig([{ name, value }])).toThrow(message)
    expect(() => parseTopicConfig([{ name, value }])).toThrow(expect.objectContaining({ name: 'INVALID_CONFIG' }))
  })

  test('two that do not go together', () => {
    const config = { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '9' }
    expect(() => logSettingsOf(config, {})).toThrow('min.compaction.lag.ms 10 is above')
  })
})

test('values are kept as Kafka reads them: trimmed, and booleans in lower case', () => {
  const entries = [
    { name: 'retention.ms', value: ' 5 ' },
    { name: 'preallocate', value: 'TRUE' },
    { name: 'segment.ms', value: null },
    { name: 'cleanup.policy', value: 'compact, delete' },
    { name: 'flush.ms', value: '9223372036854775807' },
  ]
  expect(parseTopicConfig(entries)).toEqual({
    'retention.ms': '5',
    preallocate: 'true',
    'cleanup.policy': 'compact, delete',
    'flush.ms': '9223372036854775807',
  })
})

describe('changes', () => {
  const statics = { 'log.cleanup.policy': 'compact' }
  const alter = (config: Record<string, string>, name: string, operation: number, value: string | null = null) =>
    alterTopicConfig(config, [{ name, operation, value }], statics)

  test('set and delete', () => {
    expect(alter({ 'retention.ms': '1' }, 'segment.ms', ALTER.set, '2')).toEqual({
      'retention.ms': '1',
      'segment.ms': '2',
    })
    expect(alter({ 'retention.ms': '1' }, 'retention.ms', ALTER.delete)).toEqual({})
    expect(alter({ 'retention.ms': '1' }, 'segment.ms', ALTER.delete)).toEqual({ 'retention.ms': '1' })
  })

  test('append to and subtract from what holds, once each', () => {
    expect(alter({}, 'cleanup.policy', ALTER.append, 'delete,compact')).toEqual({ 'cleanup.policy': 'compact,delete' })
    expect(alter({ 'cleanup.policy': 'compact,delete' }, 'cleanup.policy', ALTER.subtract, 'compact')).toEqual({
      'cleanup.policy': 'delete',
    })
  })

  test.each([
    ['INVALID_CONFIG', 'retention.ms', ALTER.append, '1'],
    ['INVALID_CONFIG', 'no.such.config', ALTER.append, '1'],
    ['INVALID_CONFIG', 'no.such.config', ALTER.set, '1'],
    ['INVALID_REQUEST', 'retention.ms', ALTER.set, null],
    ['INVALID_REQUEST', 'cleanup.policy', 9, 'delete'],
  ])('%s for %s by operation %i', (error, name, operation, value) => {
    expect(() => alter({}, name, operation, value)).toThrow(expect.objectContaining({ name: error }))
  })

  test('one config twice is refused', () => {
    const change = { name: 'retention.ms', operation: ALTER.set, value: '1' }
    expect(() => alterTopicConfig({}, [change, change], {})).toThrow('more than once')
  })
})

describe('what is shown', () => {
  const show = (config: Record<string, string>, statics: Record<string, string>, name: string) =>
    describeTopicConfig(config, statics).find((described) => described.name === name)

  test('a value says where it comes from, and what would come after it', () => {
    const statics = { 'log.retention.ms': '70' }
    expect(show({ 'retention.ms': '5' }, statics, 'retention.ms')).toMatchObject({
      value: '5',
      source: CONFIG_SOURCE.topic,
      type: 'long',
      synonyms: [
        { name: 'retention.ms', value: '5', source: CONFIG_SOURCE.topic },
        { name: 'log.retention.ms', value: '70', source: CONFIG_SOURCE.broker },
        { name: 'log.retention.ms', value: '604800000', source: CONFIG_SOURCE.default },
      ],
    })
    expect(show({}, statics, 'retention.ms')).toMatchObject({ value: '70', source: CONFIG_SOURCE.broker })
    expect(show({}, {}, 'max.message.bytes')).toMatchObject({ value: '1048588', source: CONFIG_SOURCE.default })
  })

  test('logs go by the effective values', () => {
    const settings = logSettingsOf(
      { 'cleanup.policy': 'compact', 'retention.ms': '-1' },
      { 'log.retention.bytes': '9' },
    )
    expect(settings).toMatchObject({
      compacts: true,
      deletes: false,
      retentionBytes: 9,
      compression: { codec: 'producer' },
    })
    expect(settings.retentionMs).toBe(Number.POSITIVE_INFINITY)
    expect(logSettingsOf({ 'compression.type': 'gzip' }, {}).compression).toEqual({ codec: 'gzip', level: -1 })
  })
})
