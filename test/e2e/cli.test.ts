import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProgram } from 'headrace'
import { describe, expect, test } from 'vitest'
import { type Ended, headrace as run } from '../support/headrace-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-cli-')
const EXAMPLE = fileURLToPath(new URL('../../examples/trades-per-minute.yaml', import.meta.url))
const headrace = (
  args: readonly string[],
  more: { input?: string; env?: Record<string, string> } = {},
): Promise<Ended> => run(args, { cwd: folder(), ...more })

/** What every failure looks like: a code, a hint, no stack trace. */
function expectMistake({ code, stderr }: Ended, error: string): void {
  expect(code).toBe(1)
  expect(stderr).toMatch(new RegExp(`(^|  )${error}  .+\\n  hint: .+`, 'm'))
  expect(stderr).not.toMatch(/^ +at /m)
}

describe.concurrent('help', () => {
  const commands = createProgram().commands.map((command) => command.name())

  test('lists every command', async () => {
    const { code, stdout } = await headrace(['--help'])
    expect(code).toBe(0)
    expect(commands).toEqual(
      'demo dev run validate explain query generate dlq serve topics groups produce consume'.split(' '),
    )
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
  })

  test.each(commands)('%s has examples', async (command) => {
    const { code, stdout } = await headrace([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: headrace ${command}`)
    expect(stdout).toMatch(/^Examples:\n {2}.*headrace /m)
  })

  test('--version is that of the package', async () => {
    expect((await headrace(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe.concurrent('wrong calls end with 2 and say what is wrong', () => {
  test.each([
    ['no command', [], 'Usage: headrace'],
    ['an unknown command', ['runn'], "unknown command 'runn'"],
    ['an unknown option', ['query', 'SELECT 1', '--fromat', 'csv'], "unknown option '--fromat'"],
    ['a missing argument', ['run'], "missing required argument 'file'"],
    ['too many arguments', ['query', 'SELECT', '1'], 'too many arguments'],
    ['a format that is none', ['query', 'SELECT 1', '--format', 'xml'], 'Allowed choices are table, csv'],
    ['a count that is none', ['generate', 'trades', '--count', 'x'], 'whole number above 0'],
    ['a duration that is none', ['run', 'x.yaml', '--until-idle', 'soon'], "'soon' is invalid"],
    ['a port that is none', ['serve', '--port', '70000'], 'a port from 0 to 65535'],
    ['options that exclude each other', ['run', 'x.yaml', '--once', '--until-idle', '5s'], 'cannot be used with'],
    ['a parameter without a value', ['run', 'x.yaml', '--param', 'topic'], 'name=value'],
  ])('%s', async (_name, args, text) => {
    const { code, stdout, stderr } = await headrace(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(text)
  })
})

describe('validate', () => {
  const BROKEN = `name: broken
source:
  kafka: { topik: trades }
  decode: { json: { columns: { uno: varchar, tnum: integr } } }
steps:
  - filter: tnum > 0
sinks:
  - parquet: { dataset: x }
`

  test('a right file', async () => {
    const { code, stdout } = await headrace(['validate', EXAMPLE])
    expect(code).toBe(0)
    expect(stdout).toBe(`✓ ${EXAMPLE}: trades-per-minute, 2 steps, 2 sinks\n`)
  })

  test('all mistakes of all files, each at its place', async () => {
    await writeFile(path.join(folder(), 'broken.yaml'), BROKEN)
    const { code, stdout } = await headrace(['validate', EXAMPLE, 'broken.yaml', 'nowhere.yaml'])
    expect(code).toBe(1)
    expect(stdout).toContain('✓ ')
    expect(stdout).toMatch(/^broken\.yaml:3:\d+ {2}CONFIG_UNKNOWN_KEY {2}.*topik.*\n {2}hint: .*topic/m)
    expect(stdout).toMatch(/^broken\.yaml:4:\d+ {2}CONFIG_COLUMN_TYPE {2}.*integr/m)
    expect(stdout).toMatch(/^nowhere\.yaml {2}PIPELINE_FILE_UNREADABLE {2}/m)
  })

  test('mistakes in SQL are found without data', async () => {
    const text = (await readFile(EXAMPLE, 'utf8')).replace('tnum > 0', 'tnumm > 0')
    await writeFile(path.join(folder(), 'sql.yaml'), text)
    const { code, stdout } = await headrace(['validate', 'sql.yaml'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^sql\.yaml:\d+:\d+ {2}SQL_\w+ {2}.*tnumm/m)
  })

  test('--json', async () => {
    await writeFile(path.join(folder(), 'broken.yaml'), BROKEN)
    const { code, stdout } = await headrace(['validate', EXAMPLE, 'broken.yaml', '--json'])
    expect(code).toBe(1)
    const { files } = JSON.parse(stdout)
    expect(files[0]).toEqual({ file: EXAMPLE, valid: true, pipeline: 'trades-per-minute', problems: [] })
    expect(files[1]).toMatchObject({ file: 'broken.yaml', valid: false })
    expect(files[1].problems).toContainEqual({
      code: 'CONFIG_COLUMN_TYPE',
      message: expect.stringContaining('integr'),
      hint: expect.any(String),
      place: { file: 'broken.yaml', line: 4, column: expect.any(Number) },
    })
  })
})

describe.concurrent('explain', () => {
  test('steps as SQL, the windows, a guarantee for each sink', async () => {
    const { code, stdout } = await headrace(['explain', EXAMPLE])
    expect(code).toBe(0)
    expect(stdout).toMatch(/WHERE \(tnum > 0\)/)
    expect(stdout).toContain('tumbling windows of 1 minute')
    expect(stdout).toMatch(/^guarantees\n {2}parquet: exactly-once, .*\n {2}postgres: exactly-once, /m)
  })

  test('--json', async () => {
    const document = JSON.parse((await headrace(['explain', EXAMPLE, '--json'])).stdout)
    expect(document).toMatchObject({ pipeline: 'trades-per-minute', source: { adapter: 'kafka' } })
    expect(document.sinks.map((sink: { delivery: string }) => sink.delivery)).toEqual(['exactly-once', 'exactly-once'])
  })

  test('a file with mistakes', async () => {
    await writeFile(path.join(folder(), 'empty.yaml'), '')
    const { code, stderr } = await headrace(['explain', 'empty.yaml'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^empty\.yaml(:\d+:\d+)? {2}CONFIG_/m)
  })
})

describe('generate', () => {
  const FIXED = ['generate', 'trades', '--count', '500', '--seed', '7', '--start', '2026-11-20T10:00:00Z']

  test('the same seed and start give the same records, on stdout and in a file', async () => {
    const [first, second] = await Promise.all([headrace(FIXED), headrace([...FIXED, '--to', 'out/trades.ndjson'])])
    expect(first.code).toBe(0)
    expect(first.stdout).toBe(await readFile(path.join(folder(), 'out', 'trades.ndjson'), 'utf8'))
    expect(first.stderr).toMatch(
      /^sent 500 records to stdout in .* seed 7, from 2026-11-20T10:00:00\.000Z\n {2}\d+ order/,
    )
    const [line] = first.stdout.split('\n')
    expect(JSON.parse(line as string)).toMatchObject({ tid: '1', tdate: '2026-11-20', tnum: expect.any(Number) })
    expect(second.stdout).toBe('')
  })

  test('--json and --log account for every record', async () => {
    const { stdout } = await headrace([...FIXED, '--to', 'trades.ndjson', '--log', 'sent.ndjson', '--json'])
    const summary = JSON.parse(stdout)
    expect(summary).toMatchObject({ target: 'trades.ndjson', seed: 7, records: 500 })
    const log = (await readFile(path.join(folder(), 'sent.ndjson'), 'utf8')).trimEnd().split('\n')
    const kinds = Object.groupBy(
      log.map((line) => JSON.parse(line).kind as string),
      (kind) => kind,
    )
    const sent = Object.fromEntries(Object.entries(summary.kinds).filter(([, count]) => count !== 0))
    expect(Object.fromEntries(Object.entries(kinds).map(([kind, all]) => [kind, all?.length]))).toEqual(sent)
  })

  test('a target that is none, no broker, a broker that is not there', async () => {
    const port = await closedPort()
    const [target, none, gone] = await Promise.all([
      headrace(['generate', 'trades', '--to', 's3://bucket']),
      headrace(['generate', 'trades', '--to', 'kafka']),
      headrace(['generate', 'trades', '--to', `kafka://127.0.0.1:${port}/trades`]),
    ])
    expectMistake(target, 'GENERATE_TARGET_INVALID')
    expectMistake(none, 'KAFKA_NOT_RUNNING')
    expectMistake(gone, 'GENERATE_KAFKA_FAILED')
    expect(gone.stderr).not.toContain('TimeoutNegativeWarning')
  })
})

