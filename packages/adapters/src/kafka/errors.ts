import { defineError } from '@headrace/core/errors'

/** No broker answers, or one went away in the middle. Where a source throws it, it has waited in place for as long as that helps. */
export class BrokerUnreachableError extends defineError<{ bootstrap: string; reason: string }>({
  code: 'KAFKA_UNREACHABLE',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `cannot reach Kafka at ${d.bootstrap}: ${d.reason}`,
  hint: () =>
    'Is the broker running, and is its address right, in the `kafka` connection of headrace.yaml or as --bootstrap? `headrace dev` starts a local one.',
  example: { bootstrap: 'localhost:9092', reason: 'connect ECONNREFUSED 127.0.0.1:9092' },
}) {}

export class TopicMissingError extends defineError<{ topic: string; similar: readonly string[] }>({
  code: 'KAFKA_TOPIC_MISSING',
  fault: 'user',
  retry: 'never',
  setting: 'topic',
  message: (d) => `topic "${d.topic}" does not exist`,
  hint: (d) =>
    d.similar.length === 0
      ? 'Create it, or fix the name in `kafka.topic`.'
      : `Did you mean ${d.similar.map((name) => `"${name}"`).join(' or ')}? Fix the name in \`kafka.topic\`, or create the topic.`,
  example: { topic: 'trade', similar: ['trades'] },
}) {}

/** The topic was deleted and made again: offsets in the state are those of other records. */
export class TopicRecreatedError extends defineError<{ topic: string; expected: string; found: string }>({
  code: 'KAFKA_TOPIC_RECREATED',
  fault: 'user',
  retry: 'never',
  setting: 'topic',
  message: (d) =>
    `topic "${d.topic}" was deleted and created again (id ${d.found}, the state was read from ${d.expected})`,
  hint: () => 'The offsets in the state mean other records now. Start with a new data folder to read the new topic.',
  example: { topic: 'trades', expected: '0d1c…', found: '93fe…' },
}) {}

export class PartitionMissingError extends defineError<{ topic: string; partition: string; count: number }>({
  code: 'KAFKA_PARTITION_MISSING',
  fault: 'user',
  retry: 'never',
  setting: 'start',
  message: (d) => `topic "${d.topic}" has no partition ${d.partition}: it has ${d.count}, numbered from 0`,
  hint: () => 'Fix `start.offsets`; if the topic was made again with fewer partitions, use a new data folder.',
  example: { topic: 'trades', partition: '7', count: 4 },
}) {}

/** The topic was there when reading began, and is no more. */
export class TopicDeletedError extends defineError<{ topic: string }>({
  code: 'KAFKA_TOPIC_DELETED',
  fault: 'user',
  retry: 'never',
  setting: 'topic',
  message: (d) => `topic "${d.topic}" was deleted while it was being read`,
  hint: () =>
    'What had been read of it is kept. Take the topic out of the file; if it is made again under its name, it is another topic and needs a new data folder.',
  example: { topic: 'trades' },
}) {}

/** Retention, DeleteRecords or compaction took records that were not read yet. */
export class OffsetGoneError extends defineError<{
  partition: string
  offset: number
  first: number
  end: number
  gone: number
}>({
  code: 'KAFKA_OFFSET_GONE',
  fault: 'user',
  retry: 'never',
  setting: 'offsetReset',
  message: (d) =>
    `${d.gone === 1 ? 'a record' : `${d.gone} records`} of ${d.partition} ${d.gone === 1 ? 'is' : 'are'} gone before being read: offset ${d.offset} is wanted, the partition holds ${d.first} up to ${d.end} (exclusive)`,
  hint: () =>
    'The topic’s retention (or a deletion of records) was faster than the pipeline. To go on without them, set `offsetReset: earliest` (from the first record there is) or `latest` (from the end); what is passed over is counted. A longer `retention.ms` keeps it from happening again.',
  example: { partition: 'trades/0', offset: 12, first: 4000, end: 9000, gone: 3988 },
}) {}

/** The position lies beyond the end of the partition. */
export class OffsetOutOfRangeError extends defineError<{
  partition: string
  offset: number
  first: number
  end: number
}>({
  code: 'KAFKA_OFFSET_OUT_OF_RANGE',
  fault: 'user',
  retry: 'never',
  setting: 'start',
  message: (d) =>
    `offset ${d.offset} of ${d.partition} does not exist: the partition holds ${d.first} up to ${d.end} (exclusive)`,
  hint: () =>
    'The partition ends before this: its log was truncated, or `start.offsets` is wrong. Fix the offset, or set `offsetReset` to go on from the end.',
  example: { partition: 'trades/0', offset: 9500, first: 4000, end: 9000 },
}) {}

/** The leader's log does not hold the records that were read: a replica without them became leader. */
export class LogTruncatedError extends defineError<{ partition: string; offset: number; end: number; epoch: number }>({
  code: 'KAFKA_LOG_TRUNCATED',
  fault: 'user',
  retry: 'never',
  setting: 'offsetReset',
  message: (d) =>
    `the log of ${d.partition} was truncated: it was read up to offset ${d.offset} (leader epoch ${d.epoch}), and its leader now has only the records before ${d.end} in common with that`,
  hint: () =>
    'An unclean leader election, or a broker’s disk that was restored, took records that are in the results. `offsetReset: earliest` or `latest` goes on from where the logs part; new records have offsets then that others had before.',
  example: { partition: 'trades/0', offset: 9000, end: 8700, epoch: 4 },
}) {}

