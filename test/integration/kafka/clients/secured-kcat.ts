import { deepEqual, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Feature } from '../features.ts'
import type { SecuredKafka } from '../secured-kafka.ts'
import { Kcat } from './kcat.ts'

type Settings = readonly string[]

export function kcatSecurity(kafka: SecuredKafka): Partial<Record<Feature, () => Promise<void>>> {
  const { ssl, saslSsl, saslPlaintext, caFile, strangerCaFile, user, password } = kafka
  const tls = (ca = caFile) => [`ssl.ca.location=${ca}`]
  const sasl = (mechanism: string, word = password) => [
    `sasl.mechanism=${mechanism}`,
    `sasl.username=${user}`,
    `sasl.password=${word}`,
  ]

  async function roundTrip(address: string, settings: Settings): Promise<void> {
    const kcat = new Kcat(address, settings)
    const topic = `kcat-${randomUUID()}`
    await kcat.produce(topic, ['secret'])
    deepEqual(await kcat.values(topic), ['secret'])
  }
  async function everywhere(mechanism: string): Promise<void> {
    await roundTrip(saslSsl, ['security.protocol=SASL_SSL', ...tls(), ...sasl(mechanism)])
    await roundTrip(saslPlaintext, ['security.protocol=SASL_PLAINTEXT', ...sasl(mechanism)])
  }
  const refused = (address: string, settings: Settings, why: RegExp) =>
    rejects(new Kcat(address, settings).produce('refused', ['v']), why)

  return {
    tls: async () => {
      await roundTrip(ssl, ['security.protocol=SSL', ...tls()])
      await refused(ssl, ['security.protocol=SSL', ...tls(strangerCaFile)], /certificate verify failed/)
    },
    saslPlain: () => everywhere('PLAIN'),
    saslScram: async () => {
      await everywhere('SCRAM-SHA-256')
      await everywhere('SCRAM-SHA-512')
    },
    wrongPassword: async () => {
      for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
        const settings = ['security.protocol=SASL_SSL', ...tls(), ...sasl(mechanism, 'guessed')]
        await refused(saslSsl, settings, /authentication (failed|error)|invalid credentials/i)
      }
    },
  }
}