describe('query without a lake', () => {
  test('constants need no dataset', async () => {
    const { code, stdout } = await headrace(['query', '-', '--format', 'csv'], { input: "SELECT 1 AS a, 'x,y' AS b" })
    expect(code).toBe(0)
    expect(stdout).toBe('a,b\n1,"x,y"\n')
  })

  test.each([
    ['SELECT * FRM x', 'QUERY_SYNTAX'],
    ['SELECT * FROM nowhere', 'QUERY_TABLE_UNKNOWN'],
    ["COPY (SELECT 1) TO 'x.csv'", 'QUERY_NOT_ALLOWED'],
    ["SELECT * FROM read_text('/etc/hostname')", 'QUERY_NOT_ALLOWED'],
  ])('%s', async (sql, error) => {
    expectMistake(await headrace(['query', sql]), error)
  })

  test('Parquet needs a file', async () => {
    expectMistake(await headrace(['query', 'SELECT 1', '--format', 'parquet']), 'QUERY_FORMAT_UNFIT')
  })

  test('--json tells a failure as JSON too', async () => {
    const { code, stdout, stderr } = await headrace(['query', 'SELECT * FROM nowhere', '--json'])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'QUERY_TABLE_UNKNOWN', hint: expect.any(String) })
  })

  test('a reader that goes away ends it quietly', async () => {
    const { child, ...running } = await startedQuery('SELECT * FROM range(3000000) t(i)')
    child.stdout.once('data', () => child.stdout.destroy())
    const { code, stderr } = await running.ended
    expect(code).toBe(0)
    expect(stderr).toBe('')
  })
})

