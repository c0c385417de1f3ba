import { apiVersions, ERROR, metadata, saslAuthenticate, saslHandshake } from '@headrace/broker/protocol'
import { describe, expect, test } from 'vitest'
import { RawClient } from '../raw-client.ts'
import { MECHANISMS, SecurityScene, USERS } from './scene.ts'

const scene = SecurityScene.open()

describe('what clients may say before they have authenticated', () => {
  const listeners = [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }] as const
  const plain = Buffer.from(`\0alice\0${USERS.alice}`)

  async function connected() {
    const { addressOf } = await scene.start({ listeners, sasl: { users: USERS } })
    const client = await RawClient.connect(addressOf('SASL_PLAINTEXT'))
    scene.closing({ close: async () => client.close() })
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
