import { type ConfigDefinition, valueHere } from '../config/config-definition.ts'

const INT_MAX = 2 ** 31 - 1

/** Kafka's broker configs for groups. */
export const GROUP_CONFIGS = {
  'group.initial.rebalance.delay.ms': {
    type: 'int',
    default: '3000',
    here: '0',
    min: 0,
    doc: 'How long the first generation of a classic group waits for more members.',
  },
  'group.max.size': {
    type: 'int',
    default: String(INT_MAX),
    min: 1,
    doc: 'How many members a classic group may have.',
  },
  'group.min.session.timeout.ms': {
    type: 'int',
    default: '6000',
    here: '100',
    min: 1,
    doc: 'The shortest session timeout that a member of a classic group may ask for. Programs on one machine are left their choice.',
  },
  'group.max.session.timeout.ms': {
    type: 'int',
    default: '1800000',
    min: 1,
    doc: 'The longest session timeout that a member of a classic group may ask for.',
  },
  'group.consumer.session.timeout.ms': {
    type: 'int',
    default: '45000',
    min: 1,
    doc: "How long a group of the consumer protocol (KIP-848) waits for a member's heartbeat.",
  },
  'group.consumer.heartbeat.interval.ms': {
    type: 'int',
    default: '5000',
    min: 1,
    doc: 'How often members of such a group are told to send one.',
  },
  'group.consumer.max.size': {
    type: 'int',
    default: String(INT_MAX),
    min: 1,
    doc: 'How many members such a group may have.',
  },
  'offsets.retention.minutes': {
    type: 'int',
    default: '10080',
    min: 1,
    doc: 'How long offsets are kept when a group has no members any more.',
  },
  'offsets.retention.check.interval.ms': {
    type: 'long',
    default: '600000',
    min: 1,
    max: INT_MAX,
    doc: 'How often it is looked for such offsets.',
  },
} as const satisfies Readonly<Record<string, ConfigDefinition>>

/** How groups are kept. */
export interface GroupSettings {
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly consumerSessionTimeoutMs: number
  readonly consumerHeartbeatIntervalMs: number
  readonly consumerMaxSize: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
}

export function groupSettings(numberOf: (name: keyof typeof GROUP_CONFIGS) => number): GroupSettings {
  return {
    initialRebalanceDelayMs: numberOf('group.initial.rebalance.delay.ms'),
    maxSize: numberOf('group.max.size'),
    minSessionTimeoutMs: numberOf('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: numberOf('group.max.session.timeout.ms'),
    consumerSessionTimeoutMs: numberOf('group.consumer.session.timeout.ms'),
    consumerHeartbeatIntervalMs: numberOf('group.consumer.heartbeat.interval.ms'),
    consumerMaxSize: numberOf('group.consumer.max.size'),
    offsetsRetentionMs: numberOf('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: numberOf('offsets.retention.check.interval.ms'),
  }
}

export const DEFAULT_GROUP_SETTINGS = groupSettings((name) => Number(valueHere(GROUP_CONFIGS[name])))
