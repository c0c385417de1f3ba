import { createReadStream } from 'node:fs'
import { type Batch, BatchUnreadableError } from '@headrace/core'
import { wholeLines } from './lines.ts'

const NEWLINE = 0x0a

/** Shows the staged rows of a batch in order, each as a view, and waits where `visit` wants it. Gives their number. */
export async function eachRow(
  batch: Batch,
  visit: (row: Buffer, number: number) => Promise<void> | undefined,
): Promise<number> {
  let number = 0
  for (const { path } of batch.files) {
    for await (const block of wholeLines(staged(path, batch))) {
      let start = 0
      for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
        const wait = visit(block.subarray(start, end), number++)
        if (wait !== undefined) await wait
        start = end + 1
      }
    }
  }
  return number
}

async function* staged(path: string, batch: Batch): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BatchUnreadableError({ batch: nameOf(batch), reason }, { cause: error })
  }
}

export function nameOf({ id }: Batch): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}
