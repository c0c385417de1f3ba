import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectMistake, expectNoTrace, toldIn } from '../../support/mistakes.ts'
import { canMount, mountingNeeds, SmallDisk } from '../../support/mounts.ts'
import { type Desk, Scene } from './scene.ts'

const ORDERS = 30_000

let scene: Scene
beforeAll(async () => {
  scene = await Scene.open()
  await scene.sendOrders('orders', ORDERS)
})
afterAll(() => scene?.close())

let disk: SmallDisk | undefined
afterEach(async () => {
  await disk?.unmount()
  disk = undefined
})

/** A desk whose folder `disk` is a disk of its own. */
async function deskWithDisk(name: string, megabytes: number): Promise<[Desk, SmallDisk]> {
  const desk = await scene.desk(name)
  const folder = join(desk.folder, 'disk')
  await mkdir(folder)
  disk = await SmallDisk.mount(folder, megabytes)
  return [desk, disk]
}

describe.skipIf(!canMount)(`a full disk${mountingNeeds}`, () => {
  const window =
    '{ name: w, from: input, sql: "SELECT window_start, window_end, uno, sum(tnum) AS n FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL \'1\' MINUTE) GROUP BY window_start, window_end, uno" }'
  const SINKS = [
    '{ name: windows, parquet: { dataset: windows } }',
    '{ name: all, from: input, parquet: { dataset: everything } }',
  ]

  // From a disk without a byte left, which no state fits on, to one that is full when the result is published.
  test('stops the pipeline where it stands; with room again it goes on, and every record is there once', async () => {
    const [desk, small] = await deskWithDisk('full', 16)
    const places = new Set<string>()
    for (const [i, kilobytes] of [0, 60, 250].entries()) {
      const data = `disk/${i}`
      await desk.pipeline('full', {
        topic: 'orders',
        more: 'maxRejects: 0\n',
        steps: [window],
        sinks: SINKS,
      })
      await small.fill(kilobytes)
      const stopped = await desk.run(['run', 'full.yaml', '--once', '--drain', '--data', data], small.within)
      expectMistake(stopped, {
        code: 'DISK_FULL',
        place: undefined,
        message: /^no space is left on the disk that holds \/.+\/disk\/\d/,
        hint: 'Free some space and run the pipeline again: it goes on from its last commit, nothing is lost.',
      })
      places.add(/holds \S+\/disk\/\d\/(\w+)/.exec(toldIn(stopped.stderr).at(-1)?.message ?? '')?.[1] ?? '')
      await small.free()

      const ended = await desk.run(['run', 'full.yaml', '--once', '--drain', '--data', data, '--json'], small.within)
      expect(ended.code, ended.stderr).toBe(0)
      expectNoTrace(ended)
      expect(JSON.parse(ended.stdout)).toMatchObject({ state: 'finished', records: { read: ORDERS, dead: 0 } })
      const sql =
        'SELECT (SELECT sum(n) FROM windows)::BIGINT AS w, sum(tnum)::BIGINT AS s, count(*) AS n, count(DISTINCT tnum) AS d FROM everything'
      const sum = String((ORDERS * (ORDERS + 1)) / 2)
      const [found] = await desk.query(sql, small.within, data)
      expect(Object.fromEntries(Object.entries(found ?? {}).map(([key, value]) => [key, String(value)]))).toEqual({
        w: sum,
        s: sum,
        n: String(ORDERS),
        d: String(ORDERS),
      })
      await small.do(`rm -r ${join(desk.folder, data)}`)
    }
    expect([...places].sort()).toEqual(['lake', 'pipelines'])
  })
})

describe.skipIf(!canMount)(`a disk that cannot be written${mountingNeeds}`, () => {
  const unusable = (path: RegExp) => ({
    code: 'DATA_FOLDER_UNUSABLE',
    place: undefined,
    message: new RegExp(`^the data folder ${path.source} cannot be used: read-only file system$`),
    hint: /^Make it a folder that this user may write to, or .*--data\.$/,
  })

  test('as the data folder: run, dev and demo say so; what is there can still be read', async () => {
    const [desk, small] = await deskWithDisk('read-only', 16)
    await desk.pipeline('ro', { topic: 'orders', sinks: ['parquet: { dataset: ro }'] })
    expect((await desk.run(['run', 'ro.yaml', '--once', '--data', 'disk/data'], small.within)).code).toBe(0)
    await small.readOnly(true)
    const runs = [
      [/\S*disk\/data\/?\S*/, 'run', 'ro.yaml', '--data', 'disk/data'],
      [/\S*disk\/fresh/, 'run', 'ro.yaml', '--data', 'disk/fresh'],
      [/\S*disk\/fresh/, 'dev', '--kafka-port', '0', '--data', 'disk/fresh'],
      [/\S*disk\/fresh/, 'demo', '--count', '1000', '--data', 'disk/fresh'],
    ] as const
    for (const [path, ...args] of runs) expectMistake(await desk.run(args, small.within), unusable(path))
    const rows = await desk.query('SELECT count(*)::INTEGER AS n FROM ro', small.within, 'disk/data')
    expect(rows).toEqual([{ n: ORDERS }])
    const listed = await desk.run(['dlq', 'list', '--data', 'disk/data', '--json'], small.within)
    expect(JSON.parse(listed.stdout)).toEqual({ pipelines: [{ pipeline: 'ro', total: 0, reasons: [] }] })
  })

  test('as the place of a dataset, of a result, of generated records', async () => {
    const [desk, small] = await deskWithDisk('read-only-targets', 1)
    await small.readOnly(true)
    const text = await desk.pipeline('ro', { topic: 'orders', sinks: [`parquet: { path: ${small.folder}/lake }`] })
    expect(text).toContain('path')
    expectMistake(await desk.run(['run', 'ro.yaml', '--once'], small.within), {
      code: 'SINK_FOLDER_NOT_WRITABLE',
      place: 'ro.yaml:9:14',
      message: /^the sink's folder \/.*\/disk\/lake\S* cannot be written: read-only file system$/,
      hint: /^Give this user the right/,
    })
    expectMistake(await desk.run(['query', 'SELECT 1 AS one', '--output', 'disk/one.csv'], small.within), {
      code: 'QUERY_OUTPUT_FAILED',
      place: undefined,
      message: /disk\/one\.csv: Read-only file system$/,
      hint: /writable/,
    })
    expectMistake(await desk.run(['generate', 'trades', '--count', '9', '--to', 'disk/x.ndjson'], small.within), {
      code: 'GENERATE_WRITE_FAILED',
      place: undefined,
      message: /disk\/x\.ndjson: EROFS/,
      hint: /written/,
    })
  })
})
