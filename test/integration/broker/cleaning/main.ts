/** `npm run test:cleaning -- [--kills N] [--seed N]`: a broker that compacts and deletes is killed again and again, and compared with a model. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { playCleaning } from './history.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const seed = Number(values.seed)
const dataDir = await mkdtemp(path.join(tmpdir(), 'broker-cleaning-history-'))
try {
  console.log(JSON.stringify(await playCleaning(dataDir, { seed, kills: Number(values.kills) })))
} catch (error) {
  console.error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`)
  process.exitCode = 1
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
