/** `npm run test:transactions -- [--steps N] [--seed N]`: a random history of transactions and kills, compared with a model. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { playHistory } from './history.ts'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const seed = Number(values.seed)
const dataDir = await mkdtemp(path.join(tmpdir(), 'broker-transaction-history-'))
try {
  console.log(JSON.stringify(await playHistory(dataDir, { seed, steps: Number(values.steps) })))
} catch (error) {
  console.error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`)
  process.exitCode = 1
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
