import { GROUP_CONFIGS } from '../groups/group-settings.ts'
import { LIMIT_CONFIGS } from '../server/limits.ts'
import { TOPIC_CONFIGS } from '../topics/topic-config-definitions.ts'
import { TRANSACTION_CONFIGS } from '../transactions/transaction-settings.ts'
import type { ConfigDefinition } from './config-definition.ts'

export interface BrokerConfigDefinition extends ConfigDefinition {
  /** The topic config whose value it is for topics that do not set it. */
  readonly topicConfig?: string
}

const TIMER_MAX = 2 ** 31 - 1

const ONE_REPLICA = { type: 'short', min: 1, max: 1 } as const

const OWN_CONFIGS = {
  'num.partitions': {
    type: 'int',
    default: '1',
    min: 1,
    max: 4000,
    doc: 'Partitions of a topic whose creator does not say.',
  },
  'auto.create.topics.enable': { type: 'boolean', default: 'true', doc: 'Whether asking for a topic makes it.' },
  'default.replication.factor': { ...ONE_REPLICA, default: '1', doc: 'Replicas of a partition: always one.' },
  'offsets.topic.replication.factor': {
    ...ONE_REPLICA,
    default: '3',
    here: '1',
    doc: 'Replicas of the offsets of groups: always one.',
  },
  'transaction.state.log.replication.factor': {
    ...ONE_REPLICA,
    default: '3',
    here: '1',
    doc: 'Replicas of the state of transactions: always one.',
  },
  'log.flush.scheduler.interval.ms': {
    type: 'long',
    default: '9223372036854775807',
    here: '1000',
    min: 0,
    max: TIMER_MAX,
    doc: 'How often data is forced to the disk; 0 is before every acknowledgement.',
  },
  'log.retention.check.interval.ms': {
    type: 'long',
    default: '300000',
    here: '15000',
    min: 1,
    max: TIMER_MAX,
    doc: 'How often logs are looked at for what has grown too old. The shorter of this and log.cleaner.backoff.ms counts for both.',
  },
  'log.cleaner.backoff.ms': {
    type: 'long',
    default: '15000',
    min: 1,
    max: TIMER_MAX,
    doc: 'How often logs are looked at for what can be compacted. The shorter of this and log.retention.check.interval.ms counts for both.',
  },
} as const satisfies Readonly<Record<string, ConfigDefinition>>

const TOPIC_DEFAULTS = Object.fromEntries(
  Object.entries(TOPIC_CONFIGS).flatMap(([topicConfig, { broker, ...definition }]) =>
    broker === undefined ? [] : [[broker, { ...definition, topicConfig }] as const],
  ),
)

/** Every config that a broker can be started with, by Kafka's names. */
export const BROKER_CONFIGS: Readonly<Record<string, BrokerConfigDefinition>> = {
  ...OWN_CONFIGS,
  ...GROUP_CONFIGS,
  ...TRANSACTION_CONFIGS,
  ...LIMIT_CONFIGS,
  ...TOPIC_DEFAULTS,
}

/** Names under which Kafka takes a config in another unit: its name in milliseconds, and how many of them a unit has. Finer ones come last. */
export const COARSER_CONFIGS: Readonly<Record<string, { readonly name: string; readonly unitMs: number }>> = {
  'log.retention.hours': { name: 'log.retention.ms', unitMs: 3_600_000 },
  'log.retention.minutes': { name: 'log.retention.ms', unitMs: 60_000 },
  'log.roll.hours': { name: 'log.roll.ms', unitMs: 3_600_000 },
  'log.roll.jitter.hours': { name: 'log.roll.jitter.ms', unitMs: 3_600_000 },
}
