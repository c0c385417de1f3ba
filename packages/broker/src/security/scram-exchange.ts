import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { CredentialStore } from './credential-store.ts'
import { SCRAM, type ScramMechanism } from './mechanisms.ts'
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts'
import { SaslRefusal } from './sasl-refusal.ts'
import type { ScramCredential } from './scram-credential.ts'

const NONCE_BYTES = 24

/** What the first message of a client leaves behind for its last. */
interface Challenge {
  readonly user: string
  readonly credential: ScramCredential
  readonly exists: boolean
  readonly channelBinding: string
  readonly nonce: string
  /** Both first messages, as the proof covers them. */
  readonly transcript: string
}

/** SASL/SCRAM (RFC 5802, RFC 7677) without channel binding. */
export class ScramExchange implements SaslExchange {
  readonly #mechanism: ScramMechanism
  readonly #store: CredentialStore
  #challenge: Challenge | undefined

  constructor(mechanism: ScramMechanism, store: CredentialStore) {
    this.#mechanism = mechanism
    this.#store = store
  }

  async respond(message: Buffer): Promise<SaslAnswer> {
    const text = message.toString('utf8')
    return this.#challenge === undefined ? this.#first(text) : this.#last(text, this.#challenge)
  }

  #first(text: string): SaslAnswer {
    const { header, bare, user, authorizationId, clientNonce } = parseFirst(text)
    if (authorizationId !== '' && authorizationId !== user)
      throw new SaslRefusal('Authentication failed: the authorization id is that of another user')
    const { credential, exists } = this.#store.challenge(user, this.#mechanism)
    const nonce = clientNonce + randomBytes(NONCE_BYTES).toString('base64url')
    const answer = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    const channelBinding = Buffer.from(header).toString('base64')
    this.#challenge = { user, credential, exists, channelBinding, nonce, transcript: `${bare},${answer}` }
    return { bytes: Buffer.from(answer) }
  }

  #last(text: string, challenge: Challenge): SaslAnswer {
    const { user, credential, exists, nonce, channelBinding, transcript } = challenge
    const parsed = /^c=([^,]+),r=([^,]+)(?:,[^,]*)*,p=([A-Za-z0-9+/=]+)$/.exec(text)
    const [, binding, saidNonce, proof = ''] = parsed ?? []
    // Not only the nonce: librdkafka before 2.6.1 puts its own before it once more, and Kafka lets that pass. Ours is in it either way.
    if (binding !== channelBinding || !saidNonce?.endsWith(nonce)) throw malformed(this.#mechanism)
    const { hash, hashBytes } = SCRAM[this.#mechanism]
    const authMessage = `${transcript},${text.slice(0, text.lastIndexOf(',p='))}`
    const given = Buffer.from(proof, 'base64')
    const signature = createHmac(hash, credential.storedKey).update(authMessage).digest()
    // A proof of another length is compared too, as one of zeros.
    const clientKey = Buffer.alloc(hashBytes)
    for (let index = 0; index < hashBytes; index++) clientKey[index] = (given[index] ?? 0) ^ (signature[index] ?? 0)
    const isProven = timingSafeEqual(createHash(hash).update(clientKey).digest(), credential.storedKey)
    if (!isProven || !exists || given.length !== hashBytes)
      throw new SaslRefusal(
        `Authentication failed during authentication due to invalid credentials with SASL mechanism ${this.#mechanism}`,
      )
    const verifier = createHmac(hash, credential.serverKey).update(authMessage).digest('base64')
    return { bytes: Buffer.from(`v=${verifier}`), user }
  }
}

interface ClientFirst {
  /** The part that says how channels are bound and for whom, with its last comma. */
  readonly header: string
  readonly bare: string
  readonly user: string
  readonly authorizationId: string
  readonly clientNonce: string
}

function parseFirst(text: string): ClientFirst {
  const [, header, authorizationId = '', bare, name, clientNonce] =
    /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)$/s.exec(text) ?? []
  if (header === undefined || bare === undefined || name === undefined || clientNonce === undefined)
    throw new SaslRefusal('Authentication failed: the first SCRAM message cannot be understood')
  return { header, bare, user: plainName(name), authorizationId: plainName(authorizationId), clientNonce }
}

/** A name may hold a comma and an equals sign, in disguise; any other use of `=` is an error. */
function plainName(name: string): string {
  if (/=(?!2C|3D)/.test(name))
    throw new SaslRefusal('Authentication failed: the name of the user is not encoded rightly')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function malformed(mechanism: ScramMechanism): SaslRefusal {
  return new SaslRefusal(`Authentication failed: the last message of ${mechanism} does not follow from those before it`)
}
