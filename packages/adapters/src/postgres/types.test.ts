import { expect, test } from 'vitest'
import { postgresType } from './types.ts'

test.each([
  ['BIGINT', 'bigint'],
  ['UBIGINT', 'numeric(20,0)'],
  ['HUGEINT', 'numeric(39,0)'],
  ['DECIMAL(18,3)', 'numeric(18,3)'],
  ['TIMESTAMP WITH TIME ZONE', 'timestamptz'],
  ['TIMESTAMP_NS', 'timestamp'],
  ['INTEGER[]', 'jsonb'],
  ['INTEGER[3]', 'jsonb'],
  ['STRUCT(a INTEGER, b VARCHAR[])', 'jsonb'],
  ['MAP(VARCHAR, BIGINT)', 'jsonb'],
  ["ENUM('a', 'b')", 'text'],
])('%s is %s', (duckdb, postgres) => {
  expect(postgresType(duckdb)).toBe(postgres)
})
