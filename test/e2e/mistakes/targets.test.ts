import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestDatabase } from '../../integration/support/postgres-databases.ts'
import type { Ended } from '../../support/headrace-process.ts'
import { expectMistake, expectNoTrace, toldIn } from '../../support/mistakes.ts'
import { type Desk, Scene } from './scene.ts'

let scene: Scene
let database: TestDatabase
beforeAll(async () => {
  scene = await Scene.open({ postgres: true })
  database = (await scene.postgres?.createDatabase()) as TestDatabase
})
afterAll(async () => {
  await database?.drop()
  await scene?.close()
})

/** A pipeline with one sink, run once for each call of `more`, on a topic of its own. */
async function target(name: string, sink: string) {
  const desk = await scene.desk(name, { warehouse: `postgres: { url: "${database.url}" }` })
  await desk.pipeline(name, { topic: name, sinks: [sink] })
  const run = () => desk.run(['run', `${name}.yaml`, '--once'])
  const more = async () => {
    await scene.sendOrders(name, 10)
    const ended = await run()
    expect(ended.code, ended.stderr).toBe(0)
  }
  const state = join(desk.folder, '.headrace', 'pipelines', name)
  return { desk, run, more, state, lake: join(desk.folder, '.headrace', 'lake', name) }
}

const numbers = async (table: string) =>
  (await database.query<{ tnum: number }>(`SELECT tnum FROM ${table} ORDER BY tnum`)).map(({ tnum }) => tnum)
const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

/** What the last mistake's hint says to do: it must be enough. */
async function follow(ended: Ended, data: string): Promise<void> {
  const { hint } = toldIn(ended.stderr).at(-1) as { hint: string }
  const sql = /: run (TRUNCATE .*)$/.exec(hint)?.[1]
  if (sql !== undefined) {
    await database.query(sql)
    return
  }
  const [, folder = '', state = ''] = /: remove the folder (\S+) together with the folder (\S+) of/.exec(hint) ?? []
  expect(folder).toMatch(new RegExp(`^${data}/lake/\\w+$`))
  expect(state).toMatch(/^pipelines\/\w+$/)
  await rm(folder, { recursive: true })
  await rm(join(data, state), { recursive: true })
}

describe('a table', () => {
  test('that another state has written: SINK_FOREIGN, until it is emptied as the hint says', async () => {
    const { desk, run, more, state } = await target('foreign', 'postgres: { table: foreign_rows }')
    await more()
    await rm(state, { recursive: true })
    const refused = await run()
    expectMistake(refused, {
      code: 'SINK_FOREIGN',
      place: 'foreign.yaml:9:15',
      message:
        /^sink "postgres" was last written by another state of this pipeline \(incarnation \w+, this one is \w+\)$/,
      hint: /^The data folder was begun afresh.*: run TRUNCATE "foreign_rows"; DELETE FROM headrace\.batches WHERE pipeline = 'foreign' AND sink = 'postgres'$/,
    })
    expect(await numbers('foreign_rows')).toEqual(oneTo(10))
    await follow(refused, join(desk.folder, '.headrace'))
    const ended = await run()
    expect(ended.code, ended.stderr).toBe(0)
    expect(await numbers('foreign_rows')).toEqual(oneTo(10))
  })

  test('that is newer than the state: SINK_AHEAD, until the newest state is back', async () => {
    const { desk, run, more, state } = await target('ahead', 'postgres: { table: ahead_rows }')
    await more()
    await cp(state, join(desk.folder, 'old'), { recursive: true })
    await more()
    await cp(state, join(desk.folder, 'newest'), { recursive: true })
    await scene.sendOrders('ahead', 5)
    const restore = async (copy: string) => {
      await rm(state, { recursive: true })
      await cp(join(desk.folder, copy), state, { recursive: true })
    }
    await restore('old')
    const refused = await run()
    expectMistake(refused, {
      code: 'SINK_AHEAD',
      place: 'ahead.yaml:9:15',
      message:
        /^sink "postgres" already holds batch 2, which this state has not published \(its next one is 2\): the state is older/,
      hint: /restored from an old copy.*Restore the newest one/,
    })
    expect(await numbers('ahead_rows')).toEqual(oneTo(20))
    await restore('newest')
    expect((await run()).code).toBe(0)
    expect(await numbers('ahead_rows')).toEqual(oneTo(25))
  })

  test('that was emptied, or restored from an old copy: SINK_BEHIND', async () => {
    const { run, more } = await target('behind', 'postgres: { table: behind_rows }')
    for (let i = 0; i < 3; i++) await more()
    await database.query("UPDATE headrace.batches SET sequence = 1 WHERE pipeline = 'behind'")
    await database.query('DELETE FROM behind_rows WHERE tnum > 10')
    await scene.sendOrders('behind', 1)
    const refused = await run()
    expectMistake(refused, {
      code: 'SINK_BEHIND',
      place: 'behind.yaml:9:15',
      message: /holds batch 1 as its last, but this state is about to publish batch 4: batches in between are gone/,
      hint: /^The target was probably emptied, or restored from an old copy\. .*: run TRUNCATE "behind_rows";/,
    })
    expect(await numbers('behind_rows')).toEqual(oneTo(10))
  })
})

