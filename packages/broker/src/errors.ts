/** The port that the broker was told to listen on is another program's. */
export class PortInUseError extends Error {
  readonly code = 'BROKER_PORT_IN_USE'
  readonly host: string
  readonly port: number

  constructor(host: string, port: number, options?: ErrorOptions) {
    super(`port ${port} on ${host} is in use`, options)
    this.name = 'PortInUseError'
    this.host = host
    this.port = port
  }
}

/** Another broker is running on the same data folder. */
export class DataDirLockedError extends Error {
  readonly code = 'BROKER_DATA_DIR_LOCKED'
  readonly dataDir: string
  /** The process that has it, where it is known. */
  readonly pid: number | undefined

  constructor(dataDir: string, pid: number | undefined, options?: ErrorOptions) {
    super(`another broker${pid === undefined ? '' : ` (process ${pid})`} is using the data folder ${dataDir}`, options)
    this.name = 'DataDirLockedError'
    this.dataDir = dataDir
    this.pid = pid
  }
}

/** The files of a TLS listener cannot be read, or do not go together. */
export class TlsUnusableError extends Error {
  readonly code = 'BROKER_TLS_UNUSABLE'

  constructor(reason: string, options?: ErrorOptions) {
    super(`TLS cannot be set up: ${reason}`, options)
    this.name = 'TlsUnusableError'
  }
}

/** Settings that do not make a broker. */
export class BrokerOptionsError extends Error {
  readonly code = 'BROKER_OPTIONS_INVALID'

  constructor(message: string) {
    super(message)
    this.name = 'BrokerOptionsError'
  }
}
