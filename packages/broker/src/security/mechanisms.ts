/** What a client may authenticate with, as SaslHandshake names it. */
export type SaslMechanism = 'PLAIN' | ScramMechanism

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface ScramParameters {
  /** How AlterUserScramCredentials names the mechanism. */
  readonly id: number
  readonly hash: 'sha256' | 'sha512'
  readonly hashBytes: number
}

export const SCRAM: Readonly<Record<ScramMechanism, ScramParameters>> = {
  'SCRAM-SHA-256': { id: 1, hash: 'sha256', hashBytes: 32 },
  'SCRAM-SHA-512': { id: 2, hash: 'sha512', hashBytes: 64 },
}

export const SASL_MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

export const SCRAM_MECHANISMS = Object.keys(SCRAM) as readonly ScramMechanism[]

/** Kafka's limits on iterations; the lower one is also what is used unless a client says otherwise. */
export const ITERATIONS = { min: 4096, max: 16_384 } as const

export function isSaslMechanism(name: string): name is SaslMechanism {
  return SASL_MECHANISMS.includes(name as SaslMechanism)
}

/** The mechanism of that number; undefined for one that is not known. */
export function scramMechanismOf(id: number): ScramMechanism | undefined {
  return SCRAM_MECHANISMS.find((mechanism) => SCRAM[mechanism].id === id)
}