describe('colours', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  const ESCAPE = /\u001b\[/

  test('none away from a terminal, none when refused', async () => {
    const refused = ['validate', EXAMPLE, '--no-color']
    const [piped, forced, off, both] = await Promise.all([
      headrace(['validate', EXAMPLE]),
      headrace(['validate', EXAMPLE], { env: { FORCE_COLOR: '1' } }),
      headrace(refused, { env: { FORCE_COLOR: '1' } }),
      headrace(['validate', EXAMPLE], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }),
    ])
    expect(forced.stdout).toMatch(ESCAPE)
    for (const { stdout } of [piped, off, both]) expect(stdout).not.toMatch(ESCAPE)
  })
})

describe('dlq and run before anything has run', () => {
  test('a pipeline that nobody knows', async () => {
    expectMistake(await headrace(['dlq', 'list', 'nobody']), 'PIPELINE_UNKNOWN')
    expectMistake(await headrace(['dlq', 'show', '../../etc']), 'PIPELINE_UNKNOWN')
    const { code, stdout } = await headrace(['dlq', 'list', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ pipelines: [] })
  })

  test('a data folder that is a file', async () => {
    await writeFile(path.join(folder(), 'file'), '')
    for (const command of [['dev'], ['demo'], ['run', EXAMPLE]]) {
      expectMistake(await headrace([...command, '--data', 'file']), 'DATA_FOLDER_UNUSABLE')
    }
  })

  test('a connection that nobody has declared', async () => {
    expectMistake(await headrace(['run', EXAMPLE]), 'CONNECTION_UNKNOWN')
  })
})

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function startedQuery(sql: string) {
  const { HeadraceProcess } = await import('../support/headrace-process.ts')
  const running = new HeadraceProcess(['query', sql, '--format', 'csv'], { cwd: folder() })
  return { child: running.child, ended: running.ended() }
}
