import type { CredentialStore } from './credential-store.ts'
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts'
import { SaslRefusal } from './sasl-refusal.ts'

/** SASL/PLAIN (RFC 4616): authorization id, user and password in one message, parted by zero bytes. */
export class PlainExchange implements SaslExchange {
  readonly #store: CredentialStore

  constructor(store: CredentialStore) {
    this.#store = store
  }

  async respond(message: Buffer): Promise<SaslAnswer> {
    const parts = message.toString('utf8').split('\0')
    const [authorizationId, user, password] = parts
    if (parts.length !== 3 || authorizationId === undefined || !user || !password)
      throw new SaslRefusal('Authentication failed: a PLAIN message holds an authorization id, a user and a password')
    const isValid = await this.#store.isPassword(user, password)
    if (!isValid) throw new SaslRefusal('Authentication failed: Invalid username or password')
    if (authorizationId !== '' && authorizationId !== user)
      throw new SaslRefusal('Authentication failed: the authorization id is that of another user')
    return { bytes: Buffer.alloc(0), user }
  }
}
