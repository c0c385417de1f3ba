import { pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker, type BrokerOptions, type SaslMechanism } from '@headrace/broker'
import {
  alterUserScramCredentials,
  apiVersions,
  describeUserScramCredentials,
  ERROR,
  metadata,
  saslAuthenticate,
  saslHandshake,
} from '@headrace/broker/protocol'
import type { Batch } from '@headrace/core'
import { SourceReader } from '@headrace/core/testing'
import { Kafka, type KafkaConfig, logLevel, Partitioners } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Authority, type Certificate, canMakeCertificates, certificateNeeds } from '../../support/certificates.ts'
import { KafkaPlaces } from '../support/kafka-places.ts'
import { RawClient } from './raw-client.ts'

const USERS = { alice: 'a pass:word, with = and ü', bob: 'builder' }
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

let folder: string
let authority: Authority
let serverCertificate: Certificate
let clientCertificate: Certificate
const opened: { close(): Promise<void> }[] = []

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'broker-security-'))
  if (!canMakeCertificates) return
  authority = await Authority.create(folder)
  serverCertificate = await authority.sign('broker')
  clientCertificate = await authority.sign('client')
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

interface Started {
  readonly broker: Broker
  readonly faults: string[]
  readonly addressOf: (protocol: string) => string
}

async function start(options: Partial<BrokerOptions>, dataDir = path.join(folder, randomUUID())): Promise<Started> {
  const faults: string[] = []
  const onError = (error: unknown) => faults.push(String(error))
  const broker = await Broker.start({ dataDir, onError, ...options })
  opened.push(broker)
  const addressOf = (protocol: string) => {
    const found = broker.listeners.find((each) => each.protocol === protocol)
    return `${found?.host}:${found?.port}`
  }
  return { broker, faults, addressOf }
}

function everyListener(clientAuth: 'none' | 'requested' | 'required' = 'none'): Partial<BrokerOptions> {
  const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
  const { certFile, keyFile } = serverCertificate
  return {
    listeners: protocols.map((protocol) => ({ protocol })),
    tls: { certFile, keyFile, caFile: authority.certFile, clientAuth },
    sasl: { users: USERS },
  }
}

function sasl(mechanism: SaslMechanism, username: keyof typeof USERS = 'alice', password: string = USERS[username]) {
  const kafkajsName = mechanism.toLowerCase() as 'plain'
  return { mechanism: kafkajsName, username, password }
}

const withCertificate = () => ({ ca: [authority.cert], cert: clientCertificate.cert, key: clientCertificate.key })

async function kafkaOf(options: KafkaConfig) {
  const kafka = new Kafka({ logLevel: logLevel.NOTHING, connectionTimeout: 2000, ...options, retry: { retries: 0 } })
  return kafka
}