/** Another broker leads the partition now, or the one that does not know of it yet. Going on needs new metadata, which may not name one yet. */
export class LeaderChangedError extends defineError<{ partition: string; reason: string }>({
  code: 'KAFKA_LEADER_CHANGED',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `${d.partition} has another leader, or none for now (${d.reason})`,
  hint: () => 'Reading goes on as soon as the cluster has agreed on one.',
  example: { partition: 'trades/0', reason: 'NOT_LEADER_OR_FOLLOWER' },
}) {}

export class KafkaAuthError extends defineError<{ bootstrap: string; reason: string }>({
  code: 'KAFKA_AUTH_FAILED',
  fault: 'user',
  retry: 'never',
  setting: 'connection',
  message: (d) => `Kafka at ${d.bootstrap} refuses the connection: ${d.reason}`,
  hint: () =>
    'Check host and port, `sasl` (mechanism, username, password) and `ssl` of the connection in headrace.yaml (--sasl, --username and --tls of a command), and what the user may do.',
  example: { bootstrap: 'localhost:9092', reason: 'SASL authentication failed' },
}) {}

/** Bytes of a batch are damaged, or in a form that cannot be read. */
export class BatchCorruptError extends defineError<{ partition: string; offset: number; reason: string }>({
  code: 'KAFKA_BATCH_CORRUPT',
  fault: 'external',
  retry: 'never',
  message: (d) => `the record batch at offset ${d.offset} of ${d.partition} cannot be read: ${d.reason}`,
  hint: () =>
    'The broker holds damaged bytes. Compare with another consumer; `start.offsets` beyond the batch goes on without it.',
  example: { partition: 'trades/0', offset: 1200, reason: 'its CRC does not match' },
}) {}

/** A few bytes that would take more memory than a batch is given. */
export class BatchTooLargeError extends defineError<{
  partition: string
  offset: number
  lastOffset: number
  sizeBytes: number
  limitBytes: number
}>({
  code: 'KAFKA_BATCH_TOO_LARGE',
  fault: 'external',
  retry: 'never',
  message: (d) =>
    `the record batch at offset ${d.offset} of ${d.partition} has ${d.sizeBytes} bytes, and more than ${d.limitBytes / 2 ** 20} MiB decompressed`,
  hint: (d) =>
    `A batch is decompressed as a whole, and is hardly meant to have so much: look at who produced it. \`start.offsets\` from ${d.lastOffset + 1} on goes on without it.`,
  example: { partition: 'trades/0', offset: 1200, lastOffset: 1200, sizeBytes: 260_000, limitBytes: 2 ** 28 },
}) {}

export class BrokerUnsupportedError extends defineError<{ bootstrap: string; reason: string }>({
  code: 'KAFKA_BROKER_UNSUPPORTED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the broker at ${d.bootstrap} is too old: ${d.reason}`,
  hint: () => 'Headrace reads from Apache Kafka 2.1 or later.',
  example: { bootstrap: 'localhost:9092', reason: 'it speaks Fetch up to version 3, 4 is needed' },
}) {}

/** The broker answers a request with an error that has no class of its own. */
export class KafkaRequestError extends defineError<{ operation: string; reason: string }>({
  code: 'KAFKA_REQUEST_FAILED',
  fault: 'external',
  retry: 'never',
  message: (d) => `Kafka refuses to ${d.operation}: ${d.reason}`,
  hint: (d) =>
    /^(INVALID_|POLICY_VIOLATION)/.test(d.reason)
      ? 'The reason is the broker’s own: change what it names.'
      : 'The reason is the broker’s own; its log says more.',
  example: { operation: 'write to topic "totals"', reason: 'INVALID_REQUIRED_ACKS' },
}) {}

/** Another process writes under this pipeline's and sink's name. */
export class SinkFencedError extends defineError<{ bootstrap: string; id: string }>({
  code: 'KAFKA_SINK_FENCED',
  fault: 'user',
  retry: 'never',
  message: (d) => `another process took over the transactional id "${d.id}" at ${d.bootstrap}`,
  hint: () =>
    'The same pipeline runs elsewhere, with a data folder of its own. Stop one of them, or give one pipeline or sink another name.',
  example: { bootstrap: 'localhost:9092', id: 'headrace.trades.kafka' },
}) {}

/** The broker aborted the transaction because it took too long: nothing of it is visible. */
export class TransactionTimedOutError extends defineError<{ id: string; timeoutMs: number }>({
  code: 'KAFKA_TRANSACTION_TIMED_OUT',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `the transaction of "${d.id}" took longer than ${d.timeoutMs / 1000} s, and the broker aborted it`,
  hint: () => 'The batch is written again. Where that goes on, raise `transactionTimeout` or make epochs smaller.',
  example: { id: 'headrace.trades.kafka', timeoutMs: 60_000 },
}) {}

/** Whoever gave the producer its id has forgotten it, or its last records were lost. Going on needs a new id. */
export class ProducerForgottenError extends defineError<{ reason: string }>({
  code: 'KAFKA_PRODUCER_FORGOTTEN',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `the brokers no longer know this producer or what it wrote last (${d.reason})`,
  hint: () =>
    'Ids that rest for long expire (`transactional.id.expiration.ms`, `producer.id.expiration.ms`). The sink takes a new one, exactly-once sinks ask the target again which batch it holds, and the batch is written again.',
  example: { reason: 'INVALID_PRODUCER_ID_MAPPING' },
}) {}
