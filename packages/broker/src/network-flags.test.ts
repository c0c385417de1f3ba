import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NETWORK_FLAGS, networkOptionsOf } from './network-flags.ts'
import { Network } from './server/network.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'network-flags-'))
})
afterAll(() => rm(folder, { recursive: true }))

const parse = (...args: string[]) => networkOptionsOf(parseArgs({ args, options: NETWORK_FLAGS }).values)

test('listeners, what they advertise, TLS, users and limits', async () => {
  const usersFile = path.join(folder, 'users')
  await writeFile(usersFile, '# who may come\nalice:with:colon\r\n\nbob: x\n')
  const options = await parse(
    ...['--listeners', 'PLAINTEXT://127.0.0.1:0, SASL_SSL://:9094,SSL://[::1]:9095'],
    ...['--advertised-listeners', 'SASL_SSL://kafka.example:19094', '--tls-cert', 'c', '--tls-key', 'k'],
    ...[
      '--users-file',
      usersFile,
      '--user',
      'carol:c',
      '--sasl-mechanisms',
      'SCRAM-SHA-512',
      '--max-handshake-ms',
      '7',
    ],
  )
  expect(options).toEqual({
    listeners: [
      { protocol: 'PLAINTEXT', host: '127.0.0.1', port: 0 },
      {
        protocol: 'SASL_SSL',
        host: '0.0.0.0',
        port: 9094,
        advertisedHost: 'kafka.example',
        advertisedPort: 19_094,
      },
      { protocol: 'SSL', host: '::1', port: 9095 },
    ],
    tls: { certFile: 'c', keyFile: 'k' },
    sasl: { mechanisms: ['SCRAM-SHA-512'], users: { alice: 'with:colon', bob: ' x', carol: 'c' } },
    limits: { maxHandshakeMs: 7 },
  })
  expect(await parse('--port', '9092')).toEqual({ port: 9092 })
})

describe('what is refused', () => {
  test.each([
    [['--port', '70000'], /--port must be a whole number/],
    [['--listeners', 'HTTP://x:1'], /"HTTP:\/\/x:1" is not PROTOCOL:\/\/host:port, with one of PLAINTEXT/],
    [['--listeners', 'SSL://x:1', '--advertised-listeners', 'PLAINTEXT://y:2'], /PLAINTEXT is advertised, but/],
    [['--advertised-listeners', 'PLAINTEXT://y:2'], /is for a broker with --listeners/],
    [['--tls-cert', 'c'], /both --tls-cert and --tls-key/],
    [['--tls-cert', 'c', '--tls-key', 'k', '--tls-client-auth', 'maybe'], /one of none, requested, required/],
    [['--sasl-mechanisms', 'GSSAPI'], /"GSSAPI" is none of PLAIN/],
    [['--user', 'secret'], /^--user is not user:password$/],
    [['--users-file', '/nonexistent/users'], /cannot be read/],
    [['--max-handshake-ms', '0'], /--max-handshake-ms must be a whole number from 1/],
  ])('%j', async (args, message) => {
    await expect(parse(...args)).rejects.toMatchObject({ code: 'BROKER_OPTIONS_INVALID', message: expect.anything() })
    await expect(parse(...args)).rejects.toThrow(message)
  })

  test.each([
    [['--listeners', 'SSL://127.0.0.1:0'], /SSL needs a certificate and a key/],
    [['--listeners', 'SASL_PLAINTEXT://127.0.0.1:0'], /needs to be told who may authenticate/],
    [['--listeners', 'PLAINTEXT://:0'], /listens on every address/],
    [['--listeners', 'PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0'], /two listeners for PLAINTEXT/],
    [['--listeners', 'PLAINTEXT://127.0.0.1:0', '--port', '1'], /without listeners/],
    [['--tls-cert', '/nonexistent', '--tls-key', 'k'], /TLS cannot be set up: .*nonexistent.* cannot be read/],
  ])('by the broker: %j', async (args, message) => {
    await expect(Network.listen(await parse(...args), () => undefined)).rejects.toThrow(message)
  })
})
