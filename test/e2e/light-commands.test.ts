import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HeadraceOptions, HeadraceProcess } from '../support/headrace-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-light-')
const HOOK = new URL('../support/loaded-modules.ts', import.meta.url)

/** What takes long to load, and commands that only talk to Kafka or start a broker have no use for. */
const HEAVY = /node_modules\/(@duckdb|@platformatic|avsc|fastify|kafkajs|pg|protobufjs|typebox|yaml)\//

let broker: Broker
beforeAll(async () => {
  broker = await Broker.start({ dataDir: path.join(folder(), 'broker') })
})
afterAll(() => broker.close())

let runs = 0

/** The modules of a command that is run to its end, or until a line of its output matches. */
async function modulesOf(args: readonly string[], options: { input?: string; until?: RegExp } = {}): Promise<string[]> {
  const list = path.join(folder(), `modules-${++runs}`)
  const env = { NODE_OPTIONS: `--import=${HOOK}`, LOADED_MODULES: list, HEADRACE_BOOTSTRAP: broker.address }
  const settings: HeadraceOptions = { cwd: folder(), env }
  const running = new HeadraceProcess(args, settings)
  running.child.stdin.end(options.input ?? '')
  if (options.until !== undefined) await running.line(options.until)
  const { code, stderr } = await (options.until === undefined ? running.ended() : running.stop())
  expect({ args, code, stderr }).toMatchObject({ args, code: 0 })
  const modules = (await readFile(list, 'utf8')).split('\n')
  expect(modules.some((url) => url.endsWith('/cli/src/program.ts'))).toBe(true)
  return modules
}

test('commands load what they need and no more', async () => {
  const commands = [
    { args: ['--help'] },
    { args: ['topics', 'create', 'light', '--partitions', '1'] },
    { args: ['produce', 'light'], input: 'a record\n' },
    { args: ['topics', 'list'] },
    { args: ['consume', 'light', '--until-end'] },
    { args: ['consume', 'light', '--group', 'readers', '--count', '1'] },
    { args: ['groups', 'list'] },
    { args: ['generate', 'trades', '--count', '1'] },
    { args: ['dev', '--kafka-port', '0', '--json'], until: /"event":"ready"/ },
  ]
  for (const { args, ...options } of commands) {
    const modules = await modulesOf(args, options)
    expect({ args, heavy: modules.filter((url) => HEAVY.test(url)) }).toEqual({ args, heavy: [] })
  }
  expect((await modulesOf(['query', 'SELECT 1'])).some((url) => HEAVY.test(url))).toBe(true)
})
