/** The two workloads: as a pipeline file, and as the plain DuckDB query that is their limit. */
export interface Workload {
  readonly name: 'w1' | 'w2'
  readonly summary: string
  /** Records per second of the pipeline divided by those of the limit, at least. */
  readonly goal: number
  readonly pipeline: string
  /** Over `{input}`, one NDJSON file; writes `{output}`. */
  readonly limit: string
  /** Both outputs as one comparable relation: `{output}` is a list of Parquet files. */
  readonly compare: string
}

export const TOPIC = 'trades'

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'w1',
    summary: 'pass-through: decode, tnum > 0, all columns to Parquet',
    goal: 0.4,
    pipeline: `name: w1
source:
  kafka: { topic: ${TOPIC}, start: earliest }
  decode:
    json:
      columns: { tid: bigint, tno: varchar, tdate: date, uno: varchar, pno: varchar, tnum: integer, tuptime: timestamp }
steps:
  - filter: tnum > 0
sinks:
  - parquet: { dataset: w1, compression: snappy }
`,
    limit: `COPY (SELECT * FROM read_json('{input}', format = 'newline_delimited', columns = {tid: 'BIGINT', tno: 'VARCHAR',
      tdate: 'DATE', uno: 'VARCHAR', pno: 'VARCHAR', tnum: 'INTEGER', tuptime: 'TIMESTAMP'}) WHERE tnum > 0)
      TO '{output}' (FORMAT parquet, COMPRESSION snappy)`,
    compare: `SELECT count(*) AS n, sum(tid)::DECIMAL(38, 0) AS ids, sum(tnum)::DECIMAL(38, 0) AS items, count(DISTINCT tid) AS different,
      bit_xor(hash(tid, tno, tdate, uno, pno, tnum, tuptime)) AS fingerprint FROM read_parquet({output})`,
  },
  {
    name: 'w2',
    summary: 'one-minute event-time windows by product, 5 s delay: count and sum to Parquet',
    goal: 0.28,
    pipeline: `name: w2
source:
  kafka: { topic: ${TOPIC}, start: earliest }
  decode:
    json: { columns: { tuptime: timestamp, pno: varchar, tnum: integer } }
  watermark: { column: tuptime, delay: 5 seconds }
steps:
  - filter: tnum > 0
  - name: per_minute
    sql: |
      SELECT window_start, pno, count(*) AS orders, sum(tnum) AS items
      FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, pno
sinks:
  - parquet: { dataset: w2, compression: snappy }
`,
    limit: `COPY (SELECT date_trunc('minute', tuptime) AS window_start, pno, count(*) AS orders, sum(tnum) AS items
      FROM read_json('{input}', format = 'newline_delimited', columns = {tuptime: 'TIMESTAMP', pno: 'VARCHAR', tnum: 'INTEGER'})
      WHERE tnum > 0 GROUP BY ALL) TO '{output}' (FORMAT parquet)`,
    compare: `SELECT window_start, pno, orders::BIGINT AS orders, items::DECIMAL(38, 0) AS items FROM read_parquet({output})`,
  },
]
