import type { FileHandle } from 'node:fs/promises'
import { BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'

const HEADER_WINDOW_BYTES = 64 * 1024
const RECOVERY_WINDOW_BYTES = 4 * 1024 * 1024

/** Called with each batch and the byte of the file where it begins; returning false stops the scan. */
export type BatchVisitor = (batch: BatchHeader, position: number) => unknown

/** Gives a buffer of at least so many bytes. */
export type Allocate = (bytes: number) => Buffer

// Slow: such buffers are often large and must not come out of the pool that small ones share.
export const allocateOwn: Allocate = (bytes) => Buffer.allocUnsafeSlow(bytes)

/** Reads exactly `length` bytes at `position`; fewer only at the file's end. */
export async function readAt(
  handle: FileHandle,
  position: number,
  length: number,
  allocate: Allocate = allocateOwn,
): Promise<Buffer> {
  const buffer = allocate(length).subarray(0, length)
  return buffer.subarray(0, await fill(handle, buffer, position))
}

/** Visits the headers of the batches that lie from `position` to `end`, reading as little of their records as it can. */
export async function scanHeaders(
  handle: FileHandle,
  position: number,
  end: number,
  visit: BatchVisitor,
): Promise<void> {
  const batch = new BatchHeader()
  let at = position
  while (end - at >= BATCH_HEADER_BYTES) {
    const window = await readAt(handle, at, Math.min(HEADER_WINDOW_BYTES, end - at))
    let offset = 0
    for (; offset + BATCH_HEADER_BYTES <= window.length; offset += batch.sizeBytes)
      if (visit(batch.at(window, offset), at + offset) === false) return
    if (offset === 0) return
    at += offset
  }
}

/**
 * Visits the batches from `position` on that are whole, in order and match their CRC. Returns the byte after the last of them: what follows
 * is a write that a crash cut off.
 */
export async function scanIntact(
  handle: FileHandle,
  position: number,
  fileBytes: number,
  nextOffset: number,
  visit: BatchVisitor,
): Promise<number> {
  const batch = new BatchHeader()
  let window = Buffer.allocUnsafeSlow(Math.min(RECOVERY_WINDOW_BYTES, Math.max(fileBytes - position, 1)))
  let expected = nextOffset
  let at = position
  while (fileBytes - at >= BATCH_HEADER_BYTES) {
    const filled = window.subarray(0, await fill(handle, window, at))
    let offset = 0
    while (offset + BATCH_HEADER_BYTES <= filled.length) {
      batch.at(filled, offset)
      if (!isPlausible(batch, expected) || at + offset + batch.sizeBytes > fileBytes) return at + offset
      if (offset + batch.sizeBytes > filled.length) break
      if (!batch.isIntact(crc32c)) return at + offset
      visit(batch, at + offset)
      expected = batch.lastOffset + 1
      offset += batch.sizeBytes
    }
    // Not one batch fitted: the window is too small for it.
    if (offset === 0) window = Buffer.allocUnsafeSlow(batch.sizeBytes)
    at += offset
  }
  return at
}

function isPlausible(batch: BatchHeader, expectedOffset: number): boolean {
  return (
    batch.magic === BATCH_MAGIC &&
    batch.sizeBytes >= BATCH_HEADER_BYTES &&
    batch.baseOffset >= expectedOffset &&
    batch.lastOffsetDelta >= 0
  )
}

async function fill(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}
