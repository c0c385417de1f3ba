import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { boolean, int8, int16, int32, string, structs } from '../schema.ts'
import { NO_AUTHORIZED_OPERATIONS } from './metadata.ts'

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: boolean(),
    endpointType: int8({ from: 1, default: 1 }),
    includeFencedBrokers: boolean({ from: 2, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullable(string(), { default: null }),
    endpointType: int8({ from: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: structs({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: nullable(string(), { default: null }),
      isFenced: boolean({ from: 2, default: false }),
    }),
    clusterAuthorizedOperations: int32({ default: NO_AUTHORIZED_OPERATIONS }),
  },
})
