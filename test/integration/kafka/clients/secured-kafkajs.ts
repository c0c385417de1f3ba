import { equal, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Kafka, type KafkaConfig, KafkaJSSASLAuthenticationError, logLevel, Partitioners } from 'kafkajs'
import type { Feature } from '../features.ts'
import type { SecuredKafka } from '../secured-kafka.ts'

export function kafkajsSecurity(kafka: SecuredKafka): Partial<Record<Feature, () => Promise<void>>> {
  const { ssl, saslSsl, saslPlaintext, caFile, strangerCaFile, user: username } = kafka
  const trusting = (file: string) => ({ ca: [readFileSync(file, 'utf8')] })
  const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
  type Mechanism = (typeof mechanisms)[number]
  const sasl = (mechanism: Mechanism, password = kafka.password) => ({
    // One of a union of options, each with its own name.
    sasl: { mechanism: mechanism as 'plain', username, password },
  })
  const clientOf = (config: KafkaConfig) => new Kafka({ logLevel: logLevel.NOTHING, ...config })

  async function roundTrip(config: KafkaConfig): Promise<void> {
    const client = clientOf(config)
    const topic = `kafkajs-${randomUUID()}`
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
    try {
      await producer.connect()
      await producer.send({ topic, messages: [{ value: 'secret' }] })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      const { promise, resolve } = Promise.withResolvers<string>()
      await consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) })
      equal(await promise, 'secret')
    } finally {
      await Promise.all([producer.disconnect(), consumer.disconnect()])
    }
  }
  async function everywhere(mechanism: Mechanism): Promise<void> {
    await roundTrip({ brokers: [saslSsl], ssl: trusting(caFile), ...sasl(mechanism) })
    await roundTrip({ brokers: [saslPlaintext], ...sasl(mechanism) })
  }
  async function connects(config: KafkaConfig): Promise<void> {
    const admin = clientOf({ retry: { retries: 0 }, ...config }).admin()
    try {
      await admin.connect()
    } finally {
      await admin.disconnect()
    }
  }

  return {
    tls: async () => {
      await roundTrip({ brokers: [ssl], ssl: trusting(caFile) })
      await rejects(
        connects({ brokers: [ssl], ssl: trusting(strangerCaFile) }),
        /unable to verify|local issuer|self.signed/,
      )
    },
    saslPlain: () => everywhere('plain'),
    saslScram: async () => {
      await everywhere('scram-sha-256')
      await everywhere('scram-sha-512')
    },
    wrongPassword: async () => {
      for (const mechanism of mechanisms)
        await rejects(
          connects({ brokers: [saslSsl], ssl: trusting(caFile), ...sasl(mechanism, 'guessed') }),
          (error) => error instanceof KafkaJSSASLAuthenticationError,
        )
    },
  }
}
