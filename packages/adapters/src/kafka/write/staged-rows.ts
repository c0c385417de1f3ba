import { type FileHandle, open } from 'node:fs/promises'
import { type Batch, BatchUnreadableError } from '@headrace/core'

const NEWLINE = 0x0a
const BLOCK_BYTES = 1024 * 1024

/**
 * Shows the staged rows of a batch in order, each from `start` to `end` in a block, and waits where `visit` wants it. Blocks are
 * written over once `visit` is done with them. Gives the number of rows.
 */
export async function eachRow(
  batch: Batch,
  visit: (block: Buffer, start: number, end: number, row: number) => Promise<void> | undefined,
): Promise<number> {
  let row = 0
  for await (const block of wholeLines(batch)) {
    let start = 0
    for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
      const wait = visit(block, start, end, row++)
      if (wait !== undefined) await wait
      start = end + 1
    }
  }
  return row
}

/** Whether a row has more bytes than this. Costs next to nothing: rows are not looked at one by one. */
export async function hasLongerRow(batch: Batch, bytes: number): Promise<boolean> {
  if (batch.files.every((file) => file.bytes <= bytes)) return false
  for await (const block of wholeLines(batch)) {
    for (let start = 0; block.length - start > bytes; ) {
      const end = block.lastIndexOf(NEWLINE, start + bytes)
      if (end < start) return true
      start = end + 1
    }
  }
  return false
}

/** The bytes of a batch's files in pieces that end with a newline. A piece is written over when the next one is asked for. */
async function* wholeLines(batch: Batch): AsyncGenerator<Buffer> {
  for (const { path, bytes } of batch.files) {
    let file: FileHandle | undefined
    try {
      file = await open(path)
      yield* linesOf(file, Math.min(BLOCK_BYTES, bytes + 1))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new BatchUnreadableError({ batch: nameOf(batch), reason }, { cause: error })
    } finally {
      await file?.close()
    }
  }
}

/** The same of one file, whose last line may lack its newline. Two buffers take turns: one is shown while the other is read into. */
export async function* linesOf(file: Pick<FileHandle, 'read'>, blockBytes: number): AsyncGenerator<Buffer> {
  let [shown, next] = [Buffer.allocUnsafe(blockBytes), Buffer.allocUnsafe(blockBytes)]
  let filled = (await file.read(shown, 0, shown.length)).bytesRead
  while (filled > 0) {
    const end = shown.lastIndexOf(NEWLINE, filled - 1) + 1
    const rest = filled - end
    if (next.length < 2 * rest) next = Buffer.allocUnsafe(4 * rest)
    shown.copy(next, 0, end, filled)
    const reading = file.read(next, rest, next.length - rest)
    // Told below, unless nobody wants to know any more.
    reading.catch(() => undefined)
    if (end > 0) yield shown.subarray(0, end)
    const { bytesRead } = await reading
    if (bytesRead === 0 && rest > 0) yield Buffer.concat([next.subarray(0, rest), Buffer.of(NEWLINE)])
    filled = bytesRead === 0 ? 0 : rest + bytesRead
    ;[shown, next] = [next, shown]
  }
}

export function nameOf({ id }: Batch): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}
