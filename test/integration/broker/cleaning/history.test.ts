import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { playCleaning } from './history.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-cleaning-history-'))
})
afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true })
})

// A longer one, or another seed: npm run test:cleaning.
test('killed while it compacts and deletes, a broker keeps what it has to and brings nothing back', async () => {
  const { records, compactedAway, deleted } = await playCleaning(dataDir, { seed: 3, kills: 6 })
  expect(compactedAway).toBeGreaterThan(records / 20)
  expect(deleted).toBeGreaterThan(records / 20)
})
