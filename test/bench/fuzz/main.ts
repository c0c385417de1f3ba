/** `npm run bench -- fuzz`: one line of JSON in the end; exits with 1 where the broker was not as it should be. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { BrokerProcess } from '../../support/broker-process.ts'
import { residentBytes } from '../../support/resident-memory.ts'
import { commitName, machineName } from '../machine.ts'
import { fuzzCorpus } from './corpus.ts'
import { fuzz } from './fuzz.ts'

const MIB = 1024 * 1024
const MAX_RESIDENT_BYTES = 300 * MIB
const BEAT_MS = 1000

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    frames: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    attackers: { type: 'string', default: '16' },
  },
})

const dataDir = await mkdtemp(path.join(tmpdir(), 'headrace-fuzz-'))
const broker = await BrokerProcess.start(dataDir)
let maxResidentBytes = 0
try {
  const summary = await fuzz({
    host: '127.0.0.1',
    port: broker.port,
    corpus: await fuzzCorpus(),
    seed: Number(values.seed),
    maxFrames: Number(values.frames),
    maxMs: Number(values.seconds) * 1000,
    attackers: Number(values.attackers),
    beatMs: BEAT_MS,
    onBeat: async () => {
      maxResidentBytes = Math.max(maxResidentBytes, await residentBytes(broker.pid))
    },
  })
  const isWell = summary.healthyIntact && maxResidentBytes < MAX_RESIDENT_BYTES
  const shared = { bench: 'fuzz', machine: machineName(), commit: commitName() }
  console.log(JSON.stringify({ ...shared, ...summary, maxResidentMiB: Math.round(maxResidentBytes / MIB), isWell }))
  process.exitCode = isWell ? 0 : 1
} finally {
  await broker.stop()
  await rm(dataDir, { recursive: true, force: true })
}
