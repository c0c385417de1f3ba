import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { adapters } from '@headrace/adapters'
import { parsePipeline, runPipeline } from '@headrace/core'
import { expect, it, onTestFinished } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { RawProducer } from '../support/raw-producer.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

// 3 million US flights of 2001, sorted by time, from the Bureau of Transportation Statistics: nobody here made this data.
const FLIGHTS = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')))
const RECORDS = 400_000
const PARTITIONS = 4

const PIPELINE = `name: flights
source:
  kafka: { topic: flights }
  decode:
    json: { columns: { date: timestamp, delay: integer, distance: integer, origin: varchar } }
  watermark: { column: date, delay: 0 seconds }
steps:
  - name: hourly
    sql: |
      SELECT window_start, origin, count(*) AS flights, sum(delay) AS delay, max(delay) AS worst, avg(distance) AS distance
      FROM TUMBLE(TABLE input, DESCRIPTOR(date), INTERVAL '1' HOUR)
      GROUP BY window_start, window_end, origin
sinks:
  - parquet: { dataset: hourly, partitionBy: [day(window_start)] }
`

const EXPECTED = `SELECT time_bucket(INTERVAL 1 HOUR, date) AS window_start, origin, count(*)::BIGINT AS flights,
  sum(delay)::BIGINT AS delay, max(delay)::BIGINT AS worst, avg(distance) AS distance FROM flights GROUP BY ALL`

const temporary = temporaryFolder('headrace-flights-')

it('sums real flights by airport and hour as DuckDB does over the file', async () => {
  const folder = temporary()
  const broker = await BrokerProcess.start(join(folder, 'broker'))
  onTestFinished(() => broker.stop())
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE flights AS SELECT * FROM read_parquet('${FLIGHTS}') LIMIT ${RECORDS}`)

  const producer = await RawProducer.open(broker.address, 'flights', PARTITIONS)
  const values = await connection.stream(
    `SELECT to_json(flights)::VARCHAR AS value, (hash(origin) % ${PARTITIONS})::INTEGER FROM flights`,
  )
  for await (const rows of values.yieldRows()) {
    for (const [value, partition] of rows) {
      await producer.append(partition as number, null, Buffer.from(value as string), Date.now())
    }
  }
  await producer.flush()
  producer.close()

  const file = join(folder, 'flights.yaml')
  await writeFile(file, PIPELINE)
  const { config } = parsePipeline(PIPELINE, file, adapters)
  if (config === undefined) throw new Error('the pipeline has mistakes')
  const { status } = await runPipeline({
    config,
    adapters,
    connection: () => ({ bootstrap: broker.address, clientId: 'flights' }),
    dataDirectory: folder,
    mode: { kind: 'once' },
    drain: true,
    signal: new AbortController().signal,
  })

  expect(status.records).toMatchObject({ read: RECORDS, dead: 0 })
  expect(status.windows.hourly).toMatchObject({ fired: RECORDS, late: 0, open: 0 })
  await connection.run(`CREATE VIEW own AS SELECT window_start, origin, flights::BIGINT AS flights, delay::BIGINT AS delay, worst::BIGINT AS worst, distance
    FROM read_parquet('${join(folder, 'lake', 'hourly', '*', '*.parquet')}')`)
  const compared =
    await connection.runAndReadAll(`SELECT (SELECT count(*) FROM own)::INTEGER, (SELECT count(*) FROM (${EXPECTED}))::INTEGER,
    (SELECT count(*) FROM ((SELECT * FROM own) EXCEPT ALL (${EXPECTED})))::INTEGER`)
  const [own, expected, different] = compared.getRows()[0] as number[]
  expect(expected).toBeGreaterThan(30_000)
  expect({ own, different }).toEqual({ own: expected, different: 0 })
  connection.closeSync()
  instance.closeSync()
})
