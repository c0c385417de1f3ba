import { describe, expect, test } from 'vitest'
import type { StepConfig } from '../config/pipeline-config.ts'
import { planPipeline } from '../sql/index.ts'
import { HandTurnedEngine, inScratch, pipelineOf, planOrThrow } from '../sql/testing.ts'
import { pathOf } from './apply-mapping.ts'
import { glueType } from './glue-type.ts'

type Mappings = Extract<StepConfig, { kind: 'applyMapping' }>['mappings']

const COLUMNS = { id: 'VARCHAR', Address: 'STRUCT(city VARCHAR, zip VARCHAR)', 'a.b': 'INTEGER', dropped: 'INTEGER' }

async function mapped(mappings: Mappings, record: string) {
  const step: StepConfig = { kind: 'applyMapping', name: 'result', from: 'input', mappings }
  return inScratch(async (connection) => {
    const plan = await planOrThrow(pipelineOf(COLUMNS, [step]))
    const engine = await HandTurnedEngine.start(connection, plan)
    await engine.epoch(record)
    const columns = plan.sinks[0]?.columns ?? []
    const rows = await connection.rows(`SELECT COLUMNS(*)::VARCHAR FROM (SELECT * EXCLUDE (_row) FROM result)`)
    return { columns: columns.map(({ name, type }) => `${name} ${type}`), rows }
  })
}

const RECORD = "SELECT 'x1' AS id, {city: 'Bern', zip: '3000'} AS \"Address\", 7 AS \"a.b\", 1 AS dropped"

describe('applyMapping', () => {
  test('renames, casts, opens structs by dots, and drops the rest; names are the same in any case', async () => {
    const mappings = [
      { source: 'ID', target: 'key' },
      { source: 'address.CITY', target: 'city', type: 'string' },
      { source: 'address.zip', target: 'zip', type: 'int' },
      { source: '`a.b`', target: '`c.d`', type: 'long' },
    ]
    expect(await mapped(mappings, RECORD)).toEqual({
      columns: ['key VARCHAR', 'city VARCHAR', 'zip INTEGER', 'c.d BIGINT'],
      rows: [{ key: 'x1', city: 'Bern', zip: '3000', 'c.d': '7' }],
    })
  })

  test('dots in a target make a struct', async () => {
    const mappings = [
      { source: 'id', target: 'who.id' },
      { source: 'address.city', target: 'who.home.city' },
      { source: '`a.b`', target: 'n', type: 'decimal(9,1)' },
      { source: 'address.zip', target: 'who.home.zip' },
    ]
    expect(await mapped(mappings, RECORD)).toEqual({
      columns: ['who STRUCT(id VARCHAR, home STRUCT(city VARCHAR, zip VARCHAR))', 'n DECIMAL(9,1)'],
      rows: [{ who: "{'id': x1, 'home': {'city': Bern, 'zip': 3000}}", n: '7.0' }],
    })
  })

  test('a value that cannot be cast becomes NULL', async () => {
    const mappings = [
      { source: 'id', target: 'number', type: 'int' },
      { source: 'id', target: 'moment', type: 'timestamp' },
    ]
    expect((await mapped(mappings, RECORD)).rows).toEqual([{ number: null, moment: null }])
  })

  test.each<[Mappings[number], string, string]>([
    [{ source: 'nothing', target: 'x' }, 'SQL_COLUMN_MISSING', '5:9'],
    [{ source: 'id', target: 'x', type: 'text' }, 'MAPPING_INVALID', '5:9'],
    [{ source: 'id); DROP TABLE input; --', target: 'x' }, 'SQL_COLUMN_MISSING', '5:9'],
    [{ source: 'id', target: 'x', type: 'int) AS y, (1' }, 'MAPPING_INVALID', '5:9'],
  ])('%o', async (mapping, code, at) => {
    const step: StepConfig = {
      kind: 'applyMapping',
      name: 'm',
      from: 'input',
      mappings: [{ source: 'id', target: 'ok' }, mapping],
    }
    const placeOf = (path: readonly (string | number)[]) => ({
      file: 'p.yaml',
      line: 4 + Number(path[3] ?? -1),
      column: 9,
    })
    const { problems } = await inScratch((connection) =>
      planPipeline(pipelineOf(COLUMNS, [step], { placeOf }), connection),
    )
    expect(problems.map((problem) => `${problem.place?.line}:${problem.place?.column} ${problem.code}`)).toEqual([
      `${at} ${code}`,
    ])
  })
})

test.each([
  ['a', ['a']],
  ['a.b.c', ['a', 'b', 'c']],
  ['`a.b`', ['a.b']],
  ['`a.b`.c', ['a.b', 'c']],
  ['a.`b c`.d', ['a', 'b c', 'd']],
])('path %s', (name, path) => {
  expect(pathOf(name)).toEqual(path)
})

test.each([
  ['string', 'VARCHAR'],
  ['LONG', 'BIGINT'],
  ['decimal', 'DECIMAL(10,2)'],
  ['decimal(5)', 'DECIMAL(5,0)'],
  ['decimal(18, 3)', 'DECIMAL(18,3)'],
  ['varchar(20)', 'VARCHAR'],
  ['array<int>', 'INTEGER[]'],
  ['map<string,array<double>>', 'MAP(VARCHAR, DOUBLE[])'],
  ['struct<a:int,b:struct<c:decimal(9,2),d:string>>', 'STRUCT("a" INTEGER, "b" STRUCT("c" DECIMAL(9,2), "d" VARCHAR))'],
  ['text', undefined],
  ['decimal(39,2)', undefined],
  ['decimal(3,4)', undefined],
  ['array<>', undefined],
  ['map<string>', undefined],
  ['struct<a>', undefined],
  ['int; DROP', undefined],
  ['', undefined],
  ['constructor', undefined],
])('Glue type %s', (text, type) => {
  expect(glueType(text)).toBe(type)
})
