import { HeadraceError } from '@headrace/core/errors'

/**
 * Kafka's error codes that a client of these requests may get: their names, and whether the same request may succeed later.
 * Source: org.apache.kafka.common.protocol.Errors.
 */
const CODES: Readonly<Record<number, readonly [id: string, canRetry: boolean]>> = {
  '-1': ['UNKNOWN_SERVER_ERROR', true],
  1: ['OFFSET_OUT_OF_RANGE', false],
  2: ['CORRUPT_MESSAGE', false],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', true],
  5: ['LEADER_NOT_AVAILABLE', true],
  6: ['NOT_LEADER_OR_FOLLOWER', true],
  7: ['REQUEST_TIMED_OUT', true],
  8: ['BROKER_NOT_AVAILABLE', true],
  9: ['REPLICA_NOT_AVAILABLE', true],
  10: ['MESSAGE_TOO_LARGE', false],
  12: ['OFFSET_METADATA_TOO_LARGE', false],
  14: ['COORDINATOR_LOAD_IN_PROGRESS', true],
  15: ['COORDINATOR_NOT_AVAILABLE', true],
  16: ['NOT_COORDINATOR', true],
  17: ['INVALID_TOPIC_EXCEPTION', false],
  18: ['RECORD_LIST_TOO_LARGE', false],
  19: ['NOT_ENOUGH_REPLICAS', true],
  20: ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', true],
  21: ['INVALID_REQUIRED_ACKS', false],
  22: ['ILLEGAL_GENERATION', false],
  23: ['INCONSISTENT_GROUP_PROTOCOL', false],
  24: ['INVALID_GROUP_ID', false],
  25: ['UNKNOWN_MEMBER_ID', false],
  27: ['REBALANCE_IN_PROGRESS', true],
  29: ['TOPIC_AUTHORIZATION_FAILED', false],
  30: ['GROUP_AUTHORIZATION_FAILED', false],
  31: ['CLUSTER_AUTHORIZATION_FAILED', false],
  32: ['INVALID_TIMESTAMP', false],
  33: ['UNSUPPORTED_SASL_MECHANISM', false],
  34: ['ILLEGAL_SASL_STATE', false],
  35: ['UNSUPPORTED_VERSION', false],
  36: ['TOPIC_ALREADY_EXISTS', false],
  37: ['INVALID_PARTITIONS', false],
  38: ['INVALID_REPLICATION_FACTOR', false],
  39: ['INVALID_REPLICA_ASSIGNMENT', false],
  40: ['INVALID_CONFIG', false],
  41: ['NOT_CONTROLLER', true],
  42: ['INVALID_REQUEST', false],
  43: ['UNSUPPORTED_FOR_MESSAGE_FORMAT', false],
  44: ['POLICY_VIOLATION', false],
  45: ['OUT_OF_ORDER_SEQUENCE_NUMBER', false],
  46: ['DUPLICATE_SEQUENCE_NUMBER', false],
  47: ['INVALID_PRODUCER_EPOCH', false],
  48: ['INVALID_TXN_STATE', false],
  49: ['INVALID_PRODUCER_ID_MAPPING', false],
  51: ['CONCURRENT_TRANSACTIONS', true],
  53: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', false],
  55: ['OPERATION_NOT_ATTEMPTED', false],
  56: ['KAFKA_STORAGE_ERROR', true],
  58: ['SASL_AUTHENTICATION_FAILED', false],
  59: ['UNKNOWN_PRODUCER_ID', false],
  60: ['REASSIGNMENT_IN_PROGRESS', false],
  68: ['NON_EMPTY_GROUP', false],
  69: ['GROUP_ID_NOT_FOUND', false],
  72: ['LISTENER_NOT_FOUND', true],
  73: ['TOPIC_DELETION_DISABLED', false],
  74: ['FENCED_LEADER_EPOCH', true],
  75: ['UNKNOWN_LEADER_EPOCH', true],
  76: ['UNSUPPORTED_COMPRESSION_TYPE', false],
  78: ['OFFSET_NOT_AVAILABLE', true],
  79: ['MEMBER_ID_REQUIRED', false],
  80: ['PREFERRED_LEADER_NOT_AVAILABLE', true],
  81: ['GROUP_MAX_SIZE_REACHED', false],
  82: ['FENCED_INSTANCE_ID', false],
  86: ['GROUP_SUBSCRIBED_TO_TOPIC', false],
  87: ['INVALID_RECORD', false],
  88: ['UNSTABLE_OFFSET_COMMIT', true],
  89: ['THROTTLING_QUOTA_EXCEEDED', true],
  90: ['PRODUCER_FENCED', false],
  100: ['UNKNOWN_TOPIC_ID', true],
  103: ['INCONSISTENT_TOPIC_ID', true],
  110: ['FENCED_MEMBER_EPOCH', false],
  111: ['UNRELEASED_INSTANCE_ID', true],
  112: ['UNSUPPORTED_ASSIGNOR', false],
  113: ['STALE_MEMBER_EPOCH', false],
  120: ['TRANSACTION_ABORTABLE', true],
}

