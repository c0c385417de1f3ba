import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Database } from '../duckdb/index.ts'
import { translate } from './epoch.ts'
import { stageRows } from './staging.ts'

it('says that a value is too long for a folder’s name', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-partition-'))
  const database = await Database.open(undefined, { threads: 1 })
  onTestFinished(async () => {
    database.close()
    await rm(directory, { recursive: true, force: true })
  })
  const columns = [
    { name: 'k', type: 'VARCHAR' },
    { name: 'n', type: 'INTEGER' },
  ]
  const staging = { format: 'parquet' as const, partitionBy: [{ name: 'k', expression: 'k' }] }
  const staged = stageRows(await database.connect(), "SELECT repeat('y', 300) AS k, 1 AS n", columns, staging, {
    directory,
    name: 'staged-test',
  })
  const error = await staged.catch((cause: unknown) => translate(cause, 'per_minute'))
  expect(error).toMatchObject({ code: 'STEP_FAILED', message: expect.stringMatching(/"per_minute".*too long.*folder/) })
})
