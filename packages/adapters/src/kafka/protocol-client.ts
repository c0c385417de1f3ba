/**
 * The parts of a Kafka client that do not depend on pipelines, for the command line: connections that authenticate, errors as
 * the catalogue has them, codecs.
 */
export { crc32c } from '@node-rs/crc32'
export { BrokerConnection } from './broker-connection.ts'
export { compress, decompress } from './codecs.ts'
export { addressesOf, type KafkaConnection } from './config.ts'
export { AbortedFilter } from './decode-batches.ts'
export { BrokerUnreachableError, BrokerUnsupportedError, KafkaAuthError, KafkaRequestError } from './errors.ts'
export { partitionOfKey } from './partitioner.ts'
export { assertNoError, ProtocolError } from './protocol-errors.ts'
export { type ReceivedResponse, ResponseBufferPool } from './response-receiver.ts'
export { similarNames } from './similar-names.ts'
export type { BrokerAddress } from './sockets.ts'
export { translateKafkaError } from './translate.ts'
