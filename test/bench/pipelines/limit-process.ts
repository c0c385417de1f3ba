/** Plain DuckDB doing a workload from one NDJSON file: what the pipeline's speed is measured against. Prints one JSON line. */
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { usageSince } from './usage.ts'

const [file = ''] = process.argv.slice(2)
const { sql } = JSON.parse(readFileSync(file, 'utf8')) as { sql: string }
const instance = await DuckDBInstance.create(':memory:', { threads: '2', preserve_insertion_order: 'false' })
const connection = await instance.connect()
const usage = usageSince()
await connection.run(sql)
console.log(JSON.stringify(usage()))
