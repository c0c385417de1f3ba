import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HeadraceError } from '../errors/index.ts'
import type { LogLine } from '../model/index.ts'
import { type ConnectionOptions, loadConnections } from './connections.ts'
import { adapters } from './fixtures/adapters.ts'

let root: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'headrace-connections-')))
})
afterEach(() => rm(root, { recursive: true, force: true }))

function load(options: Partial<ConnectionOptions> = {}) {
  return loadConnections({
    adapters,
    directory: root,
    upTo: root,
    dataDirectory: join(root, 'data'),
    environment: {},
    ...options,
  })
}

async function declare(text: string, folder = root): Promise<string> {
  const file = join(folder, 'headrace.yaml')
  await mkdir(folder, { recursive: true })
  await writeFile(file, text)
  return file
}

async function devFile(content: unknown): Promise<void> {
  await mkdir(join(root, 'data'), { recursive: true })
  await writeFile(join(root, 'data', 'dev.json'), typeof content === 'string' ? content : JSON.stringify(content))
}

/** What a call throws; fails the test where it throws nothing. */
async function thrownBy(call: () => unknown): Promise<HeadraceError> {
  try {
    await call()
  } catch (error) {
    return error as HeadraceError
  }
  throw new Error('nothing was thrown')
}

describe('a declared connection', () => {
  test('is checked, with defaults, and filled in from the environment and from files beside it', async () => {
    await writeFile(join(root, 'secret'), 'hunter2\n')
    const file = await declare(`\
connections:
  stream:
    stream:
      bootstrap: \${env:BOOTSTRAP}
      port: \${env:PORT}
      password: \${file:secret}
  other: { stream: { bootstrap: [a, b], timeout: 1 minute } }
`)
    const connections = await load({ environment: { BOOTSTRAP: 'localhost:9', PORT: '9092' } })
    expect(connections.file).toBe(file)
    expect(connections.declared).toEqual(
      new Map([
        ['stream', 'stream'],
        ['other', 'stream'],
      ]),
    )
    expect(connections.resolve('stream')).toEqual({
      bootstrap: 'localhost:9',
      port: 9092,
      password: 'hunter2',
      timeout: '10 seconds',
    })
    expect(connections.resolve('stream', 'other')).toEqual({ bootstrap: ['a', 'b'], timeout: '1 minute' })
  })

  test('does not need what others need', async () => {
    await declare(`connections:\n  a: { stream: { bootstrap: "\${env:UNSET}" } }\n  b: { stream: { bootstrap: x } }\n`)
    const connections = await load()
    expect(connections.resolve('stream', 'b')).toMatchObject({ bootstrap: 'x' })
    expect(await thrownBy(() => connections.resolve('stream', 'a'))).toMatchObject({
      code: 'CONFIG_ENVIRONMENT_MISSING',
      message: 'the environment variable "UNSET" is not set',
      place: { file: join(root, 'headrace.yaml'), line: 2, column: 30 },
    })
  })

  test('takes the default of a variable that is unset or empty', async () => {
    await declare(`connections: { a: { stream: { bootstrap: "\${env:A:-here}:\${env:B:-1}" } } }`)
    const connections = await load({ environment: { B: '' } })
    expect(connections.resolve('stream', 'a')).toMatchObject({ bootstrap: 'here:1' })
  })

  test('that is wrong shows the reference, never the value behind it', async () => {
    await declare(`connections:\n  warehouse:\n    database:\n      url: \${env:URL}\n`)
    const error = await thrownBy(async () =>
      (await load({ environment: { URL: 'pg://me:hunter2@db' } })).resolve('database'),
    )
    expect(error).toMatchObject({
      code: 'CONFIG_VALUE',
      message: `url cannot be the value of "\${env:URL}"`,
      place: { line: 4, column: 12 },
    })
    expect(JSON.stringify([error.message, error.hint, error.details, error.stack])).not.toContain('hunter2')
  })

  test('with several mistakes tells them all', async () => {
    await declare('connections:\n  stream:\n    stream:\n      port: many\n      bootstrp: x\n      timeout: soon\n')
    const error = await thrownBy(async () => (await load()).resolve('stream'))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.details.problems).toMatchObject([
      { code: 'CONFIG_TYPE', place: { line: 4, column: 13 } },
      { code: 'CONFIG_UNKNOWN_KEY', hint: 'Did you mean `bootstrap`?', place: { line: 5, column: 7 } },
      { code: 'CONFIG_DURATION', place: { line: 6, column: 16 } },
    ])
  })

  test('of another type is not taken', async () => {
    await declare('connections:\n  warehouse: { stream: { bootstrap: x } }\n')
    expect(await thrownBy(async () => (await load()).resolve('database'))).toMatchObject({
      code: 'CONNECTION_TYPE',
      message: 'the connection "warehouse" is of type `stream`, not `database`',
      place: { line: 2, column: 3 },
    })
  })

  test('whose secret file is missing says which', async () => {
    await declare(`connections:\n  stream: { stream: { bootstrap: x, password: "\${file:nowhere}" } }\n`)
    expect(await thrownBy(async () => (await load()).resolve('stream'))).toMatchObject({
      code: 'CONFIG_FILE_UNREADABLE',
      message: 'the file "nowhere" cannot be read: it does not exist',
      place: { line: 2, column: 48 },
    })
  })
})

