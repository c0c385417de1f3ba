export { Broker, type BrokerOptions } from './broker.ts'
export { DataDirLockedError, PortInUseError } from './errors.ts'
export type { FsyncPolicy } from './storage/flusher.ts'
