import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CredentialStore } from './credential-store.ts'
import { SCRAM, type ScramMechanism } from './mechanisms.ts'
import { PlainExchange } from './plain-exchange.ts'
import { SaslRefusal } from './sasl-refusal.ts'
import { credentialOf, deriveCredential } from './scram-credential.ts'
import { ScramExchange } from './scram-exchange.ts'

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'credentials-'))
})
afterAll(() => rm(dataDir, { recursive: true }))

const store = () => CredentialStore.open(dataDir, { 'odd=name,here': 'pencil', alice: 'secret' })

/** The client's side of RFC 5802, as far as a test needs it: gives its last message. */
function clientFinal(
  mechanism: ScramMechanism,
  password: string,
  clientFirstBare: string,
  serverFirst: string,
  beforeNonce = '',
) {
  const { hash, hashBytes } = SCRAM[mechanism]
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? []
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), hashBytes, hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  const withoutProof = `c=biws,r=${beforeNonce}${nonce}`
  const authMessage = `${clientFirstBare},${serverFirst},${withoutProof}`
  const storedKey = createHash(hash).update(clientKey).digest()
  const signature = createHmac(hash, storedKey).update(authMessage).digest()
  const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))
  const verifier = createHmac(hash, createHmac(hash, salted).update('Server Key').digest()).update(authMessage)
  return {
    message: `${withoutProof},p=${Buffer.from(proof).toString('base64')}`,
    verifier: `v=${verifier.digest('base64')}`,
  }
}

async function authenticate(mechanism: ScramMechanism, name: string, password: string, beforeNonce = '') {
  const exchange = new ScramExchange(mechanism, await store())
  const bare = `n=${name},r=${randomBytes(9).toString('base64url')}`
  const first = await exchange.respond(Buffer.from(`n,,${bare}`))
  const { message, verifier } = clientFinal(mechanism, password, bare, first.bytes.toString(), beforeNonce)
  const last = await exchange.respond(Buffer.from(message))
  return { user: last.user, bytes: last.bytes.toString(), verifier, serverFirst: first.bytes.toString() }
}

test('the credential of the example in RFC 7677 makes its proof and its signature', async () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
  const bare = 'n=user,r=rOprNGfwEbeRWgbNEkqO'
  const serverFirst = `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
  const { message, verifier } = clientFinal('SCRAM-SHA-256', 'pencil', bare, serverFirst)
  expect(message).toBe(`c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)
  expect(verifier).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const { serverKey } = await deriveCredential('SCRAM-SHA-256', 'pencil', { salt })
  const signed = createHmac('sha256', serverKey).update(`${bare},${serverFirst},c=biws,r=${nonce}`).digest('base64')
  expect(`v=${signed}`).toBe(verifier)
})

