import type { CONFIG_TYPE } from '../protocol/index.ts'

/** One of Kafka's topic configs. Source of names, types, defaults and ranges: org.apache.kafka.storage.internals.log.LogConfig. */
export interface TopicConfigDefinition {
  readonly type: keyof typeof CONFIG_TYPE
  /** Kafka's own default. */
  readonly default: string
  /** The value that this broker comes with, where that is another. */
  readonly here?: string
  /** The broker config that gives the value of topics that do not set it. */
  readonly broker?: string
  readonly min?: number
  readonly max?: number
  /** The values allowed; of a list, its elements. */
  readonly oneOf?: readonly string[]
  readonly doc: string
}

const LONG_MAX = '9223372036854775807'
const BOOLEANS = ['true', 'false']

export const TOPIC_CONFIGS: Readonly<Record<string, TopicConfigDefinition>> = {
  'cleanup.policy': {
    type: 'list',
    default: 'delete',
    broker: 'log.cleanup.policy',
    oneOf: ['delete', 'compact'],
    doc: 'What becomes of old records: "delete" removes segments by age and size, "compact" keeps the last record of each key; both may be named.',
  },
  'compression.gzip.level': {
    type: 'int',
    default: '-1',
    broker: 'compression.gzip.level',
    min: -1,
    max: 9,
    doc: 'The level where the broker compresses with gzip; -1 is the default of the codec.',
  },
  'compression.lz4.level': {
    type: 'int',
    default: '9',
    broker: 'compression.lz4.level',
    min: 1,
    max: 17,
    doc: 'The level where the broker compresses with lz4. Taken but without effect: there is one level here.',
  },
  'compression.type': {
    type: 'string',
    default: 'producer',
    broker: 'compression.type',
    oneOf: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    doc: 'The codec that batches are kept in: "producer" keeps each as it came, any other has the broker compress anew what came differently.',
  },
  'compression.zstd.level': {
    type: 'int',
    default: '3',
    broker: 'compression.zstd.level',
    min: -131_072,
    max: 22,
    doc: 'The level where the broker compresses with zstd.',
  },
  'delete.retention.ms': {
    type: 'long',
    default: '86400000',
    broker: 'log.cleaner.delete.retention.ms',
    min: 0,
    doc: 'How long compaction keeps a tombstone after it has come upon it first.',
  },
  'file.delete.delay.ms': {
    type: 'long',
    default: '60000',
    here: '0',
    broker: 'log.segment.delete.delay.ms',
    min: 0,
    doc: 'Taken but without effect: files go as soon as the reads under way have ended.',
  },
  'flush.messages': {
    type: 'long',
    default: LONG_MAX,
    broker: 'log.flush.interval.messages',
    min: 1,
    doc: 'After so many records they are forced to the disk before the last of them is acknowledged; 1 does so for every batch.',
  },
  'flush.ms': {
    type: 'long',
    default: LONG_MAX,
    broker: 'log.flush.interval.ms',
    min: 0,
    doc: 'Taken but without effect: the broker forces every topic to the disk at an interval of its own.',
  },
  'follower.replication.throttled.replicas': {
    type: 'list',
    default: '',
    doc: 'Taken but without effect: there is one broker.',
  },
  'index.interval.bytes': {
    type: 'int',
    default: '4096',
    here: '32768',
    broker: 'log.index.interval.bytes',
    min: 0,
    doc: 'Taken but without effect: an index has an entry for every 32 KiB.',
  },
  'leader.replication.throttled.replicas': {
    type: 'list',
    default: '',
    doc: 'Taken but without effect: there is one broker.',
  },
  'local.retention.bytes': {
    type: 'long',
    default: '-2',
    min: -2,
    doc: 'Taken but without effect: nothing is tiered.',
  },
  'local.retention.ms': { type: 'long', default: '-2', min: -2, doc: 'Taken but without effect: nothing is tiered.' },
  'max.compaction.lag.ms': {
    type: 'long',
    default: LONG_MAX,
    broker: 'log.cleaner.max.compaction.lag.ms',
    min: 1,
    doc: 'A record that has waited longer is compacted however little else there is to compact.',
  },
  'max.message.bytes': {
    type: 'int',
    default: '1048588',
    broker: 'message.max.bytes',
    min: 0,
    doc: 'The largest record batch that is taken, in bytes.',
  },
  'message.timestamp.after.max.ms': {
    type: 'long',
    default: '3600000',
    here: LONG_MAX,
    broker: 'log.message.timestamp.after.max.ms',
    min: 0,
    doc: 'How far ahead of the clock the time of a record may be.',
  },
  'message.timestamp.before.max.ms': {
    type: 'long',
    default: LONG_MAX,
    broker: 'log.message.timestamp.before.max.ms',
    min: 0,
    doc: 'How far behind the clock the time of a record may be.',
  },
  'message.timestamp.type': {
    type: 'string',
    default: 'CreateTime',
    broker: 'log.message.timestamp.type',
    oneOf: ['CreateTime', 'LogAppendTime'],
    doc: 'Whether records keep the time of their producer or get that of their arrival.',
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    default: '0.5',
    broker: 'log.cleaner.min.cleanable.ratio',
    min: 0,
    max: 1,
    doc: 'Compaction waits until this part of the log has not been compacted.',
  },
  'min.compaction.lag.ms': {
    type: 'long',
    default: '0',
    broker: 'log.cleaner.min.compaction.lag.ms',
    min: 0,
    doc: 'How long a record stays as it is before compaction may touch it.',
  },
  'min.insync.replicas': {
    type: 'int',
    default: '1',
    broker: 'min.insync.replicas',
    min: 1,
    doc: 'Taken as fulfilled whatever it is: the one replica is always in sync.',
  },
  preallocate: {
    type: 'boolean',
    default: 'false',
    broker: 'log.preallocate',
    oneOf: BOOLEANS,
    doc: 'Taken but without effect: files grow as they are written.',
  },
  'remote.storage.enable': { type: 'boolean', default: 'false', oneOf: ['false'], doc: 'There is no remote storage.' },
  'retention.bytes': {
    type: 'long',
    default: '-1',
    broker: 'log.retention.bytes',
    min: -1,
    doc: 'With cleanup.policy=delete: the oldest segments go while a partition has more bytes; -1 keeps all.',
  },
  'retention.ms': {
    type: 'long',
    default: '604800000',
    here: '-1',
    broker: 'log.retention.ms',
    min: -1,
    doc: 'With cleanup.policy=delete: a segment goes when its latest record is older; -1 keeps all.',
  },
  'segment.bytes': {
    type: 'int',
    default: '1073741824',
    here: '134217728',
    broker: 'log.segment.bytes',
    min: 14,
    doc: 'A segment is closed before it grows larger. Retention and compaction work on closed segments.',
  },
  'segment.index.bytes': {
    type: 'int',
    default: '10485760',
    broker: 'log.index.size.max.bytes',
    min: 4,
    doc: 'Taken but without effect: an index grows with its segment.',
  },
  'segment.jitter.ms': {
    type: 'long',
    default: '0',
    broker: 'log.roll.jitter.ms',
    min: 0,
    doc: 'Taken but without effect: segments are closed when segment.ms has passed.',
  },
  'segment.ms': {
    type: 'long',
    default: '604800000',
    broker: 'log.roll.ms',
    min: 1,
    doc: 'A segment is closed when its first record is older, so that retention and compaction get at it.',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    default: 'false',
    broker: 'unclean.leader.election.enable',
    oneOf: BOOLEANS,
    doc: 'Taken but without effect: there is nobody else to lead.',
  },
}
