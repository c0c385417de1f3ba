import { defineError } from '@headrace/core/errors'

/** Neither a flag nor the environment, a connection or a running `headrace dev` says where Kafka is. */
export class AddressMissingError extends defineError<{ data: string }>({
  code: 'KAFKA_ADDRESS_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `no Kafka cluster is named, and no embedded broker is running for ${d.data}`,
  hint: () =>
    'Give --bootstrap host:port or --profile NAME, set HEADRACE_BOOTSTRAP, or start a broker with `headrace dev`.',
  example: { data: '.headrace' },
}) {}

export class ProfileUnknownError extends defineError<{ name: string; known: readonly string[]; looked: string }>({
  code: 'KAFKA_PROFILE_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `there is no \`kafka\` connection "${d.name}" in ${d.looked}`,
  hint: (d) =>
    d.known.length === 0
      ? `Declare it: connections: { ${d.name}: { kafka: { bootstrap: "host:9092" } } }.`
      : `There is ${d.known.map((name) => `"${name}"`).join(', ')}. A new one is declared under \`connections:\`.`,
  example: { name: 'prod', known: ['production'], looked: 'headrace.yaml' },
}) {}

/** Flags of the connection that do not go together. */
export class ConnectionFlagsError extends defineError<{ problem: string; remedy: string }>({
  code: 'KAFKA_FLAGS_UNFIT',
  fault: 'user',
  retry: 'never',
  message: (d) => d.problem,
  hint: (d) => d.remedy,
  example: { problem: '--sasl needs a user', remedy: 'Add --username NAME.' },
}) {}

export class FlagFileError extends defineError<{ flag: string; path: string; reason: string }>({
  code: 'KAFKA_FILE_UNREADABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the file of ${d.flag} cannot be read: ${d.path}: ${d.reason}`,
  hint: () => 'Check the path, and that you may read it.',
  example: { flag: '--ca', path: 'ca.pem', reason: 'ENOENT: no such file or directory' },
}) {}

export class PasswordMissingError extends defineError<{ username: string }>({
  code: 'KAFKA_PASSWORD_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `there is no password for the user "${d.username}", and no terminal to ask for one`,
  hint: () => 'Set HEADRACE_KAFKA_PASSWORD, or give --password-file FILE or --password-env NAME.',
  example: { username: 'alice' },
}) {}

export class TopicUnknownError extends defineError<{ topic: string; similar: readonly string[] }>({
  code: 'TOPIC_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `topic "${d.topic}" does not exist`,
  hint: (d) =>
    d.similar.length === 0
      ? `\`headrace topics list\` shows those there are; \`headrace topics create ${d.topic}\` makes it.`
      : `Did you mean ${d.similar.map((name) => `"${name}"`).join(' or ')}? \`headrace topics create ${d.topic}\` makes a new one.`,
  example: { topic: 'trade', similar: ['trades'] },
}) {}

export class TopicExistsError extends defineError<{ topic: string }>({
  code: 'TOPIC_EXISTS',
  fault: 'user',
  retry: 'never',
  message: (d) => `topic "${d.topic}" is there already`,
  hint: (d) => `\`headrace topics describe ${d.topic}\` shows it; --if-not-exists leaves it as it is without an error.`,
  example: { topic: 'trades' },
}) {}

export class PartitionUnknownError extends defineError<{ topic: string; partition: number; count: number }>({
  code: 'PARTITION_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `topic "${d.topic}" has no partition ${d.partition}: it has ${d.count}, numbered from 0`,
  hint: () => 'Name a partition that is there, or none for all of them.',
  example: { topic: 'trades', partition: 7, count: 4 },
}) {}

export class GroupUnknownError extends defineError<{ group: string; similar: readonly string[] }>({
  code: 'GROUP_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `group "${d.group}" does not exist`,
  hint: (d) =>
    d.similar.length === 0
      ? '`headrace groups list` shows those there are.'
      : `Did you mean ${d.similar.map((name) => `"${name}"`).join(' or ')}?`,
  example: { group: 'report', similar: ['reports'] },
}) {}

/** Offsets of a group can be moved, and the group be deleted, only while nobody reads for it. */
export class GroupActiveError extends defineError<{ group: string; operation: string; members: number }>({
  code: 'GROUP_ACTIVE',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `group "${d.group}" has ${d.members === 1 ? 'an active member' : `${d.members} active members`}, so ${d.operation}`,
  hint: (d) => `Stop its consumers first: \`headrace groups describe ${d.group}\` shows them.`,
  example: { group: 'report', operation: 'its offsets cannot be moved', members: 2 },
}) {}

export class ResetTargetMissingError extends defineError<{ group: string }>({
  code: 'GROUP_WITHOUT_OFFSETS',
  fault: 'user',
  retry: 'never',
  message: (d) => `group "${d.group}" has committed no offsets, so there is nothing to move`,
  hint: () => 'Name the topics to give it offsets of: --topic NAME.',
  example: { group: 'report' },
}) {}

export class AlterNothingError extends defineError<{ topic: string }>({
  code: 'TOPIC_ALTER_NOTHING',
  fault: 'user',
  retry: 'never',
  message: (d) => `nothing is said that should change of topic "${d.topic}"`,
  hint: () => 'Give --partitions N, --config name=value or --delete-config name.',
  example: { topic: 'trades' },
}) {}

/** A config that the cluster does not know of a topic. */
export class TopicConfigUnknownError extends defineError<{ topic: string; name: string; similar: readonly string[] }>({
  code: 'TOPIC_CONFIG_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `topic "${d.topic}" has no config "${d.name}"`,
  hint: (d) =>
    d.similar.length === 0
      ? `\`headrace topics describe ${d.topic} --all-configs\` shows those there are.`
      : `Did you mean ${d.similar.map((name) => `"${name}"`).join(' or ')}?`,
  example: { topic: 'trades', name: 'retention', similar: ['retention.ms'] },
}) {}

/** A line of what is to be sent; those before it have been sent. */
export class InputInvalidError extends defineError<{ input: string; line: number; reason: string; remedy: string }>({
  code: 'PRODUCE_INPUT_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `line ${d.line} of ${d.input} cannot be sent: ${d.reason}`,
  hint: (d) => `${d.remedy} The lines before it have been sent.`,
  example: { input: 'stdin', line: 12, reason: 'it is not JSON', remedy: 'Mend the line.' },
}) {}

export class RecordTooLargeError extends defineError<{ topic: string; bytes: number }>({
  code: 'PRODUCE_RECORD_TOO_LARGE',
  fault: 'user',
  retry: 'never',
  message: (d) => `a batch of ${d.bytes} bytes is larger than topic "${d.topic}" takes`,
  hint: (d) =>
    `Raise the limit: \`headrace topics alter ${d.topic} --config max.message.bytes=…\`, or compress: --compression zstd.`,
  example: { topic: 'trades', bytes: 2_000_000 },
}) {}

/** The cluster and the connection's settings do not agree on TLS or the login. */
export class SecurityMismatchError extends defineError<{ bootstrap: string; found: string; remedy: string }>({
  code: 'KAFKA_SECURITY_MISMATCH',
  fault: 'user',
  retry: 'never',
  message: (d) => `no talking to Kafka at ${d.bootstrap}: ${d.found}`,
  hint: (d) => d.remedy,
  example: {
    bootstrap: 'localhost:9093',
    found: 'its certificate cannot be trusted',
    remedy: 'Give --ca FILE with the authority that has signed it.',
  },
}) {}