describe('headrace.yaml', () => {
  test('with mistakes is refused with their places', async () => {
    await declare('connectons: {}\n')
    expect(await thrownBy(() => load())).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      hint: 'Did you mean `connections`?',
      place: { line: 1, column: 1 },
    })
    await declare('connections:\n  a: { steam: {} }\n  b: {}\n')
    expect((await thrownBy(() => load())).details.problems).toMatchObject([
      { code: 'CONFIG_UNKNOWN_KIND', hint: 'Did you mean `stream`?', place: { line: 2, column: 8 } },
      { code: 'CONFIG_ONE_KIND', place: { line: 3, column: 3 } },
    ])
    await declare('connections: [\n')
    expect(await thrownBy(() => load())).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('CONFIG_YAML'),
    })
  })

  test('is looked for upwards, nearest first, as far as told', async () => {
    const inner = join(root, 'a', 'b')
    await mkdir(inner, { recursive: true })
    await declare('connections: { stream: { stream: { bootstrap: top } } }')
    expect((await load({ directory: inner })).resolve('stream')).toMatchObject({ bootstrap: 'top' })
    await declare('connections: { stream: { stream: { bootstrap: middle } } }', join(root, 'a'))
    expect((await load({ directory: inner })).resolve('stream')).toMatchObject({ bootstrap: 'middle' })
    expect((await load({ directory: inner, upTo: inner })).file).toBeUndefined()
    // A pipeline elsewhere: its own folder, then the current one, nothing between.
    expect((await load({ directory: inner, upTo: join(root, 'a', 'c') })).file).toBeUndefined()
    expect((await load({ directory: inner, upTo: join(root, 'a') })).file).toBe(join(root, 'a', 'headrace.yaml'))
  })

  test('may be empty', async () => {
    await declare('# nothing yet\n')
    expect((await load()).declared.size).toBe(0)
  })
})

describe('a connection that is not declared', () => {
  const kafka = {
    name: 'kafka',
    summary: 'Kafka.',
    connection: { ...(adapters[0]?.connection as object), type: 'kafka', defaultName: 'kafka' },
  }
  const withKafka = { adapters: [...adapters, kafka] as never }

  test('is the running dev service of its type, and a line says so', async () => {
    await devFile({ owner: { pid: process.pid }, kafka: { bootstrap: '127.0.0.1:4', extra: 1 }, pids: {} })
    const lines: LogLine[] = []
    const connections = await load({ ...withKafka, log: (line) => lines.push(line) })
    expect(connections.resolve('kafka')).toEqual({ bootstrap: '127.0.0.1:4', timeout: '10 seconds' })
    expect(lines).toEqual([
      {
        level: 'info',
        code: 'CONNECTION_FROM_DEV',
        message: 'the connection "kafka" is not declared: using the kafka service of the running `headrace dev`',
      },
    ])
    expect(await thrownBy(() => connections.resolve('kafka', 'kafak'))).toMatchObject({
      code: 'CONNECTION_UNKNOWN',
      hint: expect.stringContaining('Did you mean `kafka`?'),
    })
  })

  test('a declared one comes before the dev service', async () => {
    await devFile({ owner: { pid: process.pid }, kafka: { bootstrap: 'dev' } })
    await declare('connections: { kafka: { kafka: { bootstrap: declared } } }')
    expect((await load(withKafka)).resolve('kafka')).toMatchObject({ bootstrap: 'declared' })
  })

  test.each([
    ['nothing', undefined],
    ['half a file', '{"owner": {"pid": '],
    ['the file of a process that is gone', { owner: { pid: 2 ** 22 + 1 }, kafka: { bootstrap: 'gone' } }],
  ])('is unknown with %s in dev.json', async (_, content) => {
    if (content !== undefined) await devFile(content)
    expect(await thrownBy(async () => (await load(withKafka)).resolve('kafka'))).toMatchObject({
      code: 'CONNECTION_UNKNOWN',
      message: 'there is no connection called "kafka" (of type `kafka`)',
      hint: expect.stringContaining('headrace dev'),
    })
  })

  test('may be a misspelt one', async () => {
    await declare('connections: { warehouse: { database: { url: "db://x" } } }')
    expect((await thrownBy(async () => (await load()).resolve('database', 'warehose'))).hint).toMatch(
      /^Did you mean `warehouse`\?/,
    )
  })
})
