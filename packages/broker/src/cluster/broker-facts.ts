import type { FsyncPolicy } from '../storage/flusher.ts'
import type { BrokerFact } from '../topics/broker-config.ts'
import type { TransactionSettings } from '../transactions/transaction-settings.ts'
import { NODE_ID } from './cluster.ts'

export interface BrokerSettings {
  readonly dataDir: string
  readonly defaultPartitions: number
  readonly autoCreateTopics: boolean
  readonly fsync: FsyncPolicy
  readonly maintenanceIntervalMs: number
  readonly transactions: TransactionSettings
}

/** What the broker was started with, by the names of Kafka's broker configs. */
export function brokerFacts(settings: BrokerSettings): Readonly<Record<string, BrokerFact>> {
  const { fsync, transactions } = settings
  return {
    'broker.id': { value: String(NODE_ID), type: 'int', default: '-1', doc: 'The number of this broker.' },
    'node.id': { value: String(NODE_ID), type: 'int', doc: 'The number of this broker.' },
    'log.dirs': { value: settings.dataDir, type: 'list', doc: 'Where everything is kept.' },
    'num.partitions': {
      value: String(settings.defaultPartitions),
      type: 'int',
      default: '1',
      doc: 'Partitions of a topic whose creator does not say.',
    },
    'auto.create.topics.enable': {
      value: String(settings.autoCreateTopics),
      type: 'boolean',
      default: 'true',
      doc: 'Whether asking for a topic makes it.',
    },
    'default.replication.factor': {
      value: '1',
      type: 'int',
      default: '1',
      doc: 'Replicas of a partition: always one.',
    },
    'offsets.topic.replication.factor': {
      value: '1',
      type: 'short',
      default: '3',
      doc: 'Replicas of the offsets of groups: always one.',
    },
    'transaction.state.log.replication.factor': {
      value: '1',
      type: 'short',
      default: '3',
      doc: 'Replicas of the state of transactions: always one.',
    },
    'transaction.max.timeout.ms': {
      value: String(transactions.maxTimeoutMs),
      type: 'int',
      default: '900000',
      doc: 'The longest timeout that a transactional producer may ask for.',
    },
    'transactional.id.expiration.ms': {
      value: String(transactions.idExpirationMs),
      type: 'int',
      default: '604800000',
      doc: 'After so long without use a transactional id is forgotten.',
    },
    'log.flush.scheduler.interval.ms': {
      value: String(fsync.mode === 'interval' ? fsync.ms : 0),
      type: 'long',
      default: '9223372036854775807',
      doc: 'How often data is forced to the disk; 0 is before every acknowledgement.',
    },
    'log.retention.check.interval.ms': {
      value: String(settings.maintenanceIntervalMs),
      type: 'long',
      default: '300000',
      doc: 'How often logs are looked at for what has grown too old.',
    },
    'log.cleaner.backoff.ms': {
      value: String(settings.maintenanceIntervalMs),
      type: 'long',
      default: '15000',
      doc: 'How often logs are looked at for what can be compacted.',
    },
  }
}