describe.each(['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('%s', (mechanism) => {
  test('lets in who knows the password, and proves that the server knows it too', async () => {
    const { user, bytes, verifier } = await authenticate(mechanism, 'odd=3Dname=2Chere', 'pencil')
    expect(user).toBe('odd=name,here')
    expect(bytes).toBe(verifier)
  })

  test('lets in who puts something before the nonce, as older clients do', async () => {
    const { user, bytes, verifier } = await authenticate(mechanism, 'alice', 'secret', 'abc')
    expect([user, bytes]).toEqual(['alice', verifier])
  })

  test('asks a user who does not exist like any other, the same each time', async () => {
    const saltOf = async (name: string) => {
      const exchange = new ScramExchange(mechanism, await store())
      const { bytes } = await exchange.respond(Buffer.from(`n,,n=${name},r=abc`))
      return /^r=abc[^,]{20,},s=([^,]{44}),i=4096$/.exec(bytes.toString())?.[1]
    }
    expect(await saltOf('nobody')).toBeDefined()
    expect(await saltOf('nobody')).toBe(await saltOf('nobody'))
    expect(await saltOf('alice')).toBe(await saltOf('alice'))
    expect(new Set([await saltOf('nobody'), await saltOf('alice')]).size).toBe(2)
    await expect(authenticate(mechanism, 'nobody', 'secret')).rejects.toThrow(/invalid credentials/)
    await expect(authenticate(mechanism, 'alice', 'Secret')).rejects.toThrow(/invalid credentials/)
  })

  test.each([
    ['nothing', ''],
    ['no nonce', 'n,,n=alice'],
    ['channel binding', 'p=tls-unique,,n=alice,r=abc'],
    ['a name that is not encoded', 'n,,n=a=b,r=abc'],
    ["another user's rights", 'n,a=bob,n=alice,r=abc'],
  ])('refuses %s in the first message', async (_what, message) => {
    const exchange = new ScramExchange(mechanism, await store())
    await expect(exchange.respond(Buffer.from(message))).rejects.toThrow(SaslRefusal)
  })

  test.each([
    ['another nonce', (text: string) => text.replace(',p=', 'x,p=')],
    ['another channel binding', (text: string) => text.replace('c=biws', 'c=eSws')],
    ['no proof', (text: string) => text.replace(/,p=.*/, '')],
    ['a short proof', (text: string) => text.replace(/,p=.*/, ',p=AAAA')],
  ])('refuses %s in the last message', async (_what, change) => {
    const exchange = new ScramExchange(mechanism, await store())
    const first = await exchange.respond(Buffer.from('n,,n=alice,r=abc'))
    const { message } = clientFinal(mechanism, 'secret', 'n=alice,r=abc', first.bytes.toString())
    await expect(exchange.respond(Buffer.from(change(message)))).rejects.toThrow(SaslRefusal)
  })
})

describe('PLAIN', () => {
  const respond = async (message: string) => (await new PlainExchange(await store()).respond(Buffer.from(message))).user

  test('lets in who knows the password', async () => {
    expect(await respond('\0alice\0secret')).toBe('alice')
    expect(await respond('alice\0alice\0secret')).toBe('alice')
  })

  test.each([
    '',
    'alice',
    '\0alice',
    '\0alice\0',
    '\0\0secret',
    '\0alice\0secret\0',
    '\0alice\0x',
    'bob\0alice\0secret',
  ])('refuses %j', async (message) => {
    await expect(respond(message)).rejects.toThrow(SaslRefusal)
  })
})

describe('the store', () => {
  const saltedBy = (password: string) => {
    const salt = randomBytes(16)
    const saltedPassword = pbkdf2Sync(password, salt, 5000, 32, 'sha256')
    return credentialOf('SCRAM-SHA-256', { salt, iterations: 5000, saltedPassword })
  }

  test('keeps what clients make, for its owner alone and without passwords; declared users are not in it', async () => {
    const first = await store()
    const mechanism = 'SCRAM-SHA-256'
    await Promise.all(
      ['carol', '__proto__'].map((user) => first.alter([{ user, mechanism, credential: saltedBy(`of ${user}`) }])),
    )
    const again = await CredentialStore.open(dataDir, {})
    expect(again.users.sort()).toEqual(['__proto__', 'carol'])
    expect(await again.isPassword('carol', 'of carol')).toBe(true)
    expect(await again.isPassword('__proto__', 'of __proto__')).toBe(true)
    expect(await again.isPassword('carol', 'of alice')).toBe(false)
    const file = path.join(dataDir, 'scram-credentials.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).not.toMatch(/of carol|alice|secret/)
    await again.alter([{ user: 'carol', mechanism, credential: null }])
    expect((await CredentialStore.open(dataDir)).users).toEqual(['__proto__'])
  })

  test('does not let clients change declared users', async () => {
    const opened = await store()
    expect(() => opened.checkAlterable('alice')).toThrow('declared')
    expect(() => opened.checkAlterable('')).toThrow('empty')
    expect(() => opened.checkAlterable('carol')).not.toThrow()
  })
})