/** What kafkajs says when it is not let in; fails where it is. */
async function refusal(options: KafkaConfig): Promise<string> {
  const admin = (await kafkaOf(options)).admin()
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
async function writeAndRead(options: KafkaConfig): Promise<void> {
  const kafka = await kafkaOf({ ...options, retry: { retries: 5 } })
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

describe('SASL in plain text', () => {
  const listeners = [{ protocol: 'SASL_PLAINTEXT' }] as const

  test.each(MECHANISMS)('kafkajs with %s writes and reads', async (mechanism) => {
    const { broker, faults } = await start({ listeners, sasl: { users: USERS } })
    await writeAndRead({ brokers: [broker.address], sasl: sasl(mechanism) })
    expect(faults).toEqual([])
  })

  test.each(MECHANISMS)('%s with a wrong password, and for a user who does not exist', async (mechanism) => {
    const { broker, faults } = await start({ listeners, sasl: { users: USERS } })
    const wrong = await refusal({ brokers: [broker.address], sasl: sasl(mechanism, 'alice', 'guessed') })
    const unknown = await refusal({
      brokers: [broker.address],
      sasl: { ...sasl(mechanism), username: 'mallory' },
    })
    expect(wrong).toMatch(/Authentication failed.*(invalid credentials|Invalid username or password)/)
    expect(unknown).toBe(wrong)
    expect(faults).toEqual([expect.stringMatching(/^ClientFault: the connection from 127\.0\.0\.1 was closed: Auth/)])
    expect(faults.join()).not.toContain('guessed')
  })

  test('a mechanism that is not enabled is refused, and those that are get named', async () => {
    const { broker, faults } = await start({ listeners, sasl: { users: USERS, mechanisms: ['SCRAM-SHA-512'] } })
    const message = await refusal({ brokers: [broker.address], sasl: sasl('PLAIN') })
    expect(message).toBe('The broker does not support the requested SASL mechanism')
    expect(faults).toEqual([expect.stringContaining('SASL mechanism "PLAIN" is not enabled')])
  })

  test('a client that does not authenticate is hung up on at its first request', async () => {
    const { broker, faults } = await start({ listeners, sasl: { users: USERS } })
    expect(await refusal({ brokers: [broker.address] })).toMatch(/Closed connection|closed/i)
    expect(faults).toEqual([expect.stringContaining('a request of API 3 came where SASL authentication was due')])
  })

  test('a plain text listener beside it still takes anybody, and each tells its own address', async () => {
    const { addressOf } = await start({
      listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT', advertisedHost: 'localhost' }],
      sasl: { users: USERS },
    })
    const described = async (options: KafkaConfig) => {
      const admin = (await kafkaOf(options)).admin()
      await admin.connect()
      const { brokers } = await admin.describeCluster()
      await admin.disconnect()
      return brokers.map(({ host, port }) => `${host}:${port}`)
    }
    const plain = addressOf('PLAINTEXT')
    const authenticated = addressOf('SASL_PLAINTEXT')
    expect(await described({ brokers: [plain] })).toEqual([plain])
    expect(await described({ brokers: [authenticated], sasl: sasl('SCRAM-SHA-256') })).toEqual([authenticated])
    expect(authenticated).toMatch(/^localhost:\d+$/)
    await writeAndRead({ brokers: [authenticated], sasl: sasl('PLAIN', 'bob') })
  })
})

describe('users made by clients', () => {
  const SHA_256 = 1
  const SHA_512 = 2
  const listeners = [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }] as const

  function saltedBy(password: string, mechanism: number) {
    const salt = randomBytes(16)
    const [bytes, hash] = mechanism === SHA_256 ? ([32, 'sha256'] as const) : ([64, 'sha512'] as const)
    return { mechanism, iterations: 8192, salt, saltedPassword: pbkdf2Sync(password, salt, 8192, bytes, hash) }
  }

  test('can log in, also after a restart; each refusal has its code', async () => {
    const dataDir = path.join(folder, randomUUID())
    const first = await start({ listeners, sasl: { users: USERS } }, dataDir)
    const raw = await RawClient.connect(first.addressOf('PLAINTEXT'))
    const { results } = await raw.ask(alterUserScramCredentials, 0, {
      deletions: [{ name: 'nobody', mechanism: SHA_256 }],
      upsertions: [
        { name: 'dave', ...saltedBy('of dave', SHA_256) },
        { name: 'dave', ...saltedBy('of dave', SHA_512) },
        { name: 'alice', ...saltedBy('mine now', SHA_256) },
        { name: 'weak', ...saltedBy('x', SHA_256), iterations: 4095 },
        { name: 'twice', ...saltedBy('x', SHA_256) },
        { name: 'twice', ...saltedBy('y', SHA_256) },
        { name: 'odd', ...saltedBy('x', SHA_256), mechanism: 3 },
      ],
    })
    expect(Object.fromEntries(results.map(({ user, errorCode }) => [user, errorCode]))).toEqual({
      nobody: ERROR.RESOURCE_NOT_FOUND,
      dave: ERROR.NONE,
      alice: ERROR.UNACCEPTABLE_CREDENTIAL,
      weak: ERROR.UNACCEPTABLE_CREDENTIAL,
      twice: ERROR.DUPLICATE_RESOURCE,
      odd: ERROR.UNSUPPORTED_SASL_MECHANISM,
    })
    raw.close()
    await first.broker.close()

    const second = await start({ listeners, sasl: {} }, dataDir)
    for (const mechanism of MECHANISMS)
      await writeAndRead({
        brokers: [second.addressOf('SASL_PLAINTEXT')],
        sasl: { ...sasl(mechanism), username: 'dave', password: 'of dave' },
      })
    const again = await RawClient.connect(second.addressOf('PLAINTEXT'))
    const all = await again.ask(describeUserScramCredentials, 0, { users: null })
    expect(all.results).toMatchObject([
      {
        user: 'dave',
        errorCode: ERROR.NONE,
        credentialInfos: [
          { mechanism: SHA_256, iterations: 8192 },
          { mechanism: SHA_512, iterations: 8192 },
        ],
      },
    ])
    const asked = await again.ask(describeUserScramCredentials, 0, { users: [{ name: 'alice' }] })
    expect(asked.results).toMatchObject([{ user: 'alice', errorCode: ERROR.RESOURCE_NOT_FOUND }])
    again.close()
  })
})

describe('what clients may say before they have authenticated', () => {
  const listeners = [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }] as const
  const plain = Buffer.from(`\0alice\0${USERS.alice}`)

  async function connected() {
    const { addressOf } = await start({ listeners, sasl: { users: USERS } })
    const client = await RawClient.connect(addressOf('SASL_PLAINTEXT'))
    opened.push({ close: async () => client.close() })
    return { client, addressOf }
  }

  test('ApiVersions, in an unknown version too; nothing is authenticated a second time', async () => {
    const { client } = await connected()
    const future = { ...apiVersions, versions: [0, 99] as const } as typeof apiVersions
    client.send(future, 99, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })
    expect((await client.receive(apiVersions, 0)).body.errorCode).toBe(ERROR.UNSUPPORTED_VERSION)
    expect((await client.ask(apiVersions, 0, {})).errorCode).toBe(ERROR.NONE)
    expect((await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })).errorCode).toBe(ERROR.NONE)
    const done = await client.ask(saslAuthenticate, 2, { authBytes: plain })
    expect(done).toMatchObject({ errorCode: ERROR.NONE, sessionLifetimeMs: 0 })
    expect((await client.ask(metadata, 12, { topics: [] })).brokers).toHaveLength(1)
    expect((await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })).errorCode).toBe(ERROR.ILLEGAL_SASL_STATE)
    const again = await client.ask(saslAuthenticate, 2, { authBytes: plain })
    expect(again.errorCode).toBe(ERROR.ILLEGAL_SASL_STATE)
  })

  test('requests that are sent along are answered once it is known who sends them, in order', async () => {
    const { client } = await connected()
    client.send(saslHandshake, 1, { mechanism: 'PLAIN' })
    client.send(saslAuthenticate, 1, { authBytes: plain })
    const ids = Array.from({ length: 30 }, () => client.send(metadata, 12, { topics: [] }))
    await client.receive(saslHandshake, 1)
    expect((await client.receive(saslAuthenticate, 1)).body.errorCode).toBe(ERROR.NONE)
    for (const id of ids) expect((await client.receive(metadata, 12)).correlationId).toBe(id)
  })

  test('the old handshake, behind which the messages have no headers', async () => {
    const { client } = await connected()
    expect((await client.ask(saslHandshake, 0, { mechanism: 'PLAIN' })).mechanisms).toEqual(MECHANISMS)
    const size = Buffer.alloc(4)
    size.writeInt32BE(plain.length)
    client.write(Buffer.concat([size, plain]))
    expect(await client.frame()).toEqual(Buffer.alloc(0))
    expect((await client.ask(metadata, 12, { topics: [] })).brokers).toHaveLength(1)
  })

  test.each([
    ['another request', (client: RawClient) => client.send(metadata, 12, { topics: [] })],
    ['a message without a handshake', (client: RawClient) => client.send(saslAuthenticate, 2, { authBytes: plain })],
    ['a request larger than a login needs', (client: RawClient) => client.write(Buffer.from([0, 8, 0, 1, 0]))],
  ])('not %s', async (_what, send) => {
    const { client } = await connected()
    send(client)
    await client.hungUp()
  })

  test('a login that fails is answered, then the connection ends', async () => {
    const { client } = await connected()
    await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' })
    const { errorCode, errorMessage } = await client.ask(saslAuthenticate, 2, { authBytes: Buffer.from('\0alice\0x') })
    expect(errorCode).toBe(ERROR.SASL_AUTHENTICATION_FAILED)
    expect(errorMessage).toBe('Authentication failed: Invalid username or password')
    await client.hungUp()
  })
})

