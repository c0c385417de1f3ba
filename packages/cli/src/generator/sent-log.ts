import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import { GenerateWriteError } from '../errors.ts'
import type { PlannedRecord } from './trade-plan.ts'

/** A file with one JSON line for each record sent: what a test of the pipeline can be checked against. */
export interface SentLog {
  add(batch: readonly PlannedRecord[]): void
  /** Throws GENERATE_WRITE_FAILED if any line could not be written. */
  close(): Promise<void>
}

export async function openSentLog(path: string): Promise<SentLog> {
  const failed = (cause: unknown) =>
    new GenerateWriteError({ path, reason: cause instanceof Error ? cause.message : String(cause) }, { cause })
  await mkdir(dirname(path), { recursive: true }).catch((cause) => {
    throw failed(cause)
  })
  const stream = createWriteStream(path)
  const written = finished(stream)
  // Awaited in close(); a failure before that must not end the process.
  written.catch(() => {})
  let n = 0
  return {
    add(batch) {
      const lines = batch.map(({ kind, key, partition, timestampMs }) =>
        JSON.stringify({ n: ++n, kind, key, partition, time: new Date(timestampMs).toISOString() }),
      )
      stream.write(`${lines.join('\n')}\n`)
    },
    async close() {
      stream.end()
      await written.catch((cause) => {
        throw failed(cause)
      })
    },
  }
}
