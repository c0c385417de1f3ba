import { pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto'
import path from 'node:path'
import { alterUserScramCredentials, describeUserScramCredentials, ERROR } from '@headrace/broker/protocol'
import type { KafkaConfig } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { RawClient } from '../raw-client.ts'
import { kafkaOf, MECHANISMS, refusal, SecurityScene, sasl, USERS, writeAndRead } from './scene.ts'

const scene = SecurityScene.open()

describe('SASL in plain text', () => {
  const listeners = [{ protocol: 'SASL_PLAINTEXT' }] as const

  test.each(MECHANISMS)('kafkajs with %s writes and reads', async (mechanism) => {
    const { broker, faults } = await scene.start({ listeners, sasl: { users: USERS } })
    await writeAndRead({ brokers: [broker.address], sasl: sasl(mechanism) })
    expect(faults).toEqual([])
  })

  test.each(MECHANISMS)('%s with a wrong password, and for a user who does not exist', async (mechanism) => {
    const { broker, faults } = await scene.start({ listeners, sasl: { users: USERS } })
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
    const { broker, faults } = await scene.start({ listeners, sasl: { users: USERS, mechanisms: ['SCRAM-SHA-512'] } })
    const message = await refusal({ brokers: [broker.address], sasl: sasl('PLAIN') })
    expect(message).toBe('The broker does not support the requested SASL mechanism')
    expect(faults).toEqual([expect.stringContaining('SASL mechanism "PLAIN" is not enabled')])
  })

  test('a client that does not authenticate is hung up on at its first request', async () => {
    const { broker, faults } = await scene.start({ listeners, sasl: { users: USERS } })
    expect(await refusal({ brokers: [broker.address] })).toMatch(/Closed connection|closed/i)
    expect(faults).toEqual([expect.stringContaining('a request of API 3 came where SASL authentication was due')])
  })

  test('a plain text listener beside it still takes anybody, and each tells its own address', async () => {
    const { addressOf } = await scene.start({
      listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT', advertisedHost: 'localhost' }],
      sasl: { users: USERS },
    })
    const described = async (options: KafkaConfig) => {
      const admin = kafkaOf(options).admin()
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
    const dataDir = path.join(scene.folder, randomUUID())
    const first = await scene.start({ listeners, sasl: { users: USERS } }, dataDir)
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

    const second = await scene.start({ listeners, sasl: {} }, dataDir)
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