describe.skipIf(!canMakeCertificates)(`TLS${certificateNeeds}`, () => {
  test('kafkajs writes and reads, with SASL and without, while others are in plain text', async () => {
    const { addressOf, faults } = await start(everyListener())
    const ssl = { ca: [authority.cert] }
    await writeAndRead({ brokers: [addressOf('PLAINTEXT')] })
    await writeAndRead({ brokers: [addressOf('SSL')], ssl })
    for (const mechanism of MECHANISMS)
      await writeAndRead({ brokers: [addressOf('SASL_SSL')], ssl, sasl: sasl(mechanism) })
    expect(faults).toEqual([])
  })

  test('a client without a certificate is refused where one is required, and only there', async () => {
    const required = await start(everyListener('required'))
    const requested = await start(everyListener('requested'))
    const address = required.addressOf('SSL')
    await writeAndRead({ brokers: [address], ssl: withCertificate() })
    await writeAndRead({ brokers: [requested.addressOf('SSL')], ssl: { ca: [authority.cert] } })
    expect(await refusal({ brokers: [address], ssl: { ca: [authority.cert] } })).toMatch(
      /certificate|closed|disconnect/i,
    )
    const stranger = await (await Authority.create(folder, 'stranger')).sign('stranger-client')
    const foreign = { ca: [authority.cert], cert: stranger.cert, key: stranger.key }
    expect(await refusal({ brokers: [address], ssl: foreign })).toMatch(/certificate|closed|unknown ca|disconnect/i)
    expect(required.faults[0]).toMatch(/the TLS handshake with 127\.0\.0\.1 failed: ERR_SSL_PEER_DID_NOT_RETURN/)
    expect(requested.faults).toEqual([])
  })

  test('a client that does not know the authority does not come', async () => {
    const { addressOf } = await start(everyListener())
    expect(await refusal({ brokers: [addressOf('SSL')], ssl: true })).toMatch(
      /self-signed|unable to verify|local issuer/,
    )
  })

  test('plain text on a TLS port, and TLS on a plain one: both sides end, the broker says why', async () => {
    const { addressOf, faults } = await start(everyListener())
    expect(await refusal({ brokers: [addressOf('SSL')] })).not.toBe('')
    expect(await refusal({ brokers: [addressOf('PLAINTEXT')], ssl: { ca: [authority.cert] } })).not.toBe('')
    expect(faults).toEqual([
      expect.stringContaining('the TLS handshake with 127.0.0.1 failed: it speaks plain text'),
      expect.stringContaining("a TLS handshake came to a listener for Kafka's protocol"),
    ])
  })
})

