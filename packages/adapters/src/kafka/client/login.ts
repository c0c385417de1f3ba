import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { saslAuthenticate, saslHandshake } from '@headrace/broker/protocol'
import type { KafkaConnection } from '../config.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { ProtocolError } from './protocol-errors.ts'

type Credentials = NonNullable<KafkaConnection['sasl']>
/** Sends the client's next message and gives the server's answer. */
type Say = (message: string) => Promise<string>

/** Versions that every broker since 1.0 speaks; later ones add how long the session lasts. */
const HANDSHAKE_VERSION = 1
const AUTHENTICATE_VERSION = 0

const UNSUPPORTED_SASL_MECHANISM = 33

/** Fewer would make a stolen exchange cheap to guess from. Source: RFC 7677. */
const LEAST_ITERATIONS = 4096

/** No channel is bound, nobody is spoken for. */
const GS2_HEADER = 'n,,'

const deriveKey = promisify(pbkdf2)

/** The broker does not let this user in, or cannot prove that it knows the password. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
}

/** Logs in by SASL: PLAIN (RFC 4616) or SCRAM (RFC 5802, RFC 7677). Throws `LoginRefusedError`. */
export async function logIn(connection: BrokerConnection, credentials: Credentials): Promise<void> {
  const { mechanism, username, password } = credentials
  const shaken = await connection.request(saslHandshake, HANDSHAKE_VERSION, { mechanism })
  if (shaken.errorCode !== 0) {
    const { apiId } = new ProtocolError(shaken.errorCode)
    const known = shaken.errorCode === UNSUPPORTED_SASL_MECHANISM ? `: it takes ${shaken.mechanisms.join(', ')}` : ''
    throw new LoginRefusedError(`${apiId}${known}`)
  }
  const say = async (message: string) => {
    const request = { authBytes: Buffer.from(message) }
    const answer = await connection.request(saslAuthenticate, AUTHENTICATE_VERSION, request)
    if (answer.errorCode !== 0)
      throw new LoginRefusedError(answer.errorMessage || new ProtocolError(answer.errorCode).apiId)
    return answer.authBytes.toString()
  }
  if (mechanism === 'PLAIN') await say(`\0${username}\0${password}`)
  else await scram(mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', credentials, say)
}

/** `nonce` is any text that was never used before. */
export async function scram(
  hash: 'sha256' | 'sha512',
  { username, password }: Pick<Credentials, 'username' | 'password'>,
  say: Say,
  nonce = randomBytes(24).toString('base64url'),
): Promise<void> {
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const challenge = await say(`${GS2_HEADER}${first}`)
  const [, bothNonces = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? []
  if (!bothNonces.startsWith(nonce) || Number(iterations) < LEAST_ITERATIONS)
    throw new LoginRefusedError('what the broker asks for is no SCRAM challenge, or a weak one')
  const unproven = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${bothNonces}`
  const exchange = `${first},${challenge},${unproven}`
  const bytes = hash === 'sha256' ? 32 : 64
  const salted = await deriveKey(password, Buffer.from(salt, 'base64'), Number(iterations), bytes, hash)
  const sign = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const clientKey = sign(salted, 'Client Key')
  const signature = sign(createHash(hash).update(clientKey).digest(), exchange)
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] as number))
  const answer = await say(`${unproven},p=${Buffer.from(proof).toString('base64')}`)
  const verifier = Buffer.from(/^v=([^,]+)/.exec(answer)?.[1] ?? '', 'base64')
  const expected = sign(sign(salted, 'Server Key'), exchange)
  if (verifier.length !== expected.length || !timingSafeEqual(verifier, expected))
    throw new LoginRefusedError('the broker does not prove that it knows the password')
}
