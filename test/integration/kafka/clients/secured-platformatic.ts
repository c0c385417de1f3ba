import { equal, match, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  Admin,
  AuthenticationError,
  type ConnectionOptions,
  Consumer,
  Producer,
  type SASLMechanismValue,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import type { Feature } from '../features.ts'
import type { SecuredKafka } from '../secured-kafka.ts'

export function platformaticSecurity(kafka: SecuredKafka): Partial<Record<Feature, () => Promise<void>>> {
  const { ssl, saslSsl, saslPlaintext, caFile, strangerCaFile, user: username } = kafka
  const trusting = (file: string) => ({ tls: { ca: readFileSync(file) } })
  const sasl = (mechanism: SASLMechanismValue, password = kafka.password) => ({
    sasl: { mechanism, username, password },
  })
  const at = (address: string) => ({ clientId: 'secured', bootstrapBrokers: [address] })

  async function roundTrip(address: string, options: ConnectionOptions): Promise<void> {
    const topic = `platformatic-${randomUUID()}`
    const connection = { ...at(address), ...options }
    const producer = new Producer({ ...connection, serializers: stringSerializers, autocreateTopics: true })
    await producer.send({ messages: [{ topic, key: 'k', value: 'secret' }] })
    await producer.close()
    const consumer = new Consumer({ ...connection, groupId: topic, deserializers: stringDeserializers })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 100 })
    for await (const { value } of stream) {
      equal(value, 'secret')
      break
    }
    await consumer.close(true)
  }
  async function everywhere(mechanism: SASLMechanismValue): Promise<void> {
    await roundTrip(saslSsl, { ...trusting(caFile), ...sasl(mechanism) })
    await roundTrip(saslPlaintext, sasl(mechanism))
  }
  async function connects(address: string, options: ConnectionOptions): Promise<void> {
    const admin = new Admin({ ...at(address), retries: 0, ...options })
    try {
      await admin.listTopics()
    } finally {
      await admin.close()
    }
  }

  return {
    tls: async () => {
      await roundTrip(ssl, trusting(caFile))
      await rejects(connects(ssl, trusting(strangerCaFile)), (error) => {
        match(causes(error).join('\n'), /unable to verify|local issuer|self.signed/)
        return true
      })
    },
    saslPlain: () => everywhere('PLAIN'),
    saslScram: async () => {
      await everywhere('SCRAM-SHA-256')
      await everywhere('SCRAM-SHA-512')
    },
    wrongPassword: async () => {
      for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
        await rejects(connects(saslSsl, { ...trusting(caFile), ...sasl(mechanism, 'guessed') }), (error) =>
          causes(error).some((each) => each instanceof AuthenticationError),
        )
    },
  }
}

/** An error, what it holds, and what caused it. */
function causes(error: unknown): Error[] {
  if (!(error instanceof Error)) return []
  const held = error instanceof AggregateError ? error.errors.flatMap(causes) : []
  return [error, ...held, ...causes(error.cause)]
}
