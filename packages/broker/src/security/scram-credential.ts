import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { ITERATIONS, SCRAM, type ScramMechanism } from './mechanisms.ts'

const deriveKey = promisify(pbkdf2)

/** What a server keeps of a password (RFC 5802): enough to check a proof, not enough to make one. */
export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** The credential that a salted password, as a client computed it, comes to. */
export function credentialOf(
  mechanism: ScramMechanism,
  { salt, iterations, saltedPassword }: { salt: Buffer; iterations: number; saltedPassword: Buffer },
): ScramCredential {
  const { hash } = SCRAM[mechanism]
  const clientKey = createHmac(hash, saltedPassword).update('Client Key').digest()
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, saltedPassword).update('Server Key').digest(),
  }
}

/** The credential of a password, salted and iterated on another thread. */
export async function deriveCredential(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations = ITERATIONS.min }: { salt: Buffer; iterations?: number },
): Promise<ScramCredential> {
  const { hash, hashBytes } = SCRAM[mechanism]
  const saltedPassword = await deriveKey(password, salt, iterations, hashBytes, hash)
  return credentialOf(mechanism, { salt, iterations, saltedPassword })
}

/** Whether `credential` was made of `password`: compared in constant time. */
export async function isPasswordOf(
  credential: ScramCredential,
  mechanism: ScramMechanism,
  password: string,
): Promise<boolean> {
  const derived = await deriveCredential(mechanism, password, credential)
  return timingSafeEqual(derived.storedKey, credential.storedKey)
}
