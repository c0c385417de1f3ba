/**
 * The parts of a Kafka client that do not depend on pipelines, for the command line: connections that authenticate, errors as
 * the catalogue has them, codecs.
 */
export { crc32c } from '@node-rs/crc32'
export { addressesOf } from './addresses.ts'
export { BrokerConnection } from './client/broker-connection.ts'
export { assertNoError, ProtocolError } from './client/protocol-errors.ts'
export { type ReceivedResponse, ResponseBufferPool } from './client/response-receiver.ts'
export { similarNames } from './client/similar-names.ts'
export type { BrokerAddress } from './client/sockets.ts'
export { translateKafkaError } from './client/translate.ts'
export type { KafkaConnection } from './config.ts'
export { BrokerUnreachableError, BrokerUnsupportedError, KafkaAuthError, KafkaRequestError } from './errors.ts'
export { AbortedFilter } from './read/aborted-filter.ts'
export { partitionOfKey } from './write/partitioner.ts'
