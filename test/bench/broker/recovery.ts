import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RawProducer } from '../../support/raw-producer.ts'
import { timedStart } from './servers.ts'

const RECORD = Buffer.alloc(1000, 'x')
const KEY = Buffer.from('key')

/** Fills a broker with `megabytes`, kills it, and gives how long it takes to listen again, ms. */
export async function recoveryMs(megabytes: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-bench-recovery-'))
  try {
    const { broker } = await timedStart(directory)
    const producer = await RawProducer.open(broker.address, 'recovered', 4)
    const records = Math.ceil((megabytes * 1e6) / RECORD.length)
    for (let i = 0; i < records; i++) {
      const room = producer.append(i % 4, KEY, RECORD, i)
      if (room !== undefined) await room
    }
    await producer.flush()
    producer.close()
    await broker.kill()
    const again = await timedStart(directory)
    await again.broker.stop()
    return again.startMs
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
