import type { Handler } from '../server/dispatcher.ts'
import { alterConfigsHandler, describeConfigsHandler, incrementalAlterConfigsHandler } from './configs.ts'
import { consumerGroupDescribeHandler, consumerGroupHeartbeatHandler } from './consumer-groups.ts'
import { fetchHandler } from './fetch.ts'
import { deleteGroupsHandler, describeGroupsHandler, listGroupsHandler } from './group-admin.ts'
import { offsetCommitHandler, offsetDeleteHandler, offsetFetchHandler } from './group-offsets.ts'
import {
  findCoordinatorHandler,
  heartbeatHandler,
  joinGroupHandler,
  leaveGroupHandler,
  syncGroupHandler,
} from './groups.ts'
import { describeLogDirsHandler } from './log-dirs.ts'
import { describeClusterHandler, describeTopicPartitionsHandler, metadataHandler } from './metadata.ts'
import { listOffsetsHandler, offsetForLeaderEpochHandler } from './offsets.ts'
import { produceHandler } from './produce.ts'
import { describeClientQuotasHandler } from './quotas.ts'
import {
  alterUserScramCredentialsHandler,
  describeUserScramCredentialsHandler,
  saslAuthenticateHandler,
  saslHandshakeHandler,
} from './sasl.ts'
import type { Services } from './services.ts'
import { createPartitionsHandler, createTopicsHandler, deleteRecordsHandler, deleteTopicsHandler } from './topics.ts'
import {
  describeProducersHandler,
  describeTransactionsHandler,
  listTransactionsHandler,
  writeTxnMarkersHandler,
} from './transaction-admin.ts'
import {
  addOffsetsToTxnHandler,
  addPartitionsToTxnHandler,
  endTxnHandler,
  initProducerIdHandler,
  txnOffsetCommitHandler,
} from './transactions.ts'

/** Everything that the broker answers, and therefore advertises. */
export function createHandlers(services: Services): Handler[] {
  return [
    produceHandler,
    fetchHandler,
    listOffsetsHandler,
    metadataHandler,
    offsetCommitHandler,
    offsetFetchHandler,
    findCoordinatorHandler,
    joinGroupHandler,
    heartbeatHandler,
    leaveGroupHandler,
    syncGroupHandler,
    describeGroupsHandler,
    listGroupsHandler,
    createTopicsHandler,
    deleteTopicsHandler,
    deleteRecordsHandler,
    initProducerIdHandler,
    addPartitionsToTxnHandler,
    addOffsetsToTxnHandler,
    endTxnHandler,
    txnOffsetCommitHandler,
    writeTxnMarkersHandler,
    describeProducersHandler,
    describeTransactionsHandler,
    listTransactionsHandler,
    offsetForLeaderEpochHandler,
    describeConfigsHandler,
    alterConfigsHandler,
    incrementalAlterConfigsHandler,
    describeLogDirsHandler,
    createPartitionsHandler,
    deleteGroupsHandler,
    describeClusterHandler,
    describeTopicPartitionsHandler,
    saslHandshakeHandler,
    saslAuthenticateHandler,
    describeClientQuotasHandler,
    describeUserScramCredentialsHandler,
    alterUserScramCredentialsHandler,
    offsetDeleteHandler,
    consumerGroupHeartbeatHandler,
    consumerGroupDescribeHandler,
  ].map((handlerFor) => handlerFor(services))
}
