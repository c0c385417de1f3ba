import { NO_AUTHORIZED_OPERATIONS } from '../protocol/index.ts'

/** By the numbers that Kafka gives them. */
const OPERATION = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const

type Operation = keyof typeof OPERATION

export const TOPIC_OPERATIONS = bitsOf(
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
)

export const GROUP_OPERATIONS = bitsOf('READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS')

export const CLUSTER_OPERATIONS = bitsOf(
  'CREATE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
)

/** Nobody is refused anything here, so that the answer is all there is, to whoever asks. */
export function allowedTo(operations: number, isAsked: boolean): number {
  return isAsked ? operations : NO_AUTHORIZED_OPERATIONS
}

function bitsOf(...operations: readonly Operation[]): number {
  return operations.reduce((bits, operation) => bits | (1 << OPERATION[operation]), 0)
}