describe('a dataset', () => {
  const rows = async (desk: Desk, dataset: string) =>
    (await desk.query(`SELECT tnum FROM ${dataset} ORDER BY tnum`)).map(({ tnum }) => tnum)

  test('that another state has written: SINK_FOREIGN, until it is emptied as the hint says', async () => {
    const { desk, run, more, state } = await target('foreign_lake', 'parquet: { dataset: foreign_lake }')
    await more()
    await rm(state, { recursive: true })
    const refused = await run()
    expectMistake(refused, {
      code: 'SINK_FOREIGN',
      place: 'foreign_lake.yaml:9:14',
      message: /^sink "parquet" was last written by another state of this pipeline/,
      hint: /give the sink another target, or empty this one: remove the folder \/.*\/lake\/foreign_lake together with the folder pipelines\/foreign_lake of the data folder$/,
    })
    expect(await rows(desk, 'foreign_lake')).toEqual(oneTo(10))
    await follow(refused, join(desk.folder, '.headrace'))
    expect((await run()).code).toBe(0)
    expect(await rows(desk, 'foreign_lake')).toEqual(oneTo(10))
  })

  test('that is newer than the state: SINK_AHEAD', async () => {
    const { desk, run, more, state } = await target('ahead_lake', 'parquet: { dataset: ahead_lake }')
    await more()
    await cp(state, join(desk.folder, 'old'), { recursive: true })
    await more()
    await rm(state, { recursive: true })
    await cp(join(desk.folder, 'old'), state, { recursive: true })
    expectMistake(await run(), {
      code: 'SINK_AHEAD',
      place: 'ahead_lake.yaml:9:14',
      message: /^sink "parquet" already holds batch 2/,
      hint: /remove the folder/,
    })
    expect(await rows(desk, 'ahead_lake')).toEqual(oneTo(20))
  })

  test('that was emptied: SINK_BEHIND', async () => {
    const { run, more, lake } = await target('behind_lake', 'parquet: { dataset: behind_lake }')
    for (let i = 0; i < 2; i++) await more()
    await rm(lake, { recursive: true })
    await scene.sendOrders('behind_lake', 1)
    expectMistake(await run(), {
      code: 'SINK_BEHIND',
      place: 'behind_lake.yaml:9:14',
      message: /^sink "parquet" holds batch 0 as its last, but this state is about to publish batch 3/,
      hint: /remove the folder/,
    })
  })
})

describe('a pipeline', () => {
  test('that runs already names the process; a data folder of its own lets it run', async () => {
    await scene.sendOrders('twice', 3)
    const desk = await scene.desk('twice')
    await desk.pipeline('twice', { topic: 'twice', sinks: ['parquet: { dataset: twice }'] })
    const first = desk.start(['run', 'twice.yaml', '--metrics'])
    try {
      await first.line(/"read":3/)
      expectMistake(await desk.run(['run', 'twice.yaml']), {
        code: 'PIPELINE_RUNNING',
        place: undefined,
        message: `pipeline "twice" is already running (process ${first.child.pid})`,
        hint: /^Stop the other run first, or .*--data/,
      })
      expect((await desk.run(['run', 'twice.yaml', '--once', '--data', 'other'])).code).toBe(0)
    } finally {
      expect((await first.stop()).code).toBe(0)
    }
  })

  test('whose window is another one now is refused; as it was before it goes on', async () => {
    const window = (minutes: number) =>
      `{ name: w, sql: "SELECT window_start, window_end, sum(tnum) AS n FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '${minutes}' MINUTE) GROUP BY window_start, window_end" }`
    const desk = await scene.desk('changed')
    const sinks = ['parquet: { dataset: changed }']
    await scene.sendOrders('changed', 70)
    await desk.pipeline('changed', { topic: 'changed', sinks, steps: [window(1)] })
    expect((await desk.run(['run', 'changed.yaml', '--once'])).code).toBe(0)
    await desk.pipeline('changed', { topic: 'changed', sinks, steps: [window(2)] })
    expectMistake(await desk.run(['run', 'changed.yaml', '--once']), {
      code: 'PIPELINE_CHANGED',
      place: undefined,
      message: /^pipeline "changed" has a state that does not fit its file any more: window "w" is another one now$/,
      hint: /^Undo the change, or .* another name or data folder/,
    })
    await desk.pipeline('changed', { topic: 'changed', sinks, steps: [window(1)] })
    const again = await desk.run(['run', 'changed.yaml', '--once', '--drain'])
    expect(again.code, again.stderr).toBe(0)
    expectNoTrace(again)
    expect(await desk.query('SELECT sum(n)::INTEGER AS n FROM changed')).toEqual([{ n: (70 * 71) / 2 }])
  })
})
