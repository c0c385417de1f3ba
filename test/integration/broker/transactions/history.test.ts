import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { playHistory } from './history.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-transaction-history-'))
})
afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true })
})

// A longer one, or another seed: npm run test:transactions.
test.each([7, 11])('whatever is killed when, all readers see what the model says (seed %i)', async (seed) => {
  const { kills, committed, aborted, interrupted, checks } = await playHistory(dataDir, { seed, steps: 80 })
  expect(kills).toBeGreaterThan(3)
  expect(checks).toBeGreaterThan(kills)
  expect(Math.min(committed, aborted)).toBeGreaterThan(2)
  // How many depends on how busy the machine is.
  expect(interrupted).toBeGreaterThan(0)
})
