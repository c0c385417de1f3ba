import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { GenerateWriteError } from '../errors.ts'
import type { Sender } from './sender.ts'
import type { PlannedRecord } from './trade-plan.ts'

const NEWLINE = Buffer.from('\n')

/** One record a line, its bytes as they are. */
function ndjson(records: readonly PlannedRecord[]): Buffer {
  return Buffer.concat(records.flatMap((record) => [Buffer.from(record.value as string), NEWLINE]))
}

/** A file, begun anew; its folder is made where it is missing. Throws GENERATE_WRITE_FAILED. */
export async function openFileSender(path: string): Promise<Sender> {
  try {
    await mkdir(dirname(path), { recursive: true })
  } catch (cause) {
    throw new GenerateWriteError({ path, reason: reasonOf(cause) }, { cause })
  }
  const stream = createWriteStream(path)
  return new StreamSender(stream, path, async () => {
    stream.end()
    await finished(stream)
  })
}

/** A stream of this process that stays open: stdout. */
export function streamSender(stream: Writable, name: string): Sender {
  return new StreamSender(stream, name, async () => {})
}

class StreamSender implements Sender {
  readonly #stream: Writable
  readonly #name: string
  readonly #end: () => Promise<void>

  constructor(stream: Writable, name: string, end: () => Promise<void>) {
    this.#stream = stream
    this.#name = name
    this.#end = end
    // Failures come to each write's callback; without a listener they would end the process as well.
    stream.on('error', () => {})
  }

  send(records: readonly PlannedRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(ndjson(records), (cause) => {
        if (cause == null) resolve()
        else reject(new GenerateWriteError({ path: this.#name, reason: reasonOf(cause) }, { cause }))
      })
    })
  }

  async close(): Promise<void> {
    if (!this.#stream.destroyed) await this.#end()
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
