import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Database } from '@headrace/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildServer, type HeadraceServer } from '../index.ts'

let data: string
let server: HeadraceServer

beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'headrace-server-query-'))
  const dataset = path.join(data, 'lake', 'trades')
  await mkdir(dataset, { recursive: true })
  const database = await Database.open()
  const connection = await database.connect()
  await connection.run(
    `COPY (SELECT 'U' || i % 3 AS uno, i AS tnum, 9007199254740993 AS big FROM range(10) t(i)) TO '${dataset}/a.parquet'`,
  )
  database.close()
  server = await buildServer({ dataDirectory: data, maxRows: 5, queryTimeoutMs: 2000 })
})
afterAll(async () => {
  await server.close()
  await rm(data, { recursive: true })
})

const post = (payload: Record<string, unknown>) => server.inject({ method: 'POST', url: '/query', payload })

describe('POST /query', () => {
  test('gives columns, rows and whether there were more', async () => {
    const response = await post({
      sql: 'SELECT uno, sum(tnum) AS items, max(big) AS big FROM trades GROUP BY 1 ORDER BY 1',
    })
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({
      columns: [
        { name: 'uno', type: 'VARCHAR' },
        { name: 'items', type: 'HUGEINT' },
        { name: 'big', type: 'BIGINT' },
      ],
      rows: [
        ['U0', 18, '9007199254740993'],
        ['U1', 12, '9007199254740993'],
        ['U2', 15, '9007199254740993'],
      ],
      rowCount: 3,
      truncated: false,
      elapsedMs: expect.any(Number),
    })
  })

  test.each([
    [undefined, 5],
    [2, 2],
    [1000, 5],
  ])('with the limit %s it gives %i of ten rows', async (limit, rows) => {
    const response = await post({ sql: 'SELECT tnum FROM trades', ...(limit === undefined ? {} : { limit }) })
    expect(response.json()).toMatchObject({ rowCount: rows, truncated: true })
    expect(response.json().rows).toHaveLength(rows)
  })

  test.each([
    ['csv', 'text/csv; charset=utf-8', 'uno,n\nU0,4\nU1,3\nU2,3\n'],
    ['ndjson', 'application/x-ndjson', '{"uno":"U0","n":4}\n{"uno":"U1","n":3}\n{"uno":"U2","n":3}\n'],
  ])('as %s', async (format, type, text) => {
    const response = await post({ sql: 'SELECT uno, count(*) AS n FROM trades GROUP BY 1 ORDER BY 1', format })
    expect(response.headers['content-type']).toBe(type)
    expect(response.headers['x-headrace-truncated']).toBe('false')
    expect(response.body).toBe(text)
  })

  test.each([
    ['SELECT * FRM trades', 'QUERY_SYNTAX', 400],
    ['SELECT * FROM orders', 'QUERY_TABLE_UNKNOWN', 400],
    ["COPY (SELECT 1) TO '/tmp/x.csv'", 'QUERY_NOT_ALLOWED', 400],
    ["SELECT * FROM read_text('/etc/hostname')", 'QUERY_NOT_ALLOWED', 400],
    ['SELECT count(*) FROM range(100000000000) a, range(1000000) b', 'QUERY_TIMEOUT', 504],
  ])('%s answers %s', async (sql, code, status) => {
    const response = await post({ sql })
    expect(response.json()).toMatchObject({ code, message: expect.any(String), hint: expect.any(String) })
    expect(response.statusCode).toBe(status)
  })

  test('more queries than may run at once all get their answer', async () => {
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => post({ sql: `SELECT ${n} AS n` })))
    expect(answers.map((answer) => answer.json().rows)).toEqual([[[1]], [[2]], [[3]], [[4]], [[5]], [[6]]])
  })
})
