import type { Cluster } from '../cluster/cluster.ts'
import type { ProducerIds } from '../cluster/producer-ids.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import type { GroupCoordinator } from '../groups/coordinator.ts'
import { ERROR, KafkaError } from '../protocol/index.ts'
import type { CredentialStore } from '../security/credential-store.ts'
import type { SaslMechanism } from '../security/mechanisms.ts'
import type { TopicRegistry } from '../topics/topic-registry.ts'
import type { TransactionCoordinator } from '../transactions/coordinator.ts'

/** What handlers work on. */
export interface Services {
  readonly cluster: Cluster
  readonly topics: TopicRegistry
  readonly groups: GroupCoordinator
  readonly producerIds: ProducerIds
  readonly credentials: CredentialStore
  /** What clients may authenticate with. */
  readonly mechanisms: readonly SaslMechanism[]
  readonly transactions: TransactionCoordinator
  readonly config: BrokerConfig
}

export interface ErrorAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
}

export const NO_ERROR: ErrorAnswer = { errorCode: ERROR.NONE, errorMessage: null }

/**
 * The code and message that `error` is answered with. What the operating system refuses, such as room on the disk, is a storage error; what
 * else is not a protocol error is a fault of ours and is thrown on.
 */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof KafkaError) return { errorCode: error.code, errorMessage: error.message }
  if (error instanceof Error && 'syscall' in error)
    return { errorCode: ERROR.KAFKA_STORAGE_ERROR, errorMessage: error.message }
  throw error
}

/** Runs `action` and gives the code and message of how it went. */
export async function attempt(action: () => void | Promise<void>): Promise<ErrorAnswer> {
  try {
    await action()
    return NO_ERROR
  } catch (error) {
    return answerOf(error)
  }
}
