/** What clients are tried with, in the order of the table in the docs; the texts are its rows, and the names of tests. */
export const FEATURES = {
  topics: 'topics are made, listed, described, deleted',
  partitions: 'partitions are added',
  configs: 'configs are described and changed, and take effect',
  deleteRecords: 'records are deleted up to an offset',
  offsets: 'offsets: first, last, by time',
  groupAdmin: 'groups are listed, described, deleted; their offsets changed',
  cluster: 'the cluster, its nodes and folders are described',
  records: 'keys, values, nulls, headers and times come back as they were sent',
  codecs: 'none, gzip, snappy, lz4 and zstd',
  acks: 'acks 0, 1 and all',
  idempotent: 'an idempotent producer: every record once, in order',
  appendTime: 'LogAppendTime: records have the broker’s time',
  longPoll: 'a fetch that waits is answered when a record comes',
  performance: 'its own performance test runs to its end',
  group: 'a group of 3 shares partitions, through joins and leaves',
  resume: 'a group goes on at its committed offsets',
  cooperative: 'cooperative rebalance: only what moves is revoked',
  staticMember: 'a static member comes back to what it had',
  kip848: 'the newer group protocol (KIP-848)',
  transactions: 'transactions: read_committed sees the committed ones',
  transactionOffsets: 'offsets that are committed within a transaction',
  fencing: 'a producer of the same transactional id fences the older one',
  transactionAdmin: 'transactions and producers are listed, described, ended',
  killed: 'the broker is killed: every acknowledged record is there once',
} as const

export type Feature = keyof typeof FEATURES

export const FEATURE_NAMES = Object.keys(FEATURES) as readonly Feature[]