describe.skipIf(!canMakeCertificates)(`the adapter${certificateNeeds}`, () => {
  let started: Started
  let places: KafkaPlaces

  async function begin() {
    started = await start(everyListener())
    places = await KafkaPlaces.open(started.addressOf('PLAINTEXT'))
    opened.push(places)
  }
  const secured = (mechanism: SaslMechanism, password = USERS.alice) => ({
    sasl: { mechanism, username: 'alice', password },
    ssl: { ca: authority.cert },
  })
  type Overrides = { bootstrap: string; ssl?: unknown; sasl?: unknown }

  async function roundTrip(connection: Overrides): Promise<void> {
    const topic = await places.topic(1)
    const sink = places.sink({ topic }, { connection })
    const file = path.join(folder, `${topic}.ndjson`)
    await writeFile(file, '{"a":1}\n{"a":2}\n')
    const id = { pipeline: 'p', incarnation: 'i', sink: 'kafka', sequence: 1 }
    await sink.connect(new AbortController().signal)
    const schema = [{ name: 'a', type: 'BIGINT' }]
    const batch = { id, schema, files: [{ path: file, bytes: 16 }], rowCount: 2 } as unknown as Batch
    await sink.publish(batch, new AbortController().signal)
    await sink.close()
    const reader = await new SourceReader(places.source({ topic }, { connection })).begin()
    await reader.untilRecords(2)
    expect(reader.of(`${topic}/0`).map(({ value }) => value)).toEqual(['{"a":1}', '{"a":2}'])
    await reader.close()
  }

  async function refused(connection: Overrides) {
    const topic = await places.topic(1)
    const reading = new SourceReader(places.source({ topic }, { connection })).begin()
    const writing = places.sink({ topic }, { connection }).connect(new AbortController().signal)
    const outcomes = await Promise.allSettled([reading, writing])
    return outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : 'let in'))
  }

  test('writes and reads with every mechanism, with TLS and without', async () => {
    await begin()
    for (const mechanism of MECHANISMS) {
      await roundTrip({ bootstrap: started.addressOf('SASL_SSL'), ...secured(mechanism) })
      const { sasl: user } = secured(mechanism)
      await roundTrip({ bootstrap: started.addressOf('SASL_PLAINTEXT'), sasl: user })
    }
    await roundTrip({ bootstrap: started.addressOf('SSL'), ssl: { ca: authority.cert } })
    expect(started.faults).toEqual([])
  })

  test.each(MECHANISMS)('says what is wrong with a password: %s', async (mechanism) => {
    await begin()
    const errors = await refused({ bootstrap: started.addressOf('SASL_SSL'), ...secured(mechanism, 'guessed') })
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'KAFKA_AUTH_FAILED' })
      expect(error.message).toMatch(/invalid credentials|Invalid username or password/)
    }
  })

  test('says that TLS is missing, or is where it does not belong, or is of a stranger', async () => {
    await begin()
    const ssl = { ca: authority.cert }
    const [missing] = await refused({ bootstrap: started.addressOf('SSL') })
    expect(missing).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('does it want `ssl`') })
    const [unwanted] = await refused({ bootstrap: started.addressOf('PLAINTEXT'), ssl })
    expect(unwanted).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('does it speak TLS') })
    const [stranger] = await refused({ bootstrap: started.addressOf('SSL'), ssl: true })
    expect(stranger).toMatchObject({ code: 'KAFKA_AUTH_FAILED', message: expect.stringContaining('certificate') })
    const [anonymous] = await refused({ bootstrap: started.addressOf('SASL_SSL'), ssl })
    expect(anonymous).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('want `sasl`') })
    const [unasked] = await refused({ bootstrap: started.addressOf('SSL'), ...secured('SCRAM-SHA-256') })
    expect(unasked).toMatchObject({ code: 'KAFKA_AUTH_FAILED', message: expect.stringContaining('SASL') })
  })
})
