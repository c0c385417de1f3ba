import type { CredentialStore } from './credential-store.ts'
import type { SaslMechanism } from './mechanisms.ts'
import { PlainExchange } from './plain-exchange.ts'
import { ScramExchange } from './scram-exchange.ts'

/** The server's side of one authentication, message by message. */
export interface SaslExchange {
  /** Takes the client's next message and gives the answer to it. Throws `SaslRefusal`. */
  respond(message: Buffer): Promise<SaslAnswer>
}

export interface SaslAnswer {
  readonly bytes: Buffer
  /** Who it is; undefined until that is proven. */
  readonly user?: string
}

export function beginExchange(mechanism: SaslMechanism, store: CredentialStore): SaslExchange {
  return mechanism === 'PLAIN' ? new PlainExchange(store) : new ScramExchange(mechanism, store)
}
