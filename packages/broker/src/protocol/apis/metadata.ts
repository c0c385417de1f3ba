import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, string, structs, uuid } from '../schema.ts'

/** "Not asked for" in place of a bit field of authorized operations. */
export const NO_AUTHORIZED_OPERATIONS = -0x8000_0000

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 12],
  flexibleFrom: 9,
  request: {
    topics: nullable(structs({ topicId: uuid({ from: 10 }), name: nullable(string(), { from: 10 }) }), { from: 1 }),
    allowAutoTopicCreation: boolean({ from: 4, default: true }),
    includeClusterAuthorizedOperations: boolean({ from: 8, to: 10, default: false }),
    includeTopicAuthorizedOperations: boolean({ from: 8, default: false }),
  },
  response: {
    throttleTimeMs: int32({ from: 3, default: 0 }),
    brokers: structs({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: nullable(string({ from: 1 }), { from: 1, default: null }),
    }),
    clusterId: nullable(string({ from: 2 }), { from: 2, default: null }),
    controllerId: int32({ from: 1, default: -1 }),
    topics: structs({
      errorCode: int16(),
      name: nullable(string(), { from: 12 }),
      topicId: uuid({ from: 10 }),
      isInternal: boolean({ from: 1, default: false }),
      partitions: structs({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ from: 7, default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        offlineReplicas: arrayOf(int32(), { from: 5, default: [] }),
      }),
      topicAuthorizedOperations: int32({ from: 8, default: NO_AUTHORIZED_OPERATIONS }),
    }),
    clusterAuthorizedOperations: int32({ from: 8, to: 10, default: NO_AUTHORIZED_OPERATIONS }),
  },
})
