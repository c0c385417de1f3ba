import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker, type BrokerOptions, type SaslMechanism } from '@headrace/broker'
import { Kafka, type KafkaConfig, logLevel, Partitioners } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { Authority, type Certificate, canMakeCertificates } from '../../../support/certificates.ts'

export const USERS = { alice: 'a pass:word, with = and ü', bob: 'builder' }
export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export interface Started {
  readonly broker: Broker
  readonly faults: string[]
  readonly addressOf: (protocol: string) => string
}

/** Brokers that want to know who comes, each for one test, and certificates for all tests of a file. */
export class SecurityScene {
  readonly #opened: { close(): Promise<void> }[] = []
  folder = ''
  authority!: Authority
  #server!: Certificate
  #client!: Certificate

  /** To be called outside of the tests. */
  static open(): SecurityScene {
    const scene = new SecurityScene()
    beforeAll(async () => {
      scene.folder = await mkdtemp(path.join(tmpdir(), 'broker-security-'))
      if (!canMakeCertificates) return
      scene.authority = await Authority.create(scene.folder)
      scene.#server = await scene.authority.sign('broker')
      scene.#client = await scene.authority.sign('client')
    })
    afterAll(() => rm(scene.folder, { recursive: true }))
    afterEach(async () => {
      for (const one of scene.#opened.splice(0).reverse()) await one.close()
    })
    return scene
  }

  async start(options: Partial<BrokerOptions>, dataDir = path.join(this.folder, randomUUID())): Promise<Started> {
    const faults: string[] = []
    const onError = (error: unknown) => faults.push(String(error))
    const broker = this.closing(await Broker.start({ dataDir, onError, ...options }))
    const addressOf = (protocol: string) => {
      const found = broker.listeners.find((each) => each.protocol === protocol)
      return `${found?.host}:${found?.port}`
    }
    return { broker, faults, addressOf }
  }

  /** Closed when the test is over. */
  closing<T extends { close(): Promise<void> }>(one: T): T {
    this.#opened.push(one)
    return one
  }

  everyListener(clientAuth: 'none' | 'requested' | 'required' = 'none'): Partial<BrokerOptions> {
    const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
    const { certFile, keyFile } = this.#server
    return {
      listeners: protocols.map((protocol) => ({ protocol })),
      tls: { certFile, keyFile, caFile: this.authority.certFile, clientAuth },
      sasl: { users: USERS },
    }
  }

  withCertificate() {
    return { ca: [this.authority.cert], cert: this.#client.cert, key: this.#client.key }
  }
}

/** A login as kafkajs takes it. */
export function sasl(
  mechanism: SaslMechanism,
  username: keyof typeof USERS = 'alice',
  password: string = USERS[username],
) {
  const kafkajsName = mechanism.toLowerCase() as 'plain'
  return { mechanism: kafkajsName, username, password }
}

export function kafkaOf(options: KafkaConfig): Kafka {
  return new Kafka({ logLevel: logLevel.NOTHING, connectionTimeout: 2000, ...options, retry: { retries: 0 } })
}

/** What kafkajs says when it is not let in; fails where it is. */
export async function refusal(options: KafkaConfig): Promise<string> {
  const admin = kafkaOf(options).admin()
  try {
    await admin.connect()
    await admin.listTopics()
  } catch (error) {
    return (error as Error).message
  } finally {
    await admin.disconnect()
  }
  throw new Error('the client was let in')
}

/** Writes a message and reads it back through another connection. */
export async function writeAndRead(options: KafkaConfig): Promise<void> {
  const kafka = kafkaOf({ ...options, retry: { retries: 5 } })
  const topic = `t-${randomUUID()}`
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const consumer = kafka.consumer({ groupId: topic })
  try {
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'secret' }] })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const value = await new Promise((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => resolve(String(message.value))
      consumer.run({ eachMessage }).catch(reject)
    })
    expect(value).toBe('secret')
  } finally {
    await consumer.disconnect()
    await producer.disconnect()
  }
}
