import type { LogSettings } from '../log/partition-log.ts'
import { type CONFIG_TYPE, KafkaError } from '../protocol/index.ts'

/** Configs that were set for a topic, by Kafka's names. */
export type TopicConfig = Readonly<Record<string, string>>

interface ConfigDefinition {
  readonly default: string
  readonly type: keyof typeof CONFIG_TYPE
  readonly min?: number
  readonly oneOf?: readonly string[]
}

const LONG_MAX = '9223372036854775807'

/** Kafka's topic configs with the values that hold here unless a topic sets others. */
const DEFINITIONS: Readonly<Record<string, ConfigDefinition>> = {
  'cleanup.policy': { default: 'delete', type: 'list' },
  'compression.type': {
    default: 'producer',
    type: 'string',
    oneOf: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
  },
  'delete.retention.ms': { default: '86400000', type: 'long', min: 0 },
  'file.delete.delay.ms': { default: '0', type: 'long', min: 0 },
  'flush.messages': { default: LONG_MAX, type: 'long', min: 1 },
  'flush.ms': { default: LONG_MAX, type: 'long', min: 0 },
  'index.interval.bytes': { default: '32768', type: 'int', min: 0 },
  'max.compaction.lag.ms': { default: LONG_MAX, type: 'long', min: 1 },
  'max.message.bytes': { default: '1048588', type: 'int', min: 0 },
  'message.timestamp.type': { default: 'CreateTime', type: 'string', oneOf: ['CreateTime', 'LogAppendTime'] },
  'min.cleanable.dirty.ratio': { default: '0.5', type: 'double', min: 0 },
  'min.compaction.lag.ms': { default: '0', type: 'long', min: 0 },
  'min.insync.replicas': { default: '1', type: 'int', min: 1 },
  preallocate: { default: 'false', type: 'boolean', oneOf: ['true', 'false'] },
  'retention.bytes': { default: '-1', type: 'long' },
  'retention.ms': { default: '-1', type: 'long', min: -1 },
  'segment.bytes': { default: '134217728', type: 'int', min: 14 },
  'segment.index.bytes': { default: '10485760', type: 'int', min: 4 },
  'segment.jitter.ms': { default: '0', type: 'long', min: 0 },
  'segment.ms': { default: LONG_MAX, type: 'long', min: 1 },
  'unclean.leader.election.enable': { default: 'false', type: 'boolean', oneOf: ['true', 'false'] },
}

export interface DescribedConfig {
  readonly name: string
  readonly value: string
  readonly type: keyof typeof CONFIG_TYPE
  readonly isSet: boolean
}

/** Every config of a topic, with its default where it was not set. */
export function describeTopicConfig(config: TopicConfig): DescribedConfig[] {
  return Object.entries(DEFINITIONS).map(([name, definition]) => ({
    name,
    value: config[name] ?? definition.default,
    type: definition.type,
    isSet: config[name] !== undefined,
  }))
}

/** Checks configs as a client names them; null as a value means the default. Throws INVALID_CONFIG. */
export function parseTopicConfig(entries: readonly { name: string; value: string | null }[]): TopicConfig {
  const config: Record<string, string> = {}
  for (const { name, value } of entries) {
    const definition = DEFINITIONS[name]
    if (definition === undefined) throw new KafkaError('INVALID_CONFIG', `unknown topic config name: ${name}`)
    if (value === null) continue
    checkValue(name, value, definition)
    config[name] = value
  }
  return config
}

/** What of a topic's config its logs go by. */
export function logSettingsOf(config: TopicConfig): LogSettings {
  return {
    segmentBytes: numberOf(config, 'segment.bytes'),
    maxBatchBytes: numberOf(config, 'max.message.bytes'),
  }
}

function numberOf(config: TopicConfig, name: string): number {
  return Number(config[name] ?? DEFINITIONS[name]?.default)
}

function checkValue(name: string, value: string, definition: ConfigDefinition): void {
  const isNumber = ['int', 'long', 'double'].includes(definition.type)
  const isWrong = isNumber
    ? value.trim() === '' || !(Number(value) >= (definition.min ?? Number.NEGATIVE_INFINITY))
    : definition.oneOf !== undefined && !definition.oneOf.includes(value)
  if (isWrong) throw new KafkaError('INVALID_CONFIG', `invalid value ${value} for configuration ${name}`)
}
