import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Authority, type Certificate, canMakeCertificates, certificateNeeds } from '../../support/certificates.ts'
import { commandLine } from '../../support/command-line.ts'
import { HeadraceProcess, headrace } from '../../support/headrace-process.ts'
import { type Expected, expectMistake, expectNoTrace } from '../../support/mistakes.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { closedPort } from './scene.ts'

const folder = temporaryFolder('headrace-kafka-mistakes-')
let broker: Broker
let authority: Authority
let certificate: Certificate
const PASSWORD = 'secret, with spaces'

const address = (protocol: string) => {
  const found = broker.listeners.find((each) => each.protocol === protocol)
  return `${found?.host}:${found?.port}`
}
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => commandLine(args, env)
const plain = () => ({ HEADRACE_BOOTSTRAP: address('PLAINTEXT') })

beforeAll(async () => {
  const secured = async () => {
    authority = await Authority.create(folder())
    certificate = await authority.sign('broker')
    const { certFile, keyFile } = certificate
    return {
      listeners: (['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const).map((protocol) => ({ protocol })),
      tls: { certFile, keyFile, caFile: authority.certFile, clientAuth: 'requested' as const },
      sasl: { users: { alice: PASSWORD } },
    }
  }
  broker = await Broker.start({
    dataDir: path.join(folder(), 'broker'),
    // What a client does wrong is what these tests are about.
    onError: () => undefined,
    ...(canMakeCertificates ? await secured() : {}),
  })
  expect((await run(['topics', 'create', 'trades', 'users', '--partitions', '2'], plain())).code).toBe(0)
})
afterAll(() => broker?.close())

describe('which cluster', () => {
  test('none is named anywhere', async () => {
    const ended = await headrace(['topics', 'list'], { cwd: folder() })
    expectMistake(ended, {
      code: 'KAFKA_ADDRESS_MISSING',
      message: 'no Kafka cluster is named, and no embedded broker is running for .headrace',
      hint: /^Give --bootstrap host:port or --profile NAME, set HEADRACE_BOOTSTRAP, or start a broker with `headrace dev`/,
    })
  })

  test('nobody listens there', async () => {
    const port = await closedPort()
    expectMistake(await run(['groups', 'list', '--bootstrap', `127.0.0.1:${port}`]), {
      code: 'KAFKA_UNREACHABLE',
      message: `cannot reach Kafka at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
      hint: /or as --bootstrap\? `headrace dev` starts a local one/,
    })
  })

  test('a variable that holds no address', async () => {
    expectMistake(await run(['topics', 'list'], { HEADRACE_BOOTSTRAP: 'http://kafka:9092' }), {
      code: 'KAFKA_FLAGS_UNFIT',
      message: '"http://kafka:9092" in HEADRACE_BOOTSTRAP is not host:port',
      hint: /^Write host:port/,
    })
  })

  test('a profile: of headrace.yaml, of the user’s own, and one that is nowhere', async () => {
    const desk = path.join(folder(), 'desk')
    const home = path.join(folder(), 'config')
    await Promise.all([mkdir(desk), mkdir(path.join(home, 'headrace'), { recursive: true })])
    const declared = (name: string) => `connections:\n  ${name}: { kafka: { bootstrap: "${address('PLAINTEXT')}" } }\n`
    await writeFile(path.join(desk, 'headrace.yaml'), declared('here'))
    await writeFile(path.join(home, 'headrace', 'headrace.yaml'), declared('mine'))
    const list = (name: string) =>
      headrace(['topics', 'list', '--json', '--profile', name], { cwd: desk, env: { XDG_CONFIG_HOME: home } })
    const [here, mine, nowhere] = await Promise.all([list('here'), list('mine'), list('prod')])
    expect(JSON.parse(here.stdout).topics).toHaveLength(2)
    expect(JSON.parse(mine.stdout).topics).toHaveLength(2)
    expect(JSON.parse(nowhere.stderr).error).toMatchObject({
      code: 'KAFKA_PROFILE_UNKNOWN',
      hint: expect.stringContaining('There is "here", "mine".'),
    })
  })
})

describe('what does not exist', () => {
  test.each([
    ['topics', 'describe', 'trade'],
    ['topics', 'delete', 'trade'],
    ['topics', 'alter', 'trade', '--partitions', '9'],
    ['consume', 'trade', '--until-end'],
    ['consume', 'trade', '--group', 'g'],
    ['produce', 'trade', '--file', '/dev/null'],
    ['groups', 'reset', 'g', '--to', 'latest', '--topic', 'trade'],
  ])('%j names the topic that is like it', async (...args) => {
    expectMistake(await run(args, plain()), {
      code: 'TOPIC_UNKNOWN',
      message: 'topic "trade" does not exist',
      hint: 'Did you mean "trades"? `headrace topics create trade` makes a new one.',
    })
  })

  test.each<[string[], Expected]>([
    [
      ['consume', 'trades', '--partition', '2', '--until-end'],
      { code: 'PARTITION_UNKNOWN', message: /has no partition 2: it has 2/, hint: /^Name a partition that is there/ },
    ],
    [
      ['produce', 'trades', '--partition', '7', '--file', '/dev/null'],
      { code: 'PARTITION_UNKNOWN', message: /has no partition 7: it has 2/, hint: /^Name a partition that is there/ },
    ],
    [
      ['produce', 'trades', '--file', 'no-such-file'],
      { code: 'KAFKA_FILE_UNREADABLE', message: /^the file of --file cannot be read: no-such-file/, hint: /^Check/ },
    ],
    [
      ['produce', 'trades', '--file', '/'],
      {
        code: 'KAFKA_FILE_UNREADABLE',
        message: 'the file of --file cannot be read: /: it is a folder',
        hint: /^Check/,
      },
    ],
    [
      ['topics', 'alter', 'trades', '--delete-config', 'retentoin.ms'],
      {
        code: 'TOPIC_CONFIG_UNKNOWN',
        message: 'topic "trades" has no config "retentoin.ms"',
        hint: 'Did you mean "retention.ms"?',
      },
    ],
    [
      ['topics', 'alter', 'trades', '--config', 'colour=blue'],
      { code: 'TOPIC_CONFIG_UNKNOWN', message: /no config "colour"/, hint: /describe trades --all-configs/ },
    ],
    [
      ['groups', 'delete', 'nobody'],
      { code: 'GROUP_UNKNOWN', message: 'group "nobody" does not exist', hint: /groups list/ },
    ],
    [
      ['topics', 'create', 'bad/name'],
      {
        code: 'KAFKA_REQUEST_FAILED',
        message: /refuses to create topic "bad\/name": INVALID_TOPIC_EXCEPTION/,
        hint: /./,
      },
    ],
    [
      ['topics', 'create', 'x', '--config', 'retention.ms=soon'],
      { code: 'KAFKA_REQUEST_FAILED', message: /refuses to create topic "x": INVALID_CONFIG/, hint: /./ },
    ],
    [
      ['topics', 'alter', 'trades', '--partitions', '1'],
      { code: 'KAFKA_REQUEST_FAILED', message: /1 partition: INVALID_PARTITIONS/, hint: /./ },
    ],
    [
      ['consume', 'trades', '--group', 'g', '--from', '5'],
      { code: 'KAFKA_FLAGS_UNFIT', message: /--from can be earliest or latest only/, hint: /groups reset g/ },
    ],
  ])('%j', async (args, expected) => {
    expectMistake(await run(args, plain()), expected)
  })

  test('wrongly called: exit code 2, and the help is pointed at', async () => {
    for (const args of [
      ['consume'],
      ['consume', 'trades', '--from', 'soon'],
      ['produce', 'trades', '--partition', '-1'],
      ['groups', 'reset', 'g'],
      ['topics', 'list', '--bootstrap', 'host:port'],
      ['topics', 'list', '--sasl', 'kerberos'],
    ]) {
      const ended = await run(args, plain())
      expect(ended.code, ended.stderr).toBe(2)
      expect(ended.stderr).toMatch(/^error: .*\n\(--help says what there is\)/)
    }
  })

  test.skipIf(process.platform !== 'linux')('a full disk behind the output (needs Linux)', async () => {
    const settings = { cwd: folder(), env: plain(), within: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'] }
    for (const args of [['topics', 'list'], ['topics', 'list', '--json'], ['--help']]) {
      const ended = await headrace(args, settings)
      expectNoTrace(ended)
      expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('ENOSPC')])
    }
  })

  test('with --json the mistake is a document too', async () => {
    const { code, stdout, stderr } = await run(['topics', 'describe', 'trade', '--json'], plain())
    expect([code, stdout]).toEqual([1, ''])
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'TOPIC_UNKNOWN', message: expect.any(String) })
  })
})

describe(`logins and TLS${certificateNeeds}`, () => {
  const list = (protocol: string, args: readonly string[], password?: string) =>
    run(
      ['topics', 'list', '--bootstrap', address(protocol), ...args],
      password === undefined ? {} : { HEADRACE_KAFKA_PASSWORD: password },
    )
  const login = (mechanism: string) => ['--sasl', mechanism, '--username', 'alice']

  test.skipIf(!canMakeCertificates)('every mechanism, with and without TLS', async () => {
    const client = await authority.sign('client')
    const tls = ['--ca', authority.certFile]
    const ways: [string, string[]][] = [
      ['SSL', tls],
      ['SSL', [...tls, '--cert', client.certFile, '--cert-key', client.keyFile]],
      ['SSL', ['--tls', '--insecure']],
      ...['plain', 'scram-sha-256', 'scram-sha-512'].flatMap((mechanism): [string, string[]][] => [
        ['SASL_PLAINTEXT', login(mechanism)],
        ['SASL_SSL', [...tls, ...login(mechanism)]],
      ]),
    ]
    for (const [protocol, args] of ways) {
      const ended = await list(protocol, args, PASSWORD)
      expect(ended.code, `${protocol} ${args.join(' ')}: ${ended.stderr}`).toBe(0)
      expect(ended.stdout).toMatch(/^trades /m)
    }
  })

  test.skipIf(!canMakeCertificates)('produce and consume go the same way, as a member of a group too', async () => {
    const file = path.join(folder(), 'secret.txt')
    await writeFile(file, 'one\ntwo\n')
    const passwordFile = path.join(folder(), 'password')
    await writeFile(passwordFile, `${PASSWORD}\n`)
    const way = ['--bootstrap', address('SASL_SSL'), '--ca', authority.certFile, ...login('scram-sha-512')]
    const flags = [...way, '--password-file', passwordFile]
    expect((await run(['produce', 'users', '--partition', '0', '--file', file, ...flags])).code).toBe(0)
    const alone = await run(['consume', 'users', '--until-end', ...flags])
    expect([alone.code, alone.stdout, alone.stderr]).toEqual([0, 'one\ntwo\n', ''])
    const member = await run(['consume', 'users', '--group', 'secured', '--count', '2', ...flags])
    expect([member.code, member.stdout, member.stderr]).toEqual([0, 'one\ntwo\n', ''])
  })

  const wrong = (mechanism: string): [string, string, string[], string | undefined, Expected] => [
    `a wrong password by ${mechanism}`,
    'SASL_PLAINTEXT',
    login(mechanism),
    'not it',
    { code: 'KAFKA_AUTH_FAILED', message: /refuses the connection: Authentication failed/, hint: /--username/ },
  ]
  test.skipIf(!canMakeCertificates).each<[string, string, string[], string | undefined, Expected]>([
    ...['plain', 'scram-sha-256', 'scram-sha-512'].map(wrong),
    [
      'no login where one is wanted',
      'SASL_PLAINTEXT',
      [],
      undefined,
      {
        code: 'KAFKA_SECURITY_MISMATCH',
        message: /hangs up .* want a login$/,
        hint: /^Add --sasl plain, scram-sha-256/,
      },
    ],
    [
      'a login where none is taken',
      'PLAINTEXT',
      login('plain'),
      PASSWORD,
      { code: 'KAFKA_SECURITY_MISMATCH', message: /does not take this login/, hint: /^Leave --sasl out/ },
    ],
    [
      'plain text where TLS is wanted',
      'SSL',
      [],
      undefined,
      {
        code: 'KAFKA_SECURITY_MISMATCH',
        message: /as brokers do that want TLS$/,
        hint: /^Add --tls \(with --ca FILE/,
      },
    ],
    [
      'a login in plain text where TLS is wanted',
      'SASL_SSL',
      login('plain'),
      PASSWORD,
      { code: 'KAFKA_SECURITY_MISMATCH', message: /as brokers do that want TLS$/, hint: /^Add --tls/ },
    ],
    [
      'TLS where none is spoken',
      'PLAINTEXT',
      ['--tls'],
      undefined,
      { code: 'KAFKA_SECURITY_MISMATCH', message: /does not speak TLS on this port$/, hint: /^Leave --tls out/ },
    ],
    [
      'an authority that nobody knows',
      'SSL',
      ['--tls'],
      undefined,
      { code: 'KAFKA_SECURITY_MISMATCH', message: /certificate cannot be trusted$/, hint: /^Give --ca FILE/ },
    ],
  ])('%s', async (_, protocol, args, password, expected) => {
    expectMistake(await list(protocol, args, password), expected)
  })

  test.each<[string[], Expected]>([
    [['--sasl', 'plain'], { code: 'KAFKA_FLAGS_UNFIT', message: '--sasl needs a user', hint: /--username/ }],
    [['--username', 'alice'], { code: 'KAFKA_FLAGS_UNFIT', message: /needs a mechanism/, hint: /--sasl/ }],
    [['--cert', 'c.pem'], { code: 'KAFKA_FLAGS_UNFIT', message: /go together/, hint: /--cert-key/ }],
    [
      [...login('plain'), '--password-env', 'NO_SUCH_VARIABLE'],
      { code: 'KAFKA_FLAGS_UNFIT', message: /NO_SUCH_VARIABLE of --password-env is not set/, hint: /--password-file/ },
    ],
    [['--ca', '/dev/null'], { code: 'KAFKA_FILE_UNREADABLE', message: /holds no certificate in PEM$/, hint: /^Check/ }],
    [['--ca', 'missing.pem'], { code: 'KAFKA_FILE_UNREADABLE', message: /^the file of --ca/, hint: /^Check the path/ }],
  ])('%j', async (args, expected) => {
    expectMistake(await run(['topics', 'list', '--bootstrap', address('PLAINTEXT'), ...args]), expected)
  })

  test.skipIf(process.platform !== 'linux')('no password, and no terminal to ask at (needs Linux)', async () => {
    const args = ['topics', 'list', '--bootstrap', address('PLAINTEXT'), ...login('plain')]
    // A session of its own has no terminal, wherever the tests run.
    const running = new HeadraceProcess(args, { cwd: folder(), within: ['setsid', '--wait'] })
    expectMistake(await running.ended(), {
      code: 'KAFKA_PASSWORD_MISSING',
      message: 'there is no password for the user "alice", and no terminal to ask for one',
      hint: /^Set HEADRACE_KAFKA_PASSWORD/,
    })
  })
})
