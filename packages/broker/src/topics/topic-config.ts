import { checkedValue, listOf } from '../config/config-value.ts'
import type { LogSettings } from '../log/log-settings.ts'
import { type CODECS, CONFIG_SOURCE, type CONFIG_TYPE, KafkaError } from '../protocol/index.ts'
import { TOPIC_CONFIGS } from './topic-config-definitions.ts'

/** Configs that were set for a topic, by Kafka's names. */
export type TopicConfig = Readonly<Record<string, string>>

/** A value that a config has, or would have if those before it were not set. */
interface ConfigSynonym {
  readonly name: string
  readonly value: string
  /** One of `CONFIG_SOURCE`. */
  readonly source: number
}

export interface DescribedConfig {
  readonly name: string
  readonly value: string
  readonly source: number
  readonly type: keyof typeof CONFIG_TYPE
  /** What gives the value comes first. */
  readonly synonyms: readonly ConfigSynonym[]
  readonly doc: string
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
}

/** What an incremental change does with one config. */
export const ALTER = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigChange extends ConfigEntry {
  /** One of `ALTER`. */
  readonly operation: number
}

/** Every config of a topic, with its default where it was not set. `statics` are the broker's own settings, by their broker names. */
export function describeTopicConfig(config: TopicConfig, statics: TopicConfig): DescribedConfig[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, { type, doc }]) => {
    const synonyms = synonymsOf(name, config, statics)
    const { value, source } = synonyms[0] as ConfigSynonym
    return { name, value, source, type, synonyms, doc }
  })
}

function synonymsOf(name: string, config: TopicConfig, statics: TopicConfig): ConfigSynonym[] {
  const definition = TOPIC_CONFIGS[name]
  if (definition === undefined) throw new TypeError(`there is no topic config ${name}`)
  const brokerName = definition.broker ?? name
  const own = config[name]
  const fixed = statics[brokerName] ?? definition.here
  return [
    ...(own === undefined ? [] : [{ name, value: own, source: CONFIG_SOURCE.topic }]),
    ...(fixed === undefined ? [] : [{ name: brokerName, value: fixed, source: CONFIG_SOURCE.broker }]),
    { name: brokerName, value: definition.default, source: CONFIG_SOURCE.default },
  ]
}

/** Checks configs as a client names them; null as a value means the default. Throws INVALID_CONFIG. */
export function parseTopicConfig(entries: readonly ConfigEntry[]): TopicConfig {
  const config: Record<string, string> = {}
  for (const { name, value } of entries) {
    const definition = TOPIC_CONFIGS[name]
    if (definition === undefined) throw new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`)
    if (value !== null) config[name] = checkedValue(name, value, definition)
  }
  return config
}

/** The configs after some changes. Throws INVALID_REQUEST for changes that contradict each other, INVALID_CONFIG for wrong values. */
export function alterTopicConfig(
  config: TopicConfig,
  changes: readonly ConfigChange[],
  statics: TopicConfig,
): TopicConfig {
  if (new Set(changes.map(({ name }) => name)).size < changes.length)
    throw new KafkaError('INVALID_REQUEST', 'a config is named more than once')
  const altered = { ...config }
  for (const change of changes) {
    const { name, operation } = change
    if (operation === ALTER.delete) delete altered[name]
    else altered[name] = changedValue(change, config, statics)
  }
  return parseTopicConfig(Object.entries(altered).map(([name, value]) => ({ name, value })))
}

function changedValue({ name, value, operation }: ConfigChange, config: TopicConfig, statics: TopicConfig): string {
  if (value === null) throw new KafkaError('INVALID_REQUEST', `Null value not supported for: ${name}`)
  if (operation === ALTER.set) return value
  if (TOPIC_CONFIGS[name] === undefined) throw new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`)
  if (TOPIC_CONFIGS[name].type !== 'list')
    throw new KafkaError('INVALID_CONFIG', `${name} is not a list: nothing can be appended to it or subtracted from it`)
  const present = listOf(synonymsOf(name, config, statics)[0]?.value ?? '')
  const elements = listOf(value)
  if (operation === ALTER.append) return [...new Set([...present, ...elements])].join(',')
  if (operation === ALTER.subtract) return present.filter((element) => !elements.includes(element)).join(',')
  throw new KafkaError('INVALID_REQUEST', `Unknown alter config operation: ${operation}`)
}

/** What of a topic's config its logs go by. Throws INVALID_CONFIG for values that do not go together. */
export function logSettingsOf(config: TopicConfig, statics: TopicConfig): LogSettings {
  const value = (name: string) => synonymsOf(name, config, statics)[0]?.value ?? ''
  const number = (name: string) => Number(value(name))
  const limit = (name: string) => (number(name) < 0 ? Number.POSITIVE_INFINITY : number(name))
  const policies = listOf(value('cleanup.policy'))
  const [minLagMs, maxLagMs] = [number('min.compaction.lag.ms'), number('max.compaction.lag.ms')]
  if (minLagMs > maxLagMs)
    throw new KafkaError(
      'INVALID_CONFIG',
      `min.compaction.lag.ms ${minLagMs} is above max.compaction.lag.ms ${maxLagMs}`,
    )
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    maxBatchBytes: number('max.message.bytes'),
    flushMessages: number('flush.messages'),
    deletes: policies.includes('delete'),
    retentionMs: limit('retention.ms'),
    retentionBytes: limit('retention.bytes'),
    compacts: policies.includes('compact'),
    compaction: {
      minDirtyRatio: number('min.cleanable.dirty.ratio'),
      minLagMs,
      maxLagMs,
      deleteRetentionMs: number('delete.retention.ms'),
    },
    timestamps: {
      type: value('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
      beforeMaxMs: number('message.timestamp.before.max.ms'),
      afterMaxMs: number('message.timestamp.after.max.ms'),
    },
    compression: compressionOf(value('compression.type'), number),
  }
}

function compressionOf(type: string, number: (name: string) => number): LogSettings['compression'] {
  switch (type) {
    case 'producer':
      return { codec: 'producer' }
    case 'uncompressed':
      return { codec: 'none' }
    case 'gzip':
    case 'zstd':
      return { codec: type, level: number(`compression.${type}.level`) }
    default:
      return { codec: type as (typeof CODECS)[number] }
  }
}