export const OFFSET_OUT_OF_RANGE = 1
export const CORRUPT_MESSAGE = 2
export const UNKNOWN_TOPIC_OR_PARTITION = 3
export const LEADER_NOT_AVAILABLE = 5
export const INVALID_TOPIC = 17
export const DUPLICATE_SEQUENCE_NUMBER = 46
export const INCONSISTENT_GROUP_PROTOCOL = 23
export const REBALANCE_IN_PROGRESS = 27
/** The transaction before, or a change before in this one, is still being written down. */
export const CONCURRENT_TRANSACTIONS = 51
export const MEMBER_ID_REQUIRED = 79
export const UNKNOWN_MEMBER_ID = 25
const FENCED_MEMBER_EPOCH = 110
/** The member's epoch went on, which it hears with its next heartbeat. */
const STALE_MEMBER_EPOCH = 113

/** The group has gone on without this member, or without this generation of it: what it owned is another’s. */
const LOST_MEMBERSHIP: ReadonlySet<number> = new Set([22, UNKNOWN_MEMBER_ID, 82, FENCED_MEMBER_EPOCH])

/** Of an error that has been translated, or not. */
export function isLostMembership(error: unknown): boolean {
  return LOST_MEMBERSHIP.has(codeOf(error))
}

/** INVALID_PRODUCER_EPOCH and PRODUCER_FENCED: what a producer hears whose epoch is over. */
export const FENCED_CODES: ReadonlySet<number> = new Set([47, 90])

/** MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE: the topic takes no batch of that size. */
export const TOO_LARGE_CODES: ReadonlySet<number> = new Set([10, 18])

/**
 * OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_ID_MAPPING and UNKNOWN_PRODUCER_ID: the brokers have forgotten the producer
 * (`transactional.id.expiration.ms`), or lost what it wrote last.
 */
export const FORGOTTEN_CODES: ReadonlySet<number> = new Set([45, 49, 59])

/** Nothing is wrong with this one: the broker refuses the whole request for another part of it. */
const OPERATION_NOT_ATTEMPTED = 55

/** Of the codes of an answer, the one that says why it is a refusal; 0 where it is none. */
export function refusalIn(codes: readonly number[]): number {
  const refusals = codes.filter((code) => code !== 0)
  return refusals.find((code) => code !== OPERATION_NOT_ATTEMPTED) ?? refusals[0] ?? 0
}

/** The topic, or the id that it had, is not known to the broker: deleted, or not heard of yet. */
const UNKNOWN_TOPIC: ReadonlySet<number> = new Set([UNKNOWN_TOPIC_OR_PARTITION, 100, 103])

/** The broker asked does not lead the partition, or not in the epoch that the request names, or cannot serve it for now. */
const ANOTHER_LEADER: ReadonlySet<number> = new Set([5, 6, 9, 56, 74, 75, 78])

export function isUnknownTopic(code: number): boolean {
  return UNKNOWN_TOPIC.has(code)
}

export function isAnotherLeader(code: number): boolean {
  return ANOTHER_LEADER.has(code)
}

/** An error code in an answer: Kafka's own name of it as the message, with what the broker said beside it. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly apiCode: number
  readonly apiId: string
  readonly canRetry: boolean

  constructor(code: number, said: string | null = null) {
    const [id, canRetry] = CODES[code] ?? [`error code ${code}`, false]
    super(said === null || said === '' ? id : `${id}: ${said}`)
    this.apiCode = code
    this.apiId = id
    this.canRetry = canRetry
  }
}

/** The broker's code that an error, translated or not, comes from; 0 where it is no answer of a broker. */
export function codeOf(error: unknown): number {
  const answer = error instanceof HeadraceError ? error.cause : error
  return answer instanceof ProtocolError ? answer.apiCode : 0
}

/** Whether the same request may succeed later. Of an error that has been translated. */
export function mayPass(error: unknown): boolean {
  return (error instanceof HeadraceError && error.retry === 'backoff') || codeOf(error) === STALE_MEMBER_EPOCH
}

/** Throws a `ProtocolError` unless the code is 0. */
export function assertNoError(code: number): void {
  if (code !== 0) throw new ProtocolError(code)
}
