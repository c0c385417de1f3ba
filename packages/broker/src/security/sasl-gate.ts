import { setTimeout as delay } from 'node:timers/promises'
import {
  type Api,
  apiVersions,
  ERROR,
  encodeResponse,
  MalformedMessageError,
  ProtocolReader,
  type RequestHeader,
  readRequestBody,
  readRequestHeader,
  saslAuthenticate,
  saslHandshake,
} from '../protocol/index.ts'
import type { CredentialStore } from './credential-store.ts'
import { isSaslMechanism, type SaslMechanism } from './mechanisms.ts'
import { beginExchange, type SaslExchange } from './sasl-exchange.ts'
import { SaslRefusal } from './sasl-refusal.ts'

export interface SaslSettings {
  readonly mechanisms: readonly SaslMechanism[]
  readonly store: CredentialStore
}

/** What one frame of a client that is not known yet leads to. */
export interface GateAnswer {
  readonly chunks: Buffer[]
  /** Why the connection ends behind the answer; undefined where it goes on. */
  readonly refusal?: Error
}

/** Kafka's sasl.server.max.receive.size: nobody needs more to say who they are. */
export const MAX_UNAUTHENTICATED_REQUEST_BYTES = 512 * 1024

/** Kafka's connection.failed.authentication.delay.ms: guessing has to take its time. */
const REFUSAL_DELAY_MS = 100

type State =
  | { readonly at: 'handshake' }
  | { readonly at: 'exchange'; readonly exchange: SaslExchange; readonly isBare: boolean }
  | { readonly at: 'done' }

/**
 * Stands before one connection until its client has said who it is: ApiVersions, SaslHandshake, then the messages of the mechanism, in
 * SaslAuthenticate or, after a handshake in version 0, without any header. Everything else ends the connection.
 */
export class SaslGate {
  readonly #settings: SaslSettings
  #state: State = { at: 'handshake' }

  constructor(settings: SaslSettings) {
    this.#settings = settings
  }

  get isOpen(): boolean {
    return this.#state.at === 'done'
  }

  /** Answers one frame; `dispatch` answers those that need no authentication. Rejects for what is not a request. One call at a time. */
  async answer(frame: Buffer, dispatch: (frame: Buffer) => Promise<Buffer[] | null>): Promise<GateAnswer> {
    const answer = await this.#decide(frame, dispatch)
    if (answer.refusal) await delay(REFUSAL_DELAY_MS, undefined, { ref: false })
    return answer
  }

  async #decide(frame: Buffer, dispatch: (frame: Buffer) => Promise<Buffer[] | null>): Promise<GateAnswer> {
    const state = this.#state
    if (state.at === 'exchange' && state.isBare) return this.#bareMessage(frame, state.exchange)
    const reader = new ProtocolReader(frame)
    const header = readRequestHeader(reader)
    const { apiKey } = header
    if (apiKey === apiVersions.key) return { chunks: (await dispatch(frame)) ?? [] }
    if (apiKey === saslHandshake.key && state.at === 'handshake')
      return this.#handshake(header, bodyOf(saslHandshake, header, reader).mechanism)
    if (apiKey === saslAuthenticate.key && state.at === 'exchange')
      return this.#message(header, bodyOf(saslAuthenticate, header, reader).authBytes, state.exchange)
    throw new UnauthenticatedRequestError(apiKey)
  }

  #handshake({ apiVersion, correlationId }: RequestHeader, mechanism: string): GateAnswer {
    const { mechanisms, store } = this.#settings
    const respond = (errorCode: number) =>
      encodeResponse(saslHandshake, apiVersion, correlationId, { errorCode, mechanisms })
    if (!isSaslMechanism(mechanism) || !mechanisms.includes(mechanism)) {
      const refusal = new SaslRefusal(`SASL mechanism ${JSON.stringify(mechanism.slice(0, 50))} is not enabled`)
      return { chunks: respond(ERROR.UNSUPPORTED_SASL_MECHANISM), refusal }
    }
    this.#state = { at: 'exchange', exchange: beginExchange(mechanism, store), isBare: apiVersion === 0 }
    return { chunks: respond(ERROR.NONE) }
  }

  async #message(header: RequestHeader, message: Buffer, exchange: SaslExchange): Promise<GateAnswer> {
    const respond = (body: Parameters<typeof encodeResponse<typeof saslAuthenticate.response>>[3]) =>
      encodeResponse(saslAuthenticate, header.apiVersion, header.correlationId, body)
    try {
      const { bytes, user } = await exchange.respond(message)
      if (user !== undefined) this.#state = { at: 'done' }
      return { chunks: respond({ errorCode: ERROR.NONE, authBytes: bytes }) }
    } catch (error) {
      if (!(error instanceof SaslRefusal)) throw error
      const errorCode = ERROR.SASL_AUTHENTICATION_FAILED
      const chunks = respond({ errorCode, errorMessage: error.message, authBytes: Buffer.alloc(0) })
      return { chunks, refusal: error }
    }
  }

  /** A message with nothing but its size in front; there is no way to say why it is refused. */
  async #bareMessage(message: Buffer, exchange: SaslExchange): Promise<GateAnswer> {
    try {
      const { bytes, user } = await exchange.respond(message)
      if (user !== undefined) this.#state = { at: 'done' }
      const size = Buffer.alloc(4)
      size.writeInt32BE(bytes.length)
      return { chunks: [size, bytes] }
    } catch (error) {
      if (error instanceof SaslRefusal) return { chunks: [], refusal: error }
      throw error
    }
  }
}

/** A request that came before its client had said who it is. */
class UnauthenticatedRequestError extends MalformedMessageError {
  constructor(apiKey: number) {
    super(`a request of API ${apiKey} came where SASL authentication was due`)
  }
}

function bodyOf<A extends Api>(
  api: A,
  { apiVersion }: RequestHeader,
  reader: ProtocolReader,
): ReturnType<typeof readRequestBody<A['request']>> {
  const [first, last] = api.versions
  if (apiVersion < first || apiVersion > last)
    throw new MalformedMessageError(`${api.name} version ${apiVersion} is not supported`)
  return readRequestBody(api, apiVersion, reader)
}
