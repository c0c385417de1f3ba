/** Why a client was hung up on. */
export type FaultReason = 'malformed' | 'tls' | 'authentication' | 'connections' | 'stalled' | 'memory'

/** A client did what ends its connection. Nobody else is concerned. */
export class ClientFault extends Error {
  readonly reason: FaultReason

  constructor(reason: FaultReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ClientFault'
    this.reason = reason
  }
}
