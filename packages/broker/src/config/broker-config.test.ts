import { describe, expect, test } from 'vitest'
import { CONFIG_SOURCE } from '../protocol/index.ts'
import { BrokerConfig } from './broker-config.ts'
import { BROKER_CONFIGS } from './broker-config-definitions.ts'
import { valueHere } from './config-definition.ts'
import { valueFault } from './config-value.ts'

describe('what is refused says what would be taken', () => {
  test.each([
    ['num.partitons', '2', 'there is no broker config num.partitons; did you mean num.partitions?'],
    ['segment.bytes', '1000', 'there is no broker config segment.bytes; did you mean log.segment.bytes?'],
    ['retention.log.ms', '1', /did you mean log\.retention\.ms/],
    ['colour', 'blue', /^there is no broker config colour$/],
    ['num.partitions', '0', 'num.partitions must be a whole number from 1 to 4000, not "0"'],
    ['message.max.bytes', '1e6', 'message.max.bytes must be a whole number from 0 to 2147483647, not "1e6"'],
    ['log.retention.ms', '-2', 'log.retention.ms must be a whole number from -1 on'],
    ['log.retention.hours', 'many', 'log.retention.hours must be a whole number'],
    ['log.roll.hours', '0', 'log.roll.ms must be a whole number from 1 on'],
    ['auto.create.topics.enable', 'maybe', 'auto.create.topics.enable must be true or false, not "maybe"'],
    ['compression.type', 'brotli', 'compression.type must be one of producer, uncompressed, gzip'],
    ['log.cleanup.policy', 'forget', 'log.cleanup.policy must be a list of delete, compact, not "forget"'],
    ['offsets.topic.replication.factor', '3', 'offsets.topic.replication.factor must be 1, not "3"'],
    ['group.max.session.timeout.ms', '50', 'group.min.session.timeout.ms is 100, which is above'],
    ['group.consumer.session.timeout.ms', '4000', 'group.consumer.heartbeat.interval.ms is 5000, which is above'],
    ['log.cleaner.min.compaction.lag.ms', '9223372036854775807', undefined],
  ])('%s=%s', (name, value, message) => {
    const start = () => new BrokerConfig({ [name]: value })
    if (message === undefined) expect(start).not.toThrow()
    else expect(start).toThrow(message)
  })
})

test('every default is a value that is allowed', () => {
  for (const [name, definition] of Object.entries(BROKER_CONFIGS))
    expect([name, valueFault(valueHere(definition), definition)]).toEqual([name, undefined])
  expect(() => new BrokerConfig({})).not.toThrow()
})

test('settings follow the configs', () => {
  const config = new BrokerConfig({
    'num.partitions': ' 6 ',
    'auto.create.topics.enable': 'FALSE',
    'group.initial.rebalance.delay.ms': '3000',
    'offsets.retention.minutes': '2',
    'transaction.max.timeout.ms': '60000',
    'max.connections.per.ip': '7',
    'log.flush.scheduler.interval.ms': '0',
    'log.cleaner.backoff.ms': '500',
    'log.segment.bytes': '1000',
  })
  expect(config).toMatchObject({
    defaultPartitions: 6,
    autoCreateTopics: false,
    groups: { initialRebalanceDelayMs: 3000, offsetsRetentionMs: 120_000, consumerSessionTimeoutMs: 45_000 },
    transactions: { maxTimeoutMs: 60_000, idExpirationMs: 604_800_000 },
    limits: { maxConnectionsPerAddress: 7, maxConnections: 2000 },
    fsync: { mode: 'always' },
    maintenanceIntervalMs: 500,
    topicDefaults: { 'log.segment.bytes': '1000' },
  })
})

test('of several units the finest counts', () => {
  const retention = (given: Record<string, string>) => new BrokerConfig(given).topicDefaults['log.retention.ms']
  expect(retention({ 'log.retention.hours': '2' })).toBe('7200000')
  expect(retention({ 'log.retention.minutes': '3', 'log.retention.hours': '2' })).toBe('180000')
  expect(retention({ 'log.retention.ms': '4', 'log.retention.minutes': '3', 'log.retention.hours': '2' })).toBe('4')
  expect(retention({ 'log.retention.hours': '-1' })).toBe('-1')
})

test('clients are shown what was given, what it is without, and what it is in Kafka', () => {
  const shown = new BrokerConfig({ 'num.partitions': '1', 'log.retention.ms': '70' }).describe({
    nodeId: 1,
    dataDir: '/data',
  })
  const named = (name: string) => shown.find((config) => config.name === name)
  expect(named('node.id')).toMatchObject({ value: '1', source: CONFIG_SOURCE.broker })
  expect(named('log.dirs')).toMatchObject({ value: '/data', source: CONFIG_SOURCE.broker })
  expect(named('num.partitions')).toMatchObject({ value: '1', source: CONFIG_SOURCE.broker })
  expect(named('message.max.bytes')).toMatchObject({ value: '1048588', source: CONFIG_SOURCE.default })
  expect(named('log.retention.ms')?.synonyms).toEqual([
    { name: 'log.retention.ms', value: '70', source: CONFIG_SOURCE.broker },
    { name: 'log.retention.ms', value: '-1', source: CONFIG_SOURCE.broker },
    { name: 'log.retention.ms', value: '604800000', source: CONFIG_SOURCE.default },
  ])
})
